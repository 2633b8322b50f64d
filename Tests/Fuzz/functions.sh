#!/bin/sh
# Calls the shell's functions and virtual tables with random arguments in both programs, and reports differences.
#
# Usage: Tests/Fuzz/functions.sh [SEED] [ROUNDS], a round being 100 statements of each kind.
# PROGRAM names the program to run (the release build if it is not set).
set -eu
cd "$(dirname "$0")/../.."
exec python3 Tests/Fuzz/functions.py "${PROGRAM:-.build/release/sqlite3-cloud-s3}" "${1:-1}" "${2:-20}"

#!/bin/sh
# Asks both programs for indexes (`.expert`) on random schemas and statements, and reports different answers.
#
# Usage: Tests/Fuzz/expert.sh [SEED] [SCHEMAS], each schema being asked about ten times.
# PROGRAM names the program to run (the release build if it is not set).
set -eu
cd "$(dirname "$0")/../.."
exec python3 Tests/Fuzz/expert.py "${PROGRAM:-.build/release/sqlite3-cloud-s3}" "${1:-1}" "${2:-200}"

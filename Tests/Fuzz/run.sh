#!/bin/sh
# Runs scripts mutated from the golden cases through the built program and reports crashes and hangs.
#
# Usage: Tests/Fuzz/run.sh [SEED] [RUNS]
# REFERENCE names the sqlite3 to compare with (/usr/bin/sqlite3 if it is not set).
# PROGRAM names the program to run (the release build if it is not set); COMPARE=1 also reports scripts that
# sqlite3 answers differently. With the address sanitizer:
#   swift build --sanitize=address --scratch-path .build/asan
#   PROGRAM=.build/asan/debug/sqlite3-cloud-s3 Tests/Fuzz/run.sh 1 50000
set -eu
cd "$(dirname "$0")/../.."
exec python3 Tests/Fuzz/fuzz.py "${PROGRAM:-.build/release/sqlite3-cloud-s3}" "${1:-1}" "${2:-1000}"

#!/bin/sh
# Reads, changes and extracts archives damaged at random: Tests/Fuzz/archives.sh [SEED] [RUNS]
#
# For the address sanitizer: swift build --sanitize=address --scratch-path .build/asan, and
# SHELL_UNDER_TEST=.build/asan/debug/sqlite3-cloud-s3.
set -eu
cd "$(dirname "$0")/../.."
program=${SHELL_UNDER_TEST:-.build/release/sqlite3-cloud-s3}
exec python3 Tests/Fuzz/archives.py "$program" "${1:-1}" "${2:-1000}"

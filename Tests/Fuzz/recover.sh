#!/bin/sh
# Damages random databases and counts the rows that .recover restores: Tests/Fuzz/recover.sh [SEED] [RUNS]
set -eu
cd "$(dirname "$0")/../.."
program=${SHELL_UNDER_TEST:-.build/release/sqlite3-cloud-s3}
exec python3 Tests/Fuzz/recover.py "$program" "${1:-1}" "${2:-200}"

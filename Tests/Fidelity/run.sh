#!/bin/sh
# Runs SESSIONS sessions made from SEED on, restores them both ways and compares: Tests/Fidelity/run.sh [SEED] [SESSIONS] [GRAMMAR]
#
# GRAMMAR is plain or misleading; misleading uses forms that can confuse a log: stray ;, comments, EXPLAIN, odd names, edited statistics, …
set -eu
cd "$(dirname "$0")"
binary=${SHELL_UNDER_TEST:-../../.build/release/sqlite3-cloud-s3}
exec python3 fidelity.py "$binary" "${1:-1}" "${2:-2000}" "${3:-plain}"

#!/bin/sh
# Runs SESSIONS sessions made from SEED on, restores them both ways and compares: Tests/Fidelity/run.sh [SEED] [SESSIONS]
set -eu
cd "$(dirname "$0")"
binary=${SHELL_UNDER_TEST:-../../.build/release/sqlite3-cloud-s3}
exec python3 fidelity.py "$binary" "${1:-1}" "${2:-2000}"

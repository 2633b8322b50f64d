#!/bin/sh
# Damages replicas at random and restores and verifies them: damage.sh [SEED] [RUNS]
#
# SHELL_UNDER_TEST names the program; else it is the release build.
set -eu
cd "$(dirname "$0")/../.."
exec python3 Tests/Faults/damage.py "${SHELL_UNDER_TEST:-.build/release/sqlite3-cloud-s3}" "${1:-}" "${2:-500}"

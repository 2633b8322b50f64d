#!/bin/sh
# Runs every block of commands in README.md and Docs/Guide.md that is marked "run", as printed, against a SeaweedFS of its own.
#
# Usage: Tests/Docs/run.sh PROGRAM [HOST:PORT KEY SECRET]. If a server is named, it is used instead.
set -eu
program=$(realpath "$1")
shift
root=$(cd "$(dirname "$0")/../.." && pwd)
exec "$(command -v python3)" "$root/Tests/Docs/run.py" "$root" "$program" "$@"

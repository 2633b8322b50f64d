#!/bin/sh
# Updates the files that are made from the program's table of options. Usage: .ci/generate.sh PROGRAM
set -eu
program=$(realpath "$1")
cd "$(dirname "$0")/.."
"$program" -generate bash >Docs/Completions/sqlite3-cloud-s3.bash
"$program" -generate zsh >Docs/Completions/_sqlite3-cloud-s3
"$program" -generate fish >Docs/Completions/sqlite3-cloud-s3.fish
options=$(mktemp)
trap 'rm -f "$options"' EXIT
"$program" -generate manual >"$options"
sed -i -e '/^\.\\" Made by:/,/^\.\\" End of what/{/^\.\\"/!d}' -e "/^\.\\\\\" Made by:/r $options" \
  Docs/sqlite3-cloud-s3.1

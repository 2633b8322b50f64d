#!/bin/sh
# Opens the shell on demo.db, mirrored to the folder demo-mirror beside it.
set -eu
cd "$(dirname "$0")/.."

cat <<'TEXT'
demo.db is mirrored to demo-mirror. Try:  CREATE TABLE t(a); INSERT INTO t VALUES('kept');  then  .mirror  and  .exit
Then lose it and get it back:             rm demo.db*; make run    and type    .restore wal    and    SELECT * FROM t;
TEXT
exec .build/release/sqlite3-cloud-s3 -mirror "file://$PWD/demo-mirror" demo.db

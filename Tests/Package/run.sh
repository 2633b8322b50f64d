#!/bin/sh
# Installs the package into a clean Debian root and runs it there: mirror, loss, restore, removal.
#
# Usage: Tests/Package/run.sh PACKAGE.deb [SUITE [MIRROR]]. Needs root, debootstrap and a Debian archive; "make deb"
# makes the package.
set -eu

package=$(realpath "$1")
suite=${2:-$(. /etc/os-release && echo "$VERSION_CODENAME")}
archive=${3:-http://deb.debian.org/debian}
root=$(mktemp -d)
trap 'umount "$root/proc" 2>/dev/null || true; rm -rf --one-file-system "$root" "$root.log"' EXIT
chmod 755 "$root"

debootstrap --variant=minbase "$suite" "$root" "$archive" >"$root.log" 2>&1 || {
  tail -n 20 "$root.log" >&2
  exit 1
}
mount -t proc proc "$root/proc"
cp "$package" "$root/package.deb"
inside() { chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 "$@"; }

inside apt-get update -qq
inside apt-get install -y -qq --no-install-recommends /package.deb >/dev/null
inside sh -euc '
  sqlite3-cloud-s3 -version
  cd /tmp
  echo "CREATE TABLE t(a); INSERT INTO t VALUES(42);" | sqlite3-cloud-s3 -mirror file:///tmp/replica a.db
  rm a.db*
  echo ".restore wal" | sqlite3-cloud-s3 -mirror file:///tmp/replica a.db
  test "$(sqlite3-cloud-s3 -mirror off a.db "SELECT a FROM t")" = 42
  # libs3 was found: only the connection fails.
  if S3_ACCESS_KEY_ID=k S3_SECRET_ACCESS_KEY=s S3_HOSTNAME=http://127.0.0.1:1 \
    sqlite3-cloud-s3 -mirror s3://bucket/p -check >check.txt 2>&1; then exit 1; fi
  grep -q "could not connect" check.txt
  test -s /usr/share/man/man1/sqlite3-cloud-s3.1.gz || test -d /usr/share/man
  apt-get remove -y -qq sqlite3-cloud-s3 >/dev/null
  test ! -e /usr/bin/sqlite3-cloud-s3
'
echo "the package installs, runs and goes"

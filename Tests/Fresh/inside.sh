#!/bin/sh
# The steps of run.sh inside the root that it made, with its own mounts and processes. Usage: inside.sh ROOT all|build [SWIFT]
set -eu

root=$1
purpose=$2
swift=${3:-}
began=$(date +%s)

mount -t proc proc "$root/proc"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
mkdir -p "$root/dev/shm"
mount -t tmpfs tmpfs "$root/dev/shm"
path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
if [ -n "$swift" ]; then
  mkdir -p "$root$swift"
  mount --bind "$swift" "$root$swift"
  path=$path:$swift/bin
fi

# Keep nothing of the environment except the settings of the network.
ways=$(env | grep -iE '^(PIP_[A-Z_]+|(https?|all|no)_proxy)=[^ ]*$' || true)
clean() {
  # shellcheck disable=SC2086
  chroot "$root" /usr/bin/env -i PATH="$path" HOME=/root LANG=C.UTF-8 $ways "$@"
}
at() { clean sh -euc 'cd ~/sqlite3-cloud-s3; '"$1"; }
# Shows what a command says only if it fails; its standard output goes to another file.
quietly() {
  at "$1" >"$root/output.log" 2>"$root/errors.log" || {
    code=$?
    tail -n 40 "$root/errors.log" "$root/output.log" >&2
    exit "$code"
  }
}
step() { echo "──── $* ($(($(date +%s) - began)) s)"; }
failed() {
  echo "$*" >&2
  exit 1
}

if [ "$purpose" = build ]; then
  step "make build, and the tests"
  quietly 'make build && swift build --build-tests'
  exit 0
fi

# The README's two commands, as they stand there.
commands=$(awk '/^```sh$/ { inside = 1; next } /^```/ { if (inside) exit } inside { sub(/ *#.*/, ""); print }' \
  "$root/root/sqlite3-cloud-s3/README.md")
run=$(echo "$commands" | sed -n 1p)
test=$(echo "$commands" | sed -n 2p)
[ "$run $test" = "make run make test" ] || failed "README.md begins with other commands: $commands"

step "$run"
at 'rm -rf demo.db* demo-mirror'
echo "CREATE TABLE t(a); INSERT INTO t VALUES('kept');" | quietly "$run"
at 'rm demo.db*'
printf '.restore wal\nSELECT a FROM t;\n' | quietly "$run"
grep -qx kept "$root/output.log" || failed "make run did not bring the row back: $(cat "$root/output.log")"

step "$test"
at "$test" >"$root/test.log" 2>&1 && code=0 || code=$?
installed=$(clean sqlite3 -version | cut -d ' ' -f 1)
sh "${0%/*}/judge.sh" "$root/test.log" "$code" "$installed"

step "the README's round trip"
at 'Tests/Docs/run.sh .build/release/sqlite3-cloud-s3'
step "done"

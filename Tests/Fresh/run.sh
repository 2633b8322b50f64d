#!/bin/sh
# Makes a clean Debian root that has git, make and ca-certificates only. It runs README's two commands there, then the README's
# round trip with a directory as mirror.
#
# Usage: Tests/Fresh/run.sh [--build] [--keep DIR] [--swift] [SUITE]
#   SUITE       trixie (the default), bookworm, …
#   --build     builds program and tests only
#   --keep DIR  makes the root in DIR, keeps it, and uses the one that is there
#   --swift     uses the Swift of this machine, even if the suite has one
#
# Needs root or sudo, and a Debian archive. Ends with 77 and the reason if no root can be made here.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
source=$(cd "$here/../.." && pwd)
. "$here/host.sh"

purpose=all
keep=
wants_host_swift=
suite=trixie
while [ $# -gt 0 ]; do
  case $1 in
    --build) purpose=build ;;
    --keep)
      keep=$(realpath -m "$2")
      shift
      ;;
    --swift) wants_host_swift=yes ;;
    -*)
      sed -n '/^# Usage/,/^# *--swift/s/^# //p' "$0" >&2
      exit 2
      ;;
    *) suite=$1 ;;
  esac
  shift
done

if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || skip "making a root needs root or sudo"
  exec sudo --preserve-env env "PATH=$PATH" "$0" ${keep:+--keep "$keep"} ${wants_host_swift:+--swift} \
    $([ $purpose = all ] || echo --build) "$suite"
fi

unshare --mount --pid --fork --kill-child true 2>/dev/null || skip "this machine lets nobody mount anything"
"$source/.ci/setup.sh" fresh || skip "debootstrap cannot be installed"
archive=$(host_archive)
can_reach "$archive" "$suite" || skip "$archive has no suite $suite, or cannot be reached"

root=${keep:-$(mktemp -d)}
log=$(mktemp)
inside=
finish() {
  [ -z "$inside" ] || kill -KILL "$inside" 2>/dev/null || true
  [ -z "$inside" ] || wait "$inside" 2>/dev/null || true
  rm -f "$log"
  # The mounts exist only for the processes inside, and end with them.
  [ -n "$keep" ] || rm -rf --one-file-system "$root"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# Runs a command with its own mounts and processes, which ends with this script.
apart() {
  unshare --mount --propagation private --pid --fork --kill-child "$@" <&3 &
  inside=$!
  code=0
  wait "$inside" || code=$?
  inside=
  return "$code"
}
exec 3</dev/null

mkdir -p "$root"
chmod 755 "$root"
# Allow only one run at a time in a root that is kept.
exec 4>"$root/lock"
flock 4
began=$(date +%s)
passed() { echo "──── $* after $(($(date +%s) - began)) s"; }

if [ ! -e "$root/made" ]; then
  apart debootstrap --variant=minbase --include=ca-certificates,git,make "$suite" "$root" "$archive" >"$log" 2>&1 || {
    tail -n 20 "$log" >&2
    exit 1
  }
  give_host_settings "$root"
  echo "$suite" >"$root/made"
  passed "clean $suite"
fi
[ "$(cat "$root/made")" = "$suite" ] || {
  echo "use $root: it holds $(cat "$root/made"), not $suite; name another folder" >&2
  exit 1
}
give_source "$source" "$root/root/sqlite3-cloud-s3"

swift=
if [ -n "$wants_host_swift" ] || ! apart chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin \
  sh -c 'apt-get update -qq && apt-cache show swiftlang' >"$log" 2>&1; then
  swift=$(host_swift)
  [ -n "$swift" ] || {
    echo "use Swift: $suite offers none, and there is none on this machine outside of /usr" >&2
    exit 1
  }
fi

code=0
apart sh "$here/inside.sh" "$root" "$purpose" "$swift" || code=$?
if [ "$code" -eq 0 ]; then passed "$suite done"; else passed "$suite failed"; fi
exit "$code"

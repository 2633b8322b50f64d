#!/bin/sh
# Sets up what the program is built from and, with "test", what its tests need.
#
# Asks apt for nothing where all is there. Usage: .ci/setup.sh [build|test]
set -eu

purpose=${1:-build}
root=$(cd "$(dirname "$0")/.." && pwd)

packages="libsqlite3-dev libs3-dev libreadline-dev libzstd-dev liblz4-dev libxxhash-dev nettle-dev zlib1g-dev pkg-config"
if [ "$purpose" = test ]; then
  packages="$packages sqlite3 tmux python3-venv openssl zstd"
fi

say() { printf '%s\n' "$*" >&2; }

is_installed() {
  dpkg-query -W -f '${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    say "This needs root: run as root, or install sudo: $*"
    exit 1
  fi
}

# The lists are fetched once, and only where something must be installed.
is_updated=
update() {
  [ -n "$is_updated" ] || as_root apt-get update -qq
  is_updated=yes
}

install_packages() {
  update
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2
}

# "6.3" of the Swift that is found; empty where there is none (other programs are called swift too).
swift_version() {
  swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9]*\.[0-9]*\).*/\1/p' | head -n 1
}

no_swift() {
  say "$1"
  say "Swift 6.0 or newer is needed: https://www.swift.org/install/linux/ tells how to get it."
  exit 1
}

if ! command -v dpkg-query >/dev/null; then
  say "Not a Debian or Ubuntu system: these must be there by other means: $packages"
else
  missing=
  for package in $packages; do
    is_installed "$package" || missing="$missing $package"
  done
  if [ -n "$missing" ]; then
    say "Installing$missing"
    # shellcheck disable=SC2086
    install_packages $missing
  fi
fi

version=$(swift_version)
if [ -z "$version" ] && command -v apt-cache >/dev/null; then
  update
  offered=$(apt-cache policy swiftlang | sed -n 's/^ *Candidate: //p')
  if dpkg --compare-versions "${offered:-0}" ge 6.0 2>/dev/null; then
    say "Installing swiftlang $offered"
    install_packages swiftlang
    version=$(swift_version)
  else
    no_swift "There is no Swift here, and apt offers none that is new enough."
  fi
fi
[ -n "$version" ] || no_swift "There is no Swift here."
[ "${version%%.*}" -ge 6 ] || no_swift "The Swift found here is $version, which is too old."

if [ "$purpose" = test ]; then
  "$root/Tests/Servers/setup-venv.sh"
fi

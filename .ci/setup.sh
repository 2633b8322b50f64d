#!/bin/sh
# Installs the packages that the build needs; with "test" also those of the tests, with "fresh" those of Tests/Fresh.
#
# It does not call apt if everything is installed. Usage: .ci/setup.sh [build|test|fresh]
set -eu

purpose=${1:-build}
root=$(cd "$(dirname "$0")/.." && pwd)

packages="libsqlite3-dev libs3-dev libreadline-dev libzstd-dev liblz4-dev libxxhash-dev nettle-dev zlib1g-dev pkg-config"
if [ "$purpose" = test ]; then
  packages="$packages sqlite3 tmux python3-venv openssl zstd"
elif [ "$purpose" = fresh ]; then
  packages="debootstrap wget"
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

# Installs those that are not there.
need() {
  missing=
  for package in "$@"; do
    is_installed "$package" || missing="$missing $package"
  done
  if [ -n "$missing" ]; then
    say "Installing$missing"
    # shellcheck disable=SC2086
    install_packages $missing
  fi
}

# The packages of the shared libraries that a Swift from swift.org leaves to the system.
library_packages() {
  ldd "$1/swift-build" "$1/swift-test" "$1/clang" "$1/lld" 2>/dev/null | sed -n 's/^\t\(.*\) => not found/\1/p' |
    sort -u | while read -r library; do
    case $library in
      libcurl.so.4) echo libcurl4 ;;
      libxml2.so.2) echo libxml2 ;;
      libsqlite3.so.0) echo libsqlite3-0 ;;
      libedit.so.2) echo libedit2 ;;
      libncurses.so.6) echo libncurses6 ;;
      libuuid.so.1) echo libuuid1 ;;
      libz3.so.4) echo libz3-4 ;;
      *) say "Swift needs $library, which this system has not got." ;;
    esac
  done
}

# The C++ library that Swift links to: that of the newest GCC whose files are there, or of the system's where there is
# none.
cxx_package() {
  resources=$(swiftc -print-target-info 2>/dev/null | sed -n 's/.*"runtimeResourcePath": "\(.*\)".*/\1/p')
  compiler=$resources/../../bin/clang
  [ -x "$compiler" ] || return 0
  [ ! -f "$("$compiler" -print-file-name=libstdc++.so)" ] || return 0
  gcc=$("$compiler" -v 2>&1 | sed -n 's|^Selected GCC installation: .*/\([0-9]*\)$|\1|p')
  if [ -z "$gcc" ]; then
    update >&2
    gcc=$(apt-cache depends gcc | sed -n 's/^ *Depends: gcc-\([0-9]*\)$/\1/p')
  fi
  [ -z "$gcc" ] || echo "libstdc++-$gcc-dev"
}

# The linker that it calls on x86_64; a package of its own since Debian 13.
linker_package() {
  if [ "$(uname -m)" != x86_64 ] || command -v ld.gold >/dev/null; then return 0; fi
  update >&2
  if apt-cache show binutils-gold 2>/dev/null | grep -q .; then echo binutils-gold; else echo binutils; fi
}

if ! command -v dpkg-query >/dev/null; then
  say "Not a Debian or Ubuntu system: these must be there by other means: $packages"
else
  # shellcheck disable=SC2086
  need $packages
fi
[ "$purpose" != fresh ] || exit 0

# What a Swift that apt did not bring leaves to the system. Before it is asked for its version, which it cannot print
# without its libraries.
if command -v swiftc >/dev/null && command -v dpkg >/dev/null && ! dpkg -S "$(realpath "$(command -v swiftc)")" >/dev/null 2>&1; then
  # shellcheck disable=SC2046
  need $(library_packages "$(dirname "$(realpath "$(command -v swiftc)")")")
  # shellcheck disable=SC2046
  need $(linker_package)
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

# apt's Swift 6.0 does not bring it either.
if command -v dpkg >/dev/null; then
  # shellcheck disable=SC2046
  need $(cxx_package)
fi

if [ "$purpose" = test ]; then
  "$root/Tests/Servers/setup-venv.sh"
fi

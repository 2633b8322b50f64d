#!/bin/sh
# Builds the program for release: optimised, and with static libraries where they are installed, because they make the
# start faster: Swift's standard library (which halves the time), the C++ library that it needs, zstd, lz4 and nettle.
set -eu
cd "$(dirname "$0")/.."

resources=$(swiftc -print-target-info | sed -n 's/.*"runtimeResourcePath": "\(.*\)".*/\1/p')
[ -d "${resources}_static" ] || exec swift build -c release --product sqlite3-cloud-s3

# The linker takes a static library if it finds no shared one of that name before it.
archives=$PWD/.build/archives
compiler=$(command -v cc || command -v clang || printf '%s' "$(dirname "$(command -v swiftc)")/clang")
mkdir -p "$archives"
link() {
  found=$("$compiler" -print-file-name="$1")
  if [ -f "$found" ]; then ln -sf "$found" "$archives/$2"; else rm -f "$archives/$2"; fi
}
link libstdc++.a libstdc++.a
link libgcc_eh.a libgcc_s.a
link libzstd.a libzstd.a
link liblz4.a liblz4.a
link libnettle.a libnettle.a

# Without frame pointers, which SwiftPM asks for: functions that SQLite calls for each row are hardly longer than setting one up.
#
# At a fixed address: moving it would mean writing to 27000 pointers of Swift's library before the first line runs. The
# libraries, stack and heap are still at random addresses.
exec swift build -c release --product sqlite3-cloud-s3 --static-swift-stdlib --omit-frame-pointers \
  -Xlinker "-L$archives" \
  -Xswiftc -Xclang-linker -Xswiftc -no-pie

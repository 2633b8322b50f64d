#!/bin/sh
# Builds the program as it is installed: optimised, with Swift's standard library inside where the toolchain has
# it in that form (it halves the time to start).
set -eu
cd "$(dirname "$0")/.."

resources=$(swiftc -print-target-info | sed -n 's/.*"runtimeResourcePath": "\(.*\)".*/\1/p')
if [ -d "${resources}_static" ]; then
  exec swift build -c release --product sqlite3-cloud-s3 --static-swift-stdlib
fi
exec swift build -c release --product sqlite3-cloud-s3

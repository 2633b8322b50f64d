#!/bin/sh
# Runs each parser of outside bytes (or only the named ones) on RUNS inputs of libFuzzer, under the address sanitizer.
#
# Usage: Tests/Fuzz/parsers.sh [RUNS] [TARGET...]
# Begins with Tests/Fuzz/Parsers/Corpus, keeps what it finds in .build/fuzz/corpus, and what fails in .build/fuzz/TARGET-*.
# With SECONDS_EACH=N each target has N seconds, and inputs are added up in .build/fuzz/counts until there are RUNS of them:
#   while SECONDS_EACH=30 Tests/Fuzz/parsers.sh 10000000; do :; done
# ends with 3 once every target has had its inputs.
set -eu
cd "$(dirname "$0")/../.."
runs=${1:-100000}
[ $# -eq 0 ] || shift
resources=$(swiftc -print-target-info | sed -n 's/.*"runtimeResourcePath": "\(.*\)".*/\1/p')
library=$(find "$resources"/clang/lib "$(dirname "$resources")"/clang -name 'libclang_rt.fuzzer_no_main*' 2>/dev/null \
  | grep "$(uname -m)\|/$(uname -m)-" | head -n 1)
if [ -z "$library" ]; then
  echo "parsers.sh: this Swift comes without libFuzzer; ParserMutationTests run the same parsers" >&2
  exit 77
fi
export SQLITE3_CLOUD_S3_LIBFUZZER="$library"
swift build -c release --scratch-path .build/fuzz --product parser-fuzzer --sanitize address -Xswiftc -sanitize=fuzzer \
  -Xswiftc -use-ld=lld
fuzzer=.build/fuzz/release/parser-fuzzer
corpus=.build/fuzz/corpus
mkdir -p "$corpus"
"$fuzzer" --seeds "$corpus"
counts=.build/fuzz/counts
mkdir -p "$counts"
left=
for target in ${*:-$("$fuzzer" --list)}; do
  done=0
  if [ -n "${SECONDS_EACH:-}" ]; then
    done=$(cat "$counts/$target" 2>/dev/null || echo 0)
    [ "$done" -lt "$runs" ] || continue
  fi
  left=yes
  mkdir -p "Tests/Fuzz/Parsers/Corpus/$target"
  printf '%s: ' "$target"
  if "$fuzzer" "$target" -runs=$((runs - done)) -max_total_time="${SECONDS_EACH:-0}" -max_len=4096 -rss_limit_mb=1024 -timeout=10 \
    -print_final_stats=1 -artifact_prefix=".build/fuzz/$target-" "$corpus/$target" "Tests/Fuzz/Parsers/Corpus/$target" \
    >".build/fuzz/$target.log" 2>&1; then
    inputs=$(sed -n 's/^stat::number_of_executed_units: *//p' ".build/fuzz/$target.log")
    echo "inputs $inputs"
    if [ -n "${SECONDS_EACH:-}" ]; then echo $((done + inputs)) >"$counts/$target"; fi
  else
    tail -n 30 ".build/fuzz/$target.log"
    exit 1
  fi
done
[ -n "$left" ] || exit 3

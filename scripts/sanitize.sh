#!/usr/bin/env bash
# Runs the library's unit tests under the sanitizers, with 0 findings to expect:
#
#   address     Swift, C and the C interface: memory that is not ours, used
#               late, or leaked
#   thread      Swift and C: data races
#   undefined   the C kernels: undefined behaviour
#
#   scripts/sanitize.sh                  all three
#   scripts/sanitize.sh address thread   these only
#
# Each has a build of its own under .build.
set -euo pipefail
cd "$(dirname "$0")/.."

sanitizers=("$@")
[ $# -gt 0 ] || sanitizers=(address thread undefined)

# A finding ends the process, also one in a process of an exit test's own; the
# backtrace is the sanitizer's.
export SWIFT_BACKTRACE=enable=no
# A test asks for memory that nobody has: the answer must be that of malloc.
export ASAN_OPTIONS=halt_on_error=1:detect_leaks=1:allocator_may_return_null=1
# Swift writes the count of an array that a closure leaves empty, 0, over that
# of the one empty array there is.
suppressions="$(mktemp)"
echo 'race:_swiftEmptyArrayStorage' >"$suppressions"
TSAN_OPTIONS="halt_on_error=1:allocator_may_return_null=1"
export TSAN_OPTIONS+=":suppressions=$suppressions"
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1

clang_runtime() {
  local tools
  tools="$(dirname "$(readlink -f "$(command -v swift)")")"
  "$tools/clang" --print-file-name="libclang_rt.$1-$(uname -m).a"
}

output="$(mktemp)"
trap 'rm -f "$output" "$suppressions"' EXIT
clean=0
failed=0
for sanitizer in "${sanitizers[@]}"; do
  options=(--scratch-path ".build/$sanitizer")
  if [ "$sanitizer" = undefined ]; then
    # Swift has none for Linux: C alone, with clang's runtime.
    options+=(-Xcc -fsanitize=undefined
      -Xlinker "$(clang_runtime ubsan_standalone)")
  else
    options+=("--sanitize=$sanitizer")
  fi
  start=$SECONDS
  swift build --build-tests "${options[@]}" >"$output" 2>&1 || {
    cat "$output" >&2
    exit 1
  }
  built=$SECONDS
  status=0
  # XCTest, which there are no tests for, leaks some bytes of its own.
  swift test --skip-build --disable-xctest "${options[@]}" \
    --filter '^ConvolutionsTests\.' >"$output" 2>&1 || status=$?
  # A word on memory refused is none on how it was asked for.
  findings="$(grep -v 'Sanitizer failed to allocate' "$output" | grep -c \
    '\(ERROR\|WARNING\): [A-Za-z]*Sanitizer\|runtime error:' || true)"
  echo "$sanitizer: $findings findings, exit status $status;" \
    "$((built - start)) s to build, $((SECONDS - built)) s to run:" \
    "$(grep '^[^ ]* Test run with' "$output" || echo 'no end')"
  if [ "$sanitizer" = address ]; then
    # The C interface, its leaks too.
    scripts/c_interface.sh --address 2>/dev/null || status=$?
  fi
  if [ "$status" -eq 0 ] && [ "$findings" -eq 0 ]; then
    clean=$((clean + 1))
  else
    failed=$((failed + 1))
    grep -A 30 'Sanitizer:\|runtime error:\|^✘\|^error:' "$output" | head -100 || true
  fi
done
echo "$clean sanitizers clean, $failed failed"
[ $failed -eq 0 ]

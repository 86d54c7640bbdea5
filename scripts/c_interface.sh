#!/usr/bin/env bash
# Builds the C interface, and checks it from C: the header in C11 and in C++,
# then Tests/CInterfaceTests, which calls every function, and forks in the middle
# of executions: 50 times, or CONVOLUTIONS_TEST_SCALE times as often, with
# OpenBLAS as it finds the CPU and on its AVX2 kernels.
#
#   scripts/c_interface.sh             as it is
#   scripts/c_interface.sh --address   under the address sanitizer
set -euo pipefail
cd "$(dirname "$0")/.."

build=(-c release)
sanitizer=()
if [ "${1:-}" = --address ]; then
  build=(--scratch-path .build/address --sanitize=address)
  sanitizer=(-fsanitize=address)
fi
swift build "${build[@]}" --product ConvolutionsC >&2
library="$(swift build "${build[@]}" --show-bin-path)"
tools="$(dirname "$(readlink -f "$(command -v swift)")")"
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT

strict=(-Wall -Wextra -Wpedantic -Werror -I Sources/CConvolutions)
echo '#include "convolutions.h"' >"$folder/header.cpp"
"$tools/clang++" "${strict[@]}" -fsyntax-only "$folder/header.cpp"
"$tools/clang" -std=c11 -O1 "${strict[@]}" ${sanitizer[@]+"${sanitizer[@]}"} \
  Tests/CInterfaceTests/interface_*.c -o "$folder/interface_test" \
  -L "$library" -lConvolutionsC -lm -pthread -Wl,-rpath,"$library"
"$folder/interface_test"
"$tools/clang" -std=c11 -O1 "${strict[@]}" ${sanitizer[@]+"${sanitizer[@]}"} \
  Tests/CInterfaceTests/fork_test.c -o "$folder/fork_test" -L "$library" \
  -lConvolutionsC $(pkg-config --libs openblas) -pthread -Wl,-rpath,"$library"
forks=$((50 * ${CONVOLUTIONS_TEST_SCALE:-1}))
"$folder/fork_test" $forks
if grep -q avx2 /proc/cpuinfo 2>/dev/null; then
  OPENBLAS_CORETYPE=Haswell OPENBLAS_L2_SIZE=512 "$folder/fork_test" $forks
fi
[ ${#sanitizer[@]} -eq 0 ] || exit 0

# The documentation's program.
page=Sources/Convolutions/Convolutions.docc/FromC.md
awk '/^```/ { inside = 0 } inside; /^```c$/ { inside = 1 }' $page \
  >"$folder/program.c"
"$tools/clang" -std=c11 "${strict[@]}" "$folder/program.c" \
  -o "$folder/program" -L "$library" -lConvolutionsC -Wl,-rpath,"$library"
printed="$("$folder/program")"
grep -q "^prints \`${printed% }\`" $page \
  || { echo "the program of $page prints $printed"; exit 1; }

#!/usr/bin/env bash
# Line coverage of the library, Swift and C, by the unit tests: a table by file,
# and exit status 1 below 98 %. Builds apart, in .build/coverage.
#
#   scripts/coverage.sh           the table
#   scripts/coverage.sh --lines   and the lines that no test reaches
set -euo pipefail
cd "$(dirname "$0")/.."
unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE

least=98
package=(--scratch-path .build/coverage --enable-code-coverage)
swift build --build-tests "${package[@]}" >&2
swift test --skip-build "${package[@]}" >&2
folder="$(swift build --scratch-path .build/coverage --show-bin-path)"
tests="$(find "$folder" -maxdepth 1 -name '*.xctest' -type f)"
tools="$(dirname "$(readlink -f "$(command -v swift)")")"

"$tools/llvm-cov" export -format=lcov \
  -instr-profile="$folder/codecov/default.profdata" "$tests" \
  Sources/Convolutions Sources/CConvolutionKernels \
  | awk -F '[:,]' -v root="$PWD/Sources/" -v least=$least \
    -v lists="${1:-}" '
    /^SF:/ {
      file = $2
      sub(root, "", file)
    }
    # A line counts once, however often it is compiled.
    /^DA:/ {
      line = file ":" $2
      if (!(line in hits)) order[++count] = line
      hits[line] += $3
    }
    END {
      for (i = 1; i <= count; i++) {
        split(order[i], place, ":")
        file = place[1]
        if (!(file in lines)) files[++fileCount] = file
        lines[file]++
        total++
        if (hits[order[i]] > 0) { reached[file]++; allReached++ }
        else if (lists == "--lines") print "not reached: " order[i]
      }
      for (i = 1; i <= fileCount; i++)
        printf "%6.1f %%  %5d of %5d  %s\n",
          100 * reached[files[i]] / lines[files[i]], reached[files[i]],
          lines[files[i]], files[i]
      share = 100 * allReached / total
      printf "coverage: %.2f %%, %d of %d lines; at least %d %% wanted\n",
        share, allReached, total, least
      exit share < least
    }'

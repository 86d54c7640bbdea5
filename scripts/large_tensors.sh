#!/usr/bin/env bash
# Tests results of more than 2^31 scalars, with every algorithm: some minutes,
# and 8 GiB of memory. In a release build, as the loops are slow without one.
set -euo pipefail
cd "$(dirname "$0")/.."

export CONVOLUTIONS_LARGE_TESTS=1
swift test -c release -Xswiftc -enable-testing --scratch-path .build/large \
  --filter LargeTensorTests 2>&1 | tee .build/large.log
checked="$(grep -c ': checked$' .build/large.log || true)"
echo "$checked results of more than 2^31 scalars are right"
((checked > 0)) || grep -q "memory are not available" .build/large.log

#!/usr/bin/env bash
# The long share of the verification: every suite of `convbench verify`, more
# than a million exact cases among them, with OpenBLAS as it finds the CPU.
# About half an hour on two cores. Arguments go to `convbench verify`, as in
# `scripts/verify-long.sh --seed 7`.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh
swift build -c release --product convbench >&2
convbench="$(swift build -c release --show-bin-path)/convbench"
unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE
"$convbench" verify --suite geometry "$@"
"$convbench" verify --suite exact --cases 1400000 "$@"
"$convbench" verify --suite bound,special,algebra --cases 200000 "$@"

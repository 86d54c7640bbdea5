#!/usr/bin/env bash
# Times the column algorithm with tile sizes around its own, on the core that
# OpenBLAS picks and on its Haswell kernels: the source of the constants in
# ColumnTargets. Arguments go to `convbench tune`.
set -euo pipefail
cd "$(dirname "$0")/.."
unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE

swift build -c release --product convbench >&2
convbench="$(swift build -c release --show-bin-path)/convbench"
for layout in nhwc nchw; do
  for size in pixels columns depth filter sums tile; do
    "$convbench" tune --layout $layout --vary $size "$@"
    OPENBLAS_CORETYPE=Haswell "$convbench" tune --layout $layout \
      --vary $size "$@"
  done
done

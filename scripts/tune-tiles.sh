#!/usr/bin/env bash
# Times the column and taps algorithms with tile sizes around their own, on the
# core that OpenBLAS picks and on its Haswell kernels: the source of the constants
# in TileTargets. Arguments go to `convbench tune`.
set -euo pipefail
cd "$(dirname "$0")/.."
unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE

swift build -c release --product convbench >&2
convbench="$(swift build -c release --show-bin-path)/convbench"
for layout in nhwc nchw; do
  for size in column-{pixels,columns,depth,filter,sums,tile} \
    taps-{pixels,channels,depth,near,far,copy,panels}; do
    "$convbench" tune --layout $layout --vary $size "$@"
    OPENBLAS_CORETYPE=Haswell "$convbench" tune --layout $layout \
      --vary $size "$@"
  done
done

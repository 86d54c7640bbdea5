#!/usr/bin/env bash
# Sets up, builds and runs the benchmark: real layers, every row verified, the
# engine beside the direct kernel. Arguments go to `convbench bench`; without
# any, the headline table on one and on two threads. OpenBLAS picks the kernels
# for the CPU, whatever the environment pins it to.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh
echo "bench: building (release)" >&2
swift build -c release --product convbench >&2
echo "bench: verifying and timing each layer" >&2
if [ $# -eq 0 ]; then set -- --set headline --threads 1,2; fi
unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE
exec "$(swift build -c release --show-bin-path)/convbench" bench "$@"

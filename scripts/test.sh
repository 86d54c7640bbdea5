#!/usr/bin/env bash
# Sets up and runs every test: the unit tests and the verification, with
# OpenBLAS as it finds the CPU and on its AVX2 kernels, the .npy round trip, the
# report in a browser, the C interface, the Python package, shards under Open MPI,
# and the documentation.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '\n== %s\n' "$*" >&2; }
unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE

step "set-up"
scripts/setup.sh --tests
# Python's packages come while Swift builds.
scripts/python.sh --install &
packages=$!
step "building"
swift build --build-tests >&2
swift build -c release --product convbench >&2
convbench="$(swift build -c release --show-bin-path)/convbench"

step "documentation"
scripts/docs.sh

step "unit tests"
swift test --skip-build
step "verification"
"$convbench" verify
step "C interface"
scripts/c_interface.sh
step ".npy round trip"
python3 scripts/npy_round_trip.py "$convbench"
step "kinds of files"
python3 scripts/file_kinds "$convbench"
step "report"
python3 scripts/report_test.py "$convbench"
step "shards of a batch, under Open MPI"
scripts/shards.sh "$convbench"
step "Python package"
wait $packages
scripts/python.sh

if grep -q avx2 /proc/cpuinfo 2>/dev/null; then
  export OPENBLAS_CORETYPE=Haswell OPENBLAS_L2_SIZE=512
  step "unit tests on OpenBLAS's AVX2 kernels"
  swift test --skip-build
  step "verification on OpenBLAS's AVX2 kernels"
  "$convbench" verify --cases 30000
fi

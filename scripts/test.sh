#!/usr/bin/env bash
# Sets up, builds and runs the tests.
#
#   scripts/test.sh         the unit tests, the documentation's examples among them,
#                           and the exact suite of the verification, in one build
#   scripts/test.sh --all   and all the rest: the whole verification, the unit tests
#                           in a debug build with assertions in Swift and C and on
#                           AVX2 kernels, a part of the verification on those and on
#                           the baseline's, the .npy round trip, the report in a
#                           browser, the C interface, the Python package, shards
#                           under Open MPI, the documentation
set -euo pipefail
cd "$(dirname "$0")/.."

all=no
case "$*" in
  "") ;;
  --all) all=yes ;;
  *)
    echo "test: '$*' is no option; there is --all, or none" >&2
    exit 2
    ;;
esac

step() { printf '\n== %s\n' "$*" >&2; }
unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE
# Read by the manifest, and so the same for every build from here on.
export CONVOLUTIONS_TESTABLE=1

step "set-up"
if [ $all = yes ]; then
  scripts/setup.sh --tests
  # Python's packages come while Swift builds.
  scripts/python.sh --install &
  packages=$!
else
  scripts/setup.sh
fi
step "building"
swift build -c release --build-tests >&2
convbench="$(swift build -c release --show-bin-path)/convbench"
step "unit tests"
swift test -c release --skip-build
if [ $all = no ]; then
  step "exact verification"
  "$convbench" verify --suite exact --cases 30000
  step "passed, in $SECONDS s"
  exit 0
fi

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
step "kernels compiled for their types"
python3 scripts/specialized.py "$convbench"
step "shards of a batch, under Open MPI"
scripts/shards.sh "$convbench"
step "Python package"
wait $packages
scripts/python.sh

avx2=()
# What a CPU without AVX-512 runs, and one without AVX2: the kernels are of another
# instruction set, and OpenBLAS packs every product.
if grep -q avx2 /proc/cpuinfo 2>/dev/null; then
  avx2=(CONVOLUTIONS_MAX_ISA=avx2 OPENBLAS_CORETYPE=Haswell OPENBLAS_L2_SIZE=512)
  step "verification on AVX2 kernels"
  env "${avx2[@]}" "$convbench" verify --cases 30000
  step "exact verification on the baseline's kernels"
  CONVOLUTIONS_MAX_ISA=baseline "$convbench" verify --suite exact --cases 5000
  step "compiled inner loops"
  python3 scripts/inner_loops.py
fi

step "unit tests with assertions in Swift and C, on AVX2 kernels where there are"
swift build --build-tests >&2
env "${avx2[@]}" swift test --skip-build
step "documentation"
scripts/docs.sh
step "passed, in $SECONDS s"

#!/usr/bin/env bash
# Builds the C interface, installs the Python package into an environment of its
# own (.build/python), and tests it there. Arguments go to pytest.
#
#   scripts/python.sh                     every test that needs no TensorFlow
#   scripts/python.sh --tensorflow        and beside TensorFlow
#   scripts/python.sh --install           the environment and its packages alone
set -euo pipefail
cd "$(dirname "$0")/.."

# Some of PyTorch's builds are for CPUs alone, and much smaller.
packages=(numpy ml_dtypes pytest scikit-learn 'dask[distributed]')
install=no
while [ $# -gt 0 ]; do
  case "$1" in
    --tensorflow) packages+=(tensorflow-cpu); shift ;;
    --install) install=yes; shift ;;
    *) break ;;
  esac
done

environment=.build/python
python=$environment/bin/python
say() { printf 'python: %s\n' "$*" >&2; }
[ -x $python ] || python3 -m venv $environment
say "installing ${packages[*]} torch"
$python -m pip install --quiet "${packages[@]}" >&2
$python -c 'import torch' 2>/dev/null \
  || $python -m pip install --quiet 'torch==2.13.0+cpu' >&2 2>/dev/null \
  || $python -m pip install --quiet torch >&2
[ $install = no ] || exit 0

say "building and installing the package"
swift build -c release --product ConvolutionsC >&2
swift build -c release --product digits >&2
folder="$(cd "$(swift build -c release --show-bin-path)" && pwd)"
export CONVOLUTIONS_DIGITS="$folder/digits"
$python -m pip install --quiet scripts/python >&2
$python -m pytest -q scripts/python "$@"

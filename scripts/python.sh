#!/usr/bin/env bash
# Builds the C interface, installs the Python package into an environment of its
# own (.build/python), and tests it there. Arguments go to pytest.
#
#   scripts/python.sh               build, install, test
#   scripts/python.sh --install     the environment and its packages alone
set -euo pipefail
cd "$(dirname "$0")/.."

install=no
if [ "${1:-}" = --install ]; then
  install=yes
  shift
fi

environment=.build/python
python=$environment/bin/python
say() { printf 'python: %s\n' "$*" >&2; }
[ -x $python ] || python3 -m venv $environment
# The first build of a package that there is for this system: those for CPUs alone
# are smaller.
need() {
  local package="$1"
  shift
  $python -c "
import importlib.util, sys
sys.exit(not importlib.util.find_spec('$package'))" && return
  local requirement
  for requirement in "$@"; do
    say "installing $requirement"
    if $python -m pip install --quiet "$requirement" >&2; then return 0; fi
  done
  return 1
}
need numpy numpy
need ml_dtypes ml_dtypes
need pytest pytest
need sklearn scikit-learn
need joblib joblib
need distributed 'dask[distributed]'
need torch torch==2.13.0+cpu torch
need tensorflow tensorflow-cpu tensorflow \
  || say "no TensorFlow: nothing is compared with it"
need jax jax || say "no JAX: no array of its own is tried"
[ $install = no ] || exit 0

say "building and installing the package"
swift build -c release --product ConvolutionsC >&2
swift build -c release --product digits >&2
folder="$(cd "$(swift build -c release --show-bin-path)" && pwd)"
export CONVOLUTIONS_DIGITS="$folder/digits"
$python -m pip install --quiet scripts/python >&2
$python -m pytest -q scripts/python "$@"

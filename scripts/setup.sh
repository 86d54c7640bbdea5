#!/usr/bin/env bash
# Installs what the package needs beside Swift: OpenBLAS, LAPACKE, pkg-config.
#
#   scripts/setup.sh            the libraries
#   scripts/setup.sh --report   and matplotlib, for `convbench bench --report`
#   scripts/setup.sh --tests    and what `scripts/test.sh --all` needs: matplotlib
#                               and NumPy for Python, its venv, Open MPI, Chromium
set -euo pipefail

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

command -v swift >/dev/null \
  || fail "Swift 6.2 or newer is needed: https://www.swift.org/install"

for_report=no for_tests=no
case "${1:-}" in
  "") ;;
  --report) for_report=yes ;;
  --tests) for_report=yes for_tests=yes ;;
  *) fail "there is no $1" ;;
esac

missing=()
command -v pkg-config >/dev/null || missing+=(pkg-config)
has() { command -v pkg-config >/dev/null && pkg-config --exists "$1"; }
has openblas || missing+=(libopenblas-dev)
has lapacke || missing+=(liblapacke-dev)
# A python3 that comes first in the path has none of the system's packages; as
# convbench does, look at both.
has_matplotlib() {
  local python
  for python in ${CONVOLUTIONS_PYTHON:-python3 /usr/bin/python3}; do
    "$python" -c 'import matplotlib' 2>/dev/null && return
  done
  return 1
}
if [ $for_report = yes ] && ! has_matplotlib; then
  missing+=(python3-matplotlib)
fi
has_browser() {
  command -v chromium || command -v chromium-browser || command -v google-chrome
} >/dev/null
if [ $for_tests = yes ]; then
  has_browser || missing+=(chromium)
  python3 -c 'import numpy' 2>/dev/null || missing+=(python3-numpy)
  python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)
  command -v mpirun >/dev/null || missing+=(openmpi-bin)
fi

if [ ${#missing[@]} -eq 0 ]; then
  say "nothing to install"
  exit 0
fi

if ! command -v apt-get >/dev/null; then
  fail "no apt-get here; install these, or what your system calls them:" \
    "${missing[*]} (Homebrew: brew install pkgconf openblas lapack numpy)"
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null \
    || fail "run as root, or install sudo, to install: ${missing[*]}"
  as_root=(sudo)
fi
say "installing ${missing[*]}"
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
say "done"

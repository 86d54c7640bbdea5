#!/usr/bin/env bash
# Installs what the package needs beside Swift: OpenBLAS, LAPACKE, pkg-config.
#
#   scripts/setup.sh            the libraries
#   scripts/setup.sh --tests    and what the tests need: NumPy for Python, Open
#                               MPI, Python's venv
set -euo pipefail

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

command -v swift >/dev/null \
  || fail "Swift 6.2 or newer is needed: https://www.swift.org/install"

for_tests=no
[ "${1:-}" = --tests ] && for_tests=yes

missing=()
command -v pkg-config >/dev/null || missing+=(pkg-config)
has() { command -v pkg-config >/dev/null && pkg-config --exists "$1"; }
has openblas || missing+=(libopenblas-dev)
has lapacke || missing+=(liblapacke-dev)
if [ $for_tests = yes ]; then
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

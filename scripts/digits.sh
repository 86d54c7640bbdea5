#!/usr/bin/env bash
# Runs the Swift example on scikit-learn's digits, which ship in its package.
#
#   scripts/digits.sh                 10 epochs
#   scripts/digits.sh --epochs 30
set -euo pipefail
cd "$(dirname "$0")/.."

file=.build/digits.csv
if [ ! -s $file ]; then
  scripts/python.sh --install
  .build/python/bin/python - >$file <<'PY'
import gzip, pathlib, sys
import sklearn
packed = pathlib.Path(sklearn.__file__).parent / "datasets/data/digits.csv.gz"
sys.stdout.write(gzip.decompress(packed.read_bytes()).decode())
PY
fi
swift run -c release digits $file "$@"

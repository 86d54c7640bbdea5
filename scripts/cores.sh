#!/usr/bin/env bash
# Verifies on every core type that the linked OpenBLAS has kernels for and this
# CPU can run. Asks OpenBLAS for each by name (OPENBLAS_CORETYPE), looks which
# one is then in force, and runs exact cases on it.
#
#   scripts/cores.sh                    30 000 cases a core
#   scripts/cores.sh 5000               another number of cases
#   scripts/cores.sh 5000 Haswell Zen   on these cores only
#
# LD_LIBRARY_PATH names the folder of another OpenBLAS than the system's.
set -euo pipefail
cd "$(dirname "$0")/.."

cases="${1:-30000}"
shift || true
# From OpenBLAS's driver/others/dynamic.c; those for 32 bits are last.
names=(
  Prescott Atom Core2 Penryn Dunnington Nehalem Nano Sandybridge Haswell
  SkylakeX Cooperlake SapphireRapids Athlon Opteron Opteron_SSE3 Barcelona
  Bobcat Bulldozer Piledriver Steamroller Excavator Zen
  Katmai Coppermine Northwood Banias
)
[ $# -eq 0 ] || names=("$@")

unset OPENBLAS_L2_SIZE
# A fault is enough to know; no time for its backtrace.
export SWIFT_BACKTRACE=enable=no
swift build -c release --product convbench >&2
convbench="$(swift build -c release --show-bin-path)/convbench"

in_force() {
  { "$convbench" env 2>/dev/null || true; } \
    | sed -n 's/^OpenBLAS core  *//p'
}

"$convbench" env | grep '^\(CPU\|OpenBLAS \)'
found="$(unset OPENBLAS_CORETYPE; in_force)"
echo "OpenBLAS takes $found by itself; $cases exact cases on each core"
row='%-15s %8s %8s %8s %8s  %s\n'
printf "$row" core passed skipped failed seconds remark

output="$(mktemp)"
trap 'rm -f "$output"' EXIT
done_cores=" "
passed=0
skipped=0
failed=0
for name in "${names[@]}"; do
  export OPENBLAS_CORETYPE="$name"
  core="$(in_force)"
  remark=""
  if [ "${core,,}" != "${name,,}" ]; then
    remark="not in this OpenBLAS, which takes ${core:-no core} instead"
  elif [[ "$done_cores" == *" $core "* ]]; then
    remark="done above"
  fi
  if [ -n "$remark" ]; then
    printf "$row" "$name" - - - - "$remark"
    skipped=$((skipped + 1))
    continue
  fi
  done_cores+="$core "
  status=0
  start=$SECONDS
  # The shell's own word on a signal is not wanted.
  { "$convbench" verify --suite exact --cases "$cases" >"$output" 2>&1; } \
    2>/dev/null || status=$?
  seconds=$((SECONDS - start))
  counts=(- - -)
  closing="$(grep '^tests:' "$output" | tail -1 || true)"
  if [ -n "$closing" ]; then
    counts=($(sed 's/.*passed:\([0-9]*\) skipped:\([0-9]*\).*failed:\([0-9]*\).*/\1 \2 \3/' <<<"$closing"))
  fi
  if [ $status -eq 0 ]; then
    passed=$((passed + 1))
  elif [ $status -eq 132 ]; then
    skipped=$((skipped + 1))
    remark="illegal instruction: this CPU lacks what the kernels use"
  else
    failed=$((failed + 1))
    remark="exit status $status"
  fi
  printf "$row" "$core" "${counts[@]}" "$seconds" "$remark"
  if [ $status -ne 0 ] && [ $status -ne 132 ]; then
    grep -A 1 '^failed:' "$output" | head -8 || tail -3 "$output"
  fi
done
echo "$passed cores passed, $skipped skipped, $failed failed"
[ $failed -eq 0 ]

#!/usr/bin/env bash
# Checks sharded runs of `convbench apply` under Open MPI against a single run,
# on a real layer and in every bit: two ranks, four, and a rank that is killed
# and run again. What a single run and the sharded ones take is printed.
#
#   scripts/shards.sh PATH/TO/convbench
set -euo pipefail
cd "$(dirname "$0")/.."
convbench="$(realpath "$1")"

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"

# Random numbers, without NumPy: those of a .npy file are any bytes whose
# exponents are small.
python3 - <<'PY'
import array, random
random.seed(1)
for name, shape in [("f", (3, 3, 64, 64)), ("dy", (16, 56, 56, 64))]:
    count = 1
    for size in shape:
        count *= size
    some = [random.uniform(-1, 1) for _ in range(4099)]
    numbers = array.array("f", (some * (count // 4099 + 1))[:count])
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}"
    text += " " * (-(len(text) + 11) % 64) + "\n"
    with open(f"{name}.npy", "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little"))
        file.write(text.encode())
        numbers.tofile(file)
PY

passed=0
failed=0
check() {
  local words="$1"
  shift
  if "$@"; then
    passed=$((passed + 1))
    echo "passed: $words"
  else
    failed=$((failed + 1))
    echo "failed: $words"
  fi
}

apply=("$convbench" apply --input-sizes 16,56,56,64 --filter f.npy
  --out-backprop dy.npy --padding SAME)
start="$(date +%s%N)"
"${apply[@]}" --output whole.npy
echo "one run: $((($(date +%s%N) - start) / 1000000)) ms"

mpi=(mpirun --allow-run-as-root --oversubscribe --quiet)
for ranks in 2 4; do
  rm -f dx.npy
  start="$(date +%s%N)"
  "${mpi[@]}" -n $ranks "${apply[@]}" --output dx.npy 2>words \
    || cat words >&2
  echo "$ranks ranks: $((($(date +%s%N) - start) / 1000000)) ms"
  check "$ranks ranks, the same bits" cmp -s dx.npy whole.npy
  check "$ranks ranks, nothing left over" test ! -e dx.npy.partial
done

# Rank 1 is killed as soon as the shared file is there.
rm -f dx.npy
cat >rank.sh <<'SH'
if [ "$OMPI_COMM_WORLD_RANK" = 1 ]; then
  "$@" 2>/dev/null &
  while [ ! -s dx.npy.partial ]; do :; done
  kill -KILL $!
  exit 0
fi
"$@"
SH
"${mpi[@]}" -n 4 bash rank.sh "${apply[@]}" --output dx.npy 2>words || true
check "a rank was killed" test ! -e dx.npy
check "a part is no .npy file" \
  grep -q "not whole" <("$convbench" apply --op forward --input dx.npy.partial \
    --filter f.npy --padding SAME --output y.npy 2>&1 || true)
"${apply[@]}" --output dx.npy --shard 1/4 2>words || cat words >&2
check "and run again, the same bits" cmp -s dx.npy whole.npy

# A shared file of another shape, and a shard that there is none of.
"${apply[@]}" --output dx.npy --shard 0/4 2>/dev/null
cp dx.npy.partial before
check "another shape is refused" \
  grep -q "another shape" <("$convbench" apply --op forward --input dy.npy \
    --filter f.npy --strides 1,2,2,1 --padding SAME --output dx.npy \
    --shard 1/4 2>&1 || true)
check "and nothing written" cmp -s dx.npy.partial before
check "a shard out of range is refused" \
  grep -q "no shard 4/4" <("${apply[@]}" --output dx.npy --shard 4/4 2>&1 \
    || true)
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]

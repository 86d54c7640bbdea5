#!/usr/bin/env bash
# Fuzzes what the library and convbench are given, with the libFuzzer that Swift
# brings: descriptions of problems, their plans and executions, .npy files, and
# problem descriptors. Each begins with the inputs that the tests keep, all run
# side by side, and what is found is kept in .build/fuzz. Linux.
#
#   scripts/fuzz.sh                      1 000 000 executions of each
#   scripts/fuzz.sh --runs 5000000       more
#   scripts/fuzz.sh --seconds 200 npy    one of them, for a time
set -euo pipefail
cd "$(dirname "$0")/.."

limit=-runs=1000000
fuzzers=()
while [ $# -gt 0 ]; do
  case "$1" in
    --runs) limit="-runs=$2"; shift 2 ;;
    --seconds) limit="-max_total_time=$2"; shift 2 ;;
    problems | plans | npy | descriptors) fuzzers+=("$1"); shift ;;
    *) sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
done
[ ${#fuzzers[@]} -gt 0 ] || fuzzers=(problems plans npy descriptors)

folder=.build/fuzz
export CONVOLUTIONS_FUZZ=1
swift build -c release --scratch-path $folder --product convfuzz >&2
convfuzz="$(swift build -c release --scratch-path $folder --show-bin-path)"
convfuzz+=/convfuzz

declare -A length=([problems]=96 [plans]=96 [npy]=300 [descriptors]=120)
# Plans begin with the inputs of problems.
declare -A kept=([plans]=problems)
printf '%s\n' > $folder/npy.dict \
  "\"'descr'\"" "\"'fortran_order'\"" "\"'shape'\"" '"False"' '"True"' \
  "\"'<f4'\"" "\"'<f8'\"" "\"'|V2'\"" '"(1, 2,)"' '"\x93NUMPY"'
printf '"%s"\n' > $folder/descriptors.dict \
  g2 mb1 ic4 ih8 iw8 oc4 oh8 ow8 kh3 kw3 sh2 sw2 dh1 dw1 ph1 pw1 \
  9223372036854775807 'n\"a\"'

# libFuzzer's own report, with the input, instead of Swift's.
export SWIFT_BACKTRACE=enable=no
running=()
for fuzzer in "${fuzzers[@]}"; do
  corpus=$folder/corpus-$fuzzer
  mkdir -p "$corpus"
  python3 - "${kept[$fuzzer]:-$fuzzer}" "$corpus" <<'PY'
import pathlib, sys
fuzzer, corpus = sys.argv[1:]
text, = pathlib.Path("Tests").glob(f"*/Resources/fuzz_{fuzzer}.txt")
for number, line in enumerate(text.read_text().splitlines()):
    digits = line.split("#")[0]
    if digits.strip():
        (pathlib.Path(corpus) / f"kept-{number}").write_bytes(
            bytes.fromhex(digits))
PY
  options=(-max_len=${length[$fuzzer]} -len_control=0 -timeout=20 -print_final_stats=1
    -artifact_prefix=$folder/$fuzzer-)
  [ -f $folder/$fuzzer.dict ] && options+=(-dict=$folder/$fuzzer.dict)
  CONVFUZZ=$fuzzer "$convfuzz" "$limit" "${options[@]}" "$corpus" \
    > "$folder/$fuzzer.log" 2>&1 &
  running+=($!)
done

failed=0
sum=0
for index in "${!fuzzers[@]}"; do
  log=$folder/${fuzzers[$index]}.log
  wait "${running[$index]}" || {
    failed=$((failed + 1))
    grep -hE 'Fatal error|ERROR|Test unit written|SUMMARY' "$log" || tail "$log"
  }
  runs="$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")"
  echo "${fuzzers[$index]}: ${runs:-0} executions"
  sum=$((sum + ${runs:-0}))
done
echo "$sum executions of ${#fuzzers[@]} fuzzers, $failed failed"
[ $failed -eq 0 ]

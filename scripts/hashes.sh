#!/usr/bin/env bash
# Shows whether code has only moved: builds convbench of a commit in a clone, and of
# the files here, and compares the hashes of their results, line by line: random
# problems, each operation, algorithm, kind of products and type. Lines of one side
# alone are counted apart: what it serves that the other does not.
#
#   scripts/hashes.sh                  against HEAD
#   scripts/hashes.sh COMMIT           against a commit
#   CASES=1000 scripts/hashes.sh       of more problems than 300
set -euo pipefail
cd "$(dirname "$0")/.."

case "${1-}" in
  -*) sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
commit=$(git rev-parse --verify --quiet "${1-HEAD}^{commit}") || {
  echo "hashes.sh: no such commit: $1" >&2
  exit 2
}
cases=${CASES-300}
before=.build/hashes/$commit
mkdir -p .build/hashes

[ -d "$before" ] || git clone --quiet . "$before"
git -C "$before" checkout --quiet "$commit"
swift build --package-path "$before" -c release --product convbench >&2
swift build -c release --product convbench >&2

# Without the hash, a line says what was computed.
hashes() {
  "$1/.build/release/convbench" hashes --cases "$cases" |
    awk '{ hash = $1; $1 = ""; print $0 "\t" hash }' | sort
}
hashes "$before" >.build/hashes/before
hashes . >.build/hashes/after
join -t "$(printf '\t')" .build/hashes/before .build/hashes/after \
  >.build/hashes/both
awk -F '\t' '$2 != $3 { print "differs" $1; differing++ }
  END {
    print NR " results on both sides, " differing + 0 " differ"
    exit NR == 0 || differing > 0
  }' .build/hashes/both || status=1
for side in before after; do
  echo "$side alone: $(($(wc -l <.build/hashes/$side) -
    $(wc -l <.build/hashes/both)))"
done
exit "${status-0}"

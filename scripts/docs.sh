#!/usr/bin/env bash
# Builds the documentation, offline, as a web site in .build/docs. Fails on any
# warning, on a public symbol without a comment, and on one that the landing page
# does not list; and builds and runs the landing page's program, in a package of
# its own beside this one.
#
#   scripts/docs.sh            build
#   scripts/docs.sh --serve    build, then serve on http://localhost:8000
set -euo pipefail
cd "$(dirname "$0")/.."

serve=no
case "$*" in
  "") ;;
  --serve) serve=yes ;;
  *) sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac

step() { printf '\n== %s\n' "$*" >&2; }
output=.build/docs
work=.build/docs-work
rm -rf "$output" "$work"
mkdir -p "$work/symbols"

# DocC is part of the toolchain; on macOS xcrun finds it.
docc() {
  if command -v xcrun >/dev/null; then
    xcrun docc "$@"
  else
    "$(dirname "$(readlink -f "$(command -v swift)")")/docc" "$@"
  fi
}

step "library"
swift build --target Convolutions >&2
products="$(swift build --show-bin-path)"

step "symbols"
triple="$(swift -print-target-info | python3 -c '
import json, sys
print(json.load(sys.stdin)["target"]["triple"])')"
platform=()
if command -v xcrun >/dev/null; then
  platform=(-sdk "$(xcrun --show-sdk-path)")
  triple="${triple%%-*}-apple-macosx26.0"
fi
read -ra blas <<<"$(pkg-config --cflags-only-I openblas)"
swift symbolgraph-extract -module-name Convolutions -target "$triple" \
  ${platform[@]+"${platform[@]}"} -I "$products/Modules" \
  -I Modules/COpenBLAS ${blas[@]+"${blas[@]}"} \
  -Xcc "-fmodule-map-file=$products/CConvolutionKernels.build/module.modulemap" \
  -minimum-access-level public -skip-synthesized-members \
  -omit-extension-block-symbols -output-dir "$work/symbols"

step "pages"
docc convert Sources/Convolutions/Convolutions.docc \
  --additional-symbol-graph-dir "$work/symbols" --output-path "$output" \
  --fallback-bundle-identifier Convolutions --warnings-as-errors >&2

step "comments and topics"
python3 - "$work/symbols" "$output" <<'PYTHON'
import json
import pathlib
import sys

symbols, output = map(pathlib.Path, sys.argv[1:])
problems = []
for graph in sorted(symbols.glob("*.symbols.json")):
    for symbol in json.loads(graph.read_text())["symbols"]:
        if not symbol.get("docComment"):
            place = symbol.get("location", {})
            file = place.get("uri", "").split("/Sources/")[-1]
            line = place.get("position", {}).get("line", -1) + 1
            problems.append(f"{file}:{line}: no documentation of "
                            + ".".join(symbol["pathComponents"]))
landing = json.loads(
    (output / "data/documentation/convolutions.json").read_text())
for section in landing["topicSections"]:
    if section.get("generated"):
        problems += ["Convolutions.md lists no " + name.split("/")[-1]
                     for name in section["identifiers"]]
print("\n".join(problems), file=sys.stderr, end="\n" if problems else "")
sys.exit(1 if problems else 0)
PYTHON

# The tests compile the other Swift of the pages.
step "first program of the landing page"
page=Sources/Convolutions/Convolutions.docc/Convolutions.md
# block TEXT: the first block of code behind a line that begins with the text.
block() {
  awk -v text="$1" 'index($0, text) == 1 { found = 1; next }
    found && /^```/ { if (inside) exit; inside = 1; next } inside' $page
}
mkdir -p "$work/Hello/Sources/Hello"
ln -s "$PWD" "$work/Convolutions"
block '`Package.swift`' >"$work/Hello/Package.swift"
block '`Sources/Hello/main.swift`' >"$work/Hello/Sources/Hello/main.swift"
# As a reader builds it.
env -u CONVOLUTIONS_TESTABLE swift build --package-path "$work/Hello" \
  --scratch-path .build/hello >&2
printed="$(.build/hello/debug/Hello)"
[ "$printed" = "$(block '`swift run`')" ] \
  || { echo "the program of $page prints $printed" >&2; exit 1; }

step "done: $output"
if [ $serve = yes ]; then
  echo "http://localhost:8000/documentation/convolutions" >&2
  python3 -m http.server --directory "$output" --bind localhost 8000
fi

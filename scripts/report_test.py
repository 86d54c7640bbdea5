#!/usr/bin/env python3
"""Checks the page of `convbench bench --report` in a browser.

    scripts/report_test.py PATH/TO/convbench

A small run makes pages, with the times of made-up peers and without; headless
Chromium opens them, and what it has drawn is looked for.
"""

import collections
import html.parser
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BROWSERS = ["chromium", "chromium-browser", "google-chrome"]
MOST_BYTES = 1_000_000

# A name that is no markup, a layer without peers, one that has no rate.
NAMES = ["<script>1</script>&amp;'$x$", "plain", "beyond memory"]
PROBLEMS = [
    f'mb1ic8ih14oc8kh3ph1n"{NAMES[0]}"', f'mb1ic16ih14oc8kh1n"{NAMES[1]}"',
    f'mb1000000ic1024ih100oc4kh1n"{NAMES[2]}"']

PASSED, FAILED = 0, 0


def check(name, ok, detail=""):
    global PASSED, FAILED
    if ok:
        PASSED += 1
    else:
        FAILED += 1
        print(f"failed: {name} {detail}")


class Page(html.parser.HTMLParser):
    """What a document has: elements with their attributes, and the texts."""

    def __init__(self, text):
        super().__init__()
        self.elements = []
        self.texts = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.texts.append(data)

    def ids(self, pattern=""):
        return [attributes["id"] for _, attributes in self.elements
                if "id" in attributes
                and re.match(pattern, attributes["id"])]

    def count(self, name):
        return sum(tag == name for tag, _ in self.elements)


def run(command, **options):
    return subprocess.run(command, capture_output=True, text=True, **options)


def open_page(browser, folder, path, size=(1200, 3000)):
    """The document after the browser has read it, and a picture of it."""
    picture = path + ".png"
    command = [
        browser, "--headless", "--no-sandbox", "--disable-gpu",
        "--disable-dev-shm-usage", "--no-first-run",
        f"--user-data-dir={folder}/browser",
        # Nothing may be fetched.
        "--host-resolver-rules=MAP * ~NOTFOUND",
        f"--window-size={size[0]},{size[1]}"]
    run([*command, f"--screenshot={picture}", f"file://{path}"], timeout=60)
    dumped = run([*command, "--dump-dom", f"file://{path}"], timeout=60)
    return dumped.stdout, picture


def made_up_peers(results):
    """Times of two libraries for one of the layers."""
    row = next(row for row in results["rows"] if row["name"] == NAMES[0])
    side = {"status": "ok", "reason": None, "error": 2e-7}
    return {
        "environment": {
            "operation": row["op"], "versions": {"torch": "1<2"},
            "date": "today"},
        "rows": [{
            "name": row["name"], "problem": row["problem"], "dtype": "f32",
            "threads": 1, "sides": {
                "ours": side | {"best_ms": 1e-9},
                "ours-tight": side | {"best_ms": 1e-9},
                "fast<peer>": side | {"best_ms": row["min_ms"] / 2},
                "slow": side | {"best_ms": row["min_ms"] * 3},
                "none": {"status": "unsupported", "reason": "no",
                         "error": None, "best_ms": None}}}]}


def check_page(name, text, picture, rows, groups, peer_rows):
    page = Page(text)
    ids = page.ids()
    counts = collections.Counter(ids)
    check(f"{name}: ids differ", max(counts.values()) == 1,
          [key for key, count in counts.items() if count > 1])
    for slug in groups:
        for part in ("roofline", "roof", "bars", "errors", "bound"):
            check(f"{name}: {part}", f"{part}-{slug}" in ids, slug)
    timed = [index for index, row in enumerate(rows) if row["min_ms"]]
    every = list(range(len(rows)))
    for kind, wanted in [("bar", every), ("row", every), ("point", timed),
                         ("error", timed), ("largest", timed)]:
        found = sorted(
            int(word.rpartition("-")[2]) for word in page.ids(rf"{kind}-\d+$"))
        check(f"{name}: {kind}s", found == wanted, found)
    check(f"{name}: direct", len(page.ids(r"direct-\d+$")) == 2 * len(groups))
    check(f"{name}: peers", len(page.ids(r"peer-\d+$")) == peer_rows)
    drawings = page.count("svg")
    check(f"{name}: drawings", drawings == 2 * len(groups), drawings)
    titled = [attributes for tag, attributes in page.elements
              if tag == "svg" and attributes.get("role") == "img"
              and attributes.get("aria-labelledby") in ids]
    check(f"{name}: titles", len(titled) == drawings)
    paths = page.count("path") + page.count("use")
    check(f"{name}: paths", paths > 50 * len(groups), paths)
    check(f"{name}: table", page.count("table") == 1
          and page.count("tr") == len(rows) + 1)
    check(f"{name}: markup of names", page.count("script") == 0)
    for layer in NAMES:
        check(f"{name}: {layer}", any(layer in words for words in page.texts))
    # Nothing from elsewhere, and every reference has its end.
    for tag, attributes in page.elements:
        for key, value in attributes.items():
            value = value or ""
            ends = re.findall(r"url\(#?([^)]*)\)", value)
            if key in ("href", "src", "xlink:href"):
                check(f"{name}: reference", value[:1] == "#", value)
                ends.append(value[1:])
            for end in ends:
                check(f"{name}: end of a reference",
                      end.strip("\"'#") in ids, end)
    check(f"{name}: no addresses",
          not re.search(r"https?:|file:|@import|<link|<img", text))
    if not os.path.exists(picture):
        check(f"{name}: picture", False)
        return
    with open(picture, "rb") as file:
        head = file.read(24)
    check(f"{name}: picture", head[:8] == b"\x89PNG\r\n\x1a\n"
          and struct.unpack(">II", head[16:24])[0] == 1200)
    # A page without drawings compresses to a few kilobytes.
    check(f"{name}: something is drawn", os.path.getsize(picture) > 50_000,
          os.path.getsize(picture))


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    convbench = os.path.abspath(sys.argv[1])
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        sys.exit("report_test: there is no Chromium; scripts/setup.sh --report")
    bench = [convbench, "bench", *PROBLEMS, "--min-time", "0", "--dtype",
             "f32,bf16", "--threads", "1"]
    groups = [f"input-gradient-{dtype}-nhwc-1" for dtype in ("f32", "bf16")]
    with tempfile.TemporaryDirectory(prefix="report-") as folder:
        def path(name):
            return os.path.join(folder, name)

        ran = run([*bench, "--format", "json", "--output", path("rows.json"),
                   "--report", path("page.html")])
        check("bench", ran.returncode == 0, ran.stderr)
        with open(path("rows.json")) as file:
            results = json.load(file)
        rows = results["rows"]
        check("rows", len(rows) == 12)
        roofs = results["roofs"]
        check("roofs", sorted(
            (roof["dtype"], roof["threads"]) for roof in roofs)
              == [("bf16", 1), ("f32", 1)] and all(
                  1 < roof["gemm_gflops"] < 1e5
                  and 0.1 < roof["memory_gbytes"] < 1e4 for roof in roofs),
              roofs)
        with open(path("peers.json"), "w") as file:
            json.dump(made_up_peers(results), file)

        # The other page by the program itself, with the Python that convbench
        # would take.
        python = next(
            python for python in filter(None, [
                os.environ.get("CONVOLUTIONS_PYTHON"), "python3",
                "/usr/bin/python3"])
            if run([python, os.path.join(ROOT, "scripts", "report.py"),
                    "--check"]).returncode == 0)
        script = [python, os.path.join(ROOT, "scripts", "report.py")]
        ran = run([*script, path("rows.json"), "--peers", path("peers.json"),
                   "--output", path("peers.html")])
        check("report.py", ran.returncode == 0, ran.stderr)
        again = run([*script, path("rows.json")])
        with open(path("page.html")) as file:
            check("the same page again", file.read() == again.stdout)

        for name, peer_rows in [("page", 0), ("peers", 1)]:
            size = os.path.getsize(path(f"{name}.html"))
            check(f"{name}: size", size < MOST_BYTES, size)
            print(f"{name}: {size} bytes")
            try:
                text, picture = open_page(
                    browser, folder, path(f"{name}.html"))
            except subprocess.TimeoutExpired:
                check(f"{name}: opened within a minute", False)
                continue
            check_page(name, text, picture, rows, groups, peer_rows)
            if peer_rows:
                texts = Page(text).texts
                check("best peer", "fast<peer>" in texts)
                check("no peers of a layer", any(
                    NAMES[1] in words and "No peer" in words
                    for words in texts))

        for name, arguments, words in [
            ("missing file", [path("none.json")], "cannot read"),
            ("no JSON", [path("page.html")], "it is not JSON"),
            ("other JSON", [path("peers.json")], "it has another form"),
            ("other peers", [path("rows.json"), "--peers", path("rows.json")],
             "it has another form"),
            ("nowhere to write", [path("rows.json"), "--output",
                                  path("none/page.html")], "cannot write"),
        ]:
            refused = run([*script, *arguments])
            check(name, refused.returncode == 1 and not refused.stdout
                  and words in refused.stderr
                  and refused.stderr.count("\n") == 1, refused.stderr)
    print(f"report_test: {PASSED} passed, {FAILED} failed")
    sys.exit(1 if FAILED else 0)


if __name__ == "__main__":
    main()

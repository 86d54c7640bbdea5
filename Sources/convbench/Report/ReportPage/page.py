"""The page: drawings and the table of all rows, without references."""

from html import escape

from drawing import readable
from layers import best_row, layers
from results import geometric_mean, short_problem
from roofline import roofline

STYLE = """
body { font-family: system-ui, sans-serif; color: #222; margin: 1.5em auto;
  padding: 0 1em; max-width: 1160px; line-height: 1.4; }
h1 { font-size: 1.5em; } h2 { font-size: 1.2em; margin-top: 2em; }
svg { width: 100%; height: auto; display: block; }
svg * { stroke-linejoin: round; stroke-linecap: butt; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 75%; white-space: nowrap;
  font-variant-numeric: tabular-nums; }
th, td { padding: 0.2em 0.5em; border-bottom: 1px solid #ddd;
  text-align: right; }
thead th { border-bottom: 2px solid #888; }
.text { text-align: left; }
.failed td { background: #fbe3e1; } .unsupported td { color: #777; }
.warning { background: #fbe3e1; padding: 0.8em 1em; }
.note { color: #555; font-size: 85%; max-width: 75em; }
dl { display: grid; grid-template-columns: max-content auto; gap: 0 1em;
  font-size: 85%; } dt { color: #555; } dd { margin: 0; }
"""

OPERATIONS = {
    "input-gradient": "Gradient of the input",
    "forward": "Convolution",
    "filter-gradient": "Gradient of the filter",
}


def page(results, peers):
    failed = sum(row.status == "failed" for row in results.rows)
    warning = results.warning and (
        f'<p class="warning"><strong>Warning.</strong> '
        f"{escape(results.warning)}</p>")
    parts = [
        "<!DOCTYPE html>", '<html lang="en">', "<head>",
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width">',
        "<title>Convolutions: convbench</title>",
        f"<style>{STYLE}</style>", "</head>", "<body>",
        "<h1>Convolutions: what convbench measured</h1>",
        warning or "",
        f'<p class="warning">{failed} of {len(results.rows)} rows failed '
        f"verification.</p>" if failed else "",
        environment(results, peers),
        *(section(group, results, peers) for group in results.groups),
        table(results, peers), "</body>", "</html>"]
    return "\n".join(filter(None, parts)) + "\n"


def environment(results, peers):
    items = dict(results.environment)
    if peers:
        versions = ", ".join(
            f"{name} {version}" for name, version
            in sorted(peers.versions.items()))
        items["peers"] = ", measured ".join(
            filter(None, [versions, peers.date]))
        if peers.cpu and peers.cpu != items.get("cpu"):
            items["peers’ CPU"] = peers.cpu
    return '<dl id="environment">' + "".join(
        f"<dt>{escape(key)}</dt><dd>{escape(value)}</dd>"
        for key, value in items.items()) + "</dl>"


def section(group, results, peers):
    heading = OPERATIONS.get(group.operation, group.operation)
    threads = "thread" if group.threads == 1 else "threads"
    parts = [
        f'<section id="section-{escape(group.slug)}">',
        f"<h2>{escape(heading)}: {escape(group.dtype)}, "
        f"{escape(group.layout)}, {group.threads} {threads}</h2>",
        f"<p>{escape(summary(group, peers))}</p>"]
    roof = roofline(group, results.roofs.get((group.dtype, group.threads)))
    if roof:
        parts += [roof, f'<p class="note">{ROOFLINE_NOTE}</p>']
    parts.append(layers(group, peers))
    if peers:
        parts += [f'<p class="note">{PEERS_NOTE}</p>',
                  without_peers(group, peers)]
    parts.append(f'<p class="note">{ERROR_NOTE}</p>')
    return "\n".join([*parts, "</section>"])


ROOFLINE_NOTE = (
    "The roof is what this run measured on as many threads: matrix products, "
    "and copying far beyond the caches. Winograd’s filtering needs fewer "
    "operations than the nominal ones, and tensors that stay in the caches "
    "need not be moved, so points can be above it. Grey, on the same line: the "
    "direct kernel.")

PEERS_NOTE = (
    "The peers’ times are from a run of their own, which the environment "
    "names. The best is a bar under its name, the others are marks on it.")

ERROR_NOTE = (
    "Errors: relative is that of the Frobenius norms, largest the largest "
    "difference over the largest result, which is what has a bound; the "
    "direct kernel’s is that of a running sum. A mark at the edge is 0 or no "
    "number.")


def summary(group, peers):
    sentences = []
    for variant in group.variants:
        rows = [layer.rows[variant] for layer in group.layers
                if variant in layer.rows and layer.rows[variant].gflops]
        words = []
        if speedup := geometric_mean([row.speedup for row in rows]):
            words.append(f"{speedup:.2f} times the direct kernel’s speed")
        if share := geometric_mean([row.gemm_fraction for row in rows]):
            words.append(f"{100 * share:.0f} % of the GEMM rate")
        if peers:
            ratios = [
                times[0].milliseconds / row.minimum for row in rows
                if row.minimum and (times := peers.of(row))]
            if ratio := geometric_mean(ratios):
                words.append(f"{ratio:.2f} times the best peer’s speed "
                             f"({len(ratios)} layers)")
        if words:
            sentences.append(
                f"{group.label(variant)}: " + ", ".join(words))
    if not sentences:
        return "Nothing was timed."
    return "Geometric means, " + "; ".join(sentences) + "."


def without_peers(group, peers):
    missing = [layer.title for layer in group.layers
               if (row := best_row(layer)) and not peers.of(row)]
    if not missing:
        return ""
    return (f'<p class="note" id="no-peers-{escape(group.slug)}">'
            "No peer’s time for this type and these threads: "
            f"{escape(', '.join(missing))}.</p>")


# MARK: Table

def texts(row):
    """What most runs keep the same."""
    return [("op", row.operation), ("type", row.dtype),
            ("layout", row.layout), ("thr", str(row.threads)),
            ("request", row.request), ("products", row.products),
            ("accuracy", row.accuracy)]


def table(results, peers):
    rows = results.rows
    if not rows:
        return "<p>There are no rows.</p>"
    values = list(zip(*(texts(row) for row in rows)))
    varying = [cells[0][0] for cells in values if len(set(cells)) > 1]
    common = ", ".join(
        f"{title} {value}" for title, value in texts(rows[0])
        if title not in varying)
    columns = [
        ("#", False, lambda row: str(results.numbers[row.index])),
        ("name", True, lambda row: row.name),
        ("problem", True, lambda row: short_problem(row.problem)),
        *((title, title != "thr",
           lambda row, title=title: dict(texts(row))[title])
          for title in varying),
        ("algorithm", True, lambda row: row.algorithm),
        ("KiB", False, lambda row: "–" if row.workspace is None
         else f"{row.workspace / 1024:.0f}"),
        ("min ms", False, lambda row: readable(row.minimum)),
        ("median", False, lambda row: readable(row.median)),
        ("iqr", False, lambda row: readable(row.spread)),
        ("GFLOP/s", False, lambda row: readable(row.gflops)),
        ("GEMM", False, lambda row: "–" if row.gemm_fraction is None
         else f"{100 * row.gemm_fraction:.0f}%"),
        ("direct", False, lambda row: readable(row.direct_minimum)),
        ("speed-up", False, lambda row: readable(row.speedup)),
    ]
    if peers:
        def best(row):
            return next(iter(peers.of(row)), None)
        columns += [
            ("best peer", True,
             lambda row: best(row).name if best(row) else "–"),
            ("its ms", False, lambda row: readable(
                best(row).milliseconds if best(row) else None)),
            ("ratio", False, lambda row: readable(
                best(row).milliseconds / row.minimum
                if best(row) and row.minimum else None)),
        ]
    columns += [
        ("error", False, lambda row: error(row.error)),
        ("largest", False, lambda row: error(row.largest_error)),
        ("running sum", False, lambda row: error(row.direct_error)),
    ]
    if any(row.calls is not None for row in rows):
        columns += [
            ("calls", False, lambda row: "–" if row.calls is None
             else f"{row.calls:.0f}"),
            ("logged", False, lambda row: readable(row.logged))]
    columns.append(
        ("status", True, lambda row: f"{row.status} {row.reason}".strip()))

    def cell(is_text, text, tag="td", attributes=""):
        kind = ' class="text"' if is_text else ""
        return f"<{tag}{attributes}{kind}>{escape(text)}</{tag}>"

    head = "".join(
        cell(is_text, title, "th", ' scope="col"')
        for title, is_text, _ in columns)
    body = "\n".join(
        f'<tr id="row-{row.index}" class="{escape(row.status)}">'
        + "".join(cell(is_text, text(row))
                  for _, is_text, text in columns) + "</tr>"
        for row in rows)
    return (
        "<h2>All rows</h2>\n"
        f'<p class="note">{escape(common)}. Times in milliseconds; GEMM: share '
        "of the rate of matrix products; direct: the direct kernel’s best "
        "time; error against float64: relative, the largest over the largest "
        "result, and the direct kernel’s, which is a running sum.</p>\n"
        f'<div class="wide"><table id="rows">\n<thead><tr>{head}</tr></thead>'
        f"\n<tbody>\n{body}\n</tbody></table></div>")


def error(value):
    return "–" if value is None else f"{value:.1e}"

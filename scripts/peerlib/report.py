"""Rows as text, Markdown and JSON, and the figures that sum them up."""

import json
import math

from peerlib.comparison import QUIET, Side
from peerlib.contenders import NOBODY

# Titles of the columns that hold words.
TEXTS = ("name", "type", "layout", "accuracy", "request", "algorithm",
         "best peer")

MARKS = {"unsupported": "–", "wrong": "wrong", "failed": "failed"}


class Line:
    """A row as one variant of the engine sees it."""

    def __init__(self, row, ours, variant, peers):
        self.row = row
        self.variant = variant
        self.side = row.sides.get(ours) or Side()
        times = {name: row.sides[name].best for name in peers
                 if row.sides[name].best is not None}
        self.best_peer = min(times, key=times.get, default=None)
        self.peer_time = times.get(self.best_peer)

    @property
    def ratio(self):
        """How many times faster than the best peer."""
        return self._ratio(0)

    @property
    def ratio_with_preparation(self):
        """The same if every call had to prepare the filter."""
        return self._ratio(self.side.facts.get("prepare_ms", 0))

    def _ratio(self, extra):
        if self.side.best is None or self.peer_time is None:
            return None
        return self.peer_time / (self.side.best + extra)

    @property
    def gflops(self):
        """Ours, or where only the peers take part, the best one's."""
        time = self.peer_time if self.variant is NOBODY else self.side.best
        return self.row.problem.flops / (time * 1e6) if time else None


class Report:
    def __init__(self, rows, variants, peers, environment):
        self.rows = rows
        self.variants = variants
        self.peers = peers
        self.environment = environment
        self.lines = [
            Line(row, ours, variant, peers)
            for row in rows
            for ours, variant in (variants or {None: NOBODY}).items()]

    @property
    def disturbed(self):
        """How many rows were measured on a machine that was not quiet."""
        return sum(row.is_disturbed for row in self.rows)

    def _settings(self):
        """What differs among the lines has a column, else the caption."""
        fields = [
            ("type", lambda line: line.row.dtype),
            ("thr", lambda line: str(line.row.threads)),
            ("layout", lambda line: line.variant.layout),
            ("accuracy", lambda line: line.variant.accuracy),
            ("request", lambda line: line.variant.algorithm),
        ]
        columns, common = [], []
        for title, value in fields:
            values = {value(line) for line in self.lines}
            if values == {None}:
                continue
            if len(values) == 1:
                common.append(f"{title} {values.pop()}")
            else:
                columns.append((title, value))
        return columns, ", ".join(common)

    def _columns(self):
        def peer(name):
            return lambda line: cell(line.row.sides[name])

        def number(value, digits):
            return "–" if value is None else f"{value:.{digits}f}"

        columns = [
            ("name", lambda line: line.row.problem.name),
            *self._settings()[0],
            ("algorithm",
             lambda line: line.side.facts.get("algorithm", "–")),
            ("ours", lambda line: cell(line.side)),
            *((name, peer(name)) for name in self.peers),
            ("best peer", lambda line: line.best_peer or "–"),
            ("ratio", lambda line: number(line.ratio, 2)),
            ("GFLOP/s", lambda line: number(line.gflops, 1)),
        ]
        if self.disturbed:
            columns.append(
                ("others", lambda line: number(line.row.others_load, 2)))
        return columns

    def _cells(self):
        columns = self._columns()
        return ([title for title, _ in columns],
                [[value(line) for _, value in columns]
                 for line in self.lines])

    @property
    def caption(self):
        common = self._settings()[1]
        others = ("; others: cores that other processes used meanwhile"
                  if self.disturbed else "")
        return (f"{common}; best times in ms; ratio: best peer / ours; "
                f"–: not supported{others}")

    @property
    def table(self):
        titles, body = self._cells()
        widths = [max(map(len, column)) for column in zip(titles, *body)]

        def text(cells):
            return "  ".join(
                cell.ljust(width) if title in TEXTS
                else cell.rjust(width)
                for title, cell, width in zip(titles, cells, widths)).rstrip()

        return "\n".join(text(cells) for cells in [titles, *body])

    def _errors(self):
        """The relative errors of every contender, on the fewest threads."""
        rows = {}
        for row in self.rows:
            rows.setdefault((row.problem.name, row.dtype), row)
        names = [*self.variants, *self.peers]
        several = len({dtype for _, dtype in rows}) > 1

        def error(side):
            return "–" if side.error is None else f"{side.error:.1e}"

        return (["name", *(["type"] if several else []), *names],
                [[name, *([dtype] if several else []),
                  *(error(row.sides[side]) for side in names)]
                 for (name, dtype), row in rows.items()])

    @property
    def markdown(self):
        table = markdown_table(*self._cells())
        errors = markdown_table(*self._errors())
        facts = "\n".join(f"- {line}" for line in self.header)
        figures = "\n".join(f"- {line}" for line in self.figures)
        return (f"{facts}\n\n{self.caption}\n\n{table}\n\n{figures}\n\n"
                f"Relative errors, Frobenius norms against float64:\n\n"
                f"{errors}\n")

    @property
    def header(self):
        return header(self.environment)

    def _groups(self):
        groups = {}
        for line in self.lines:
            key = (line.row.dtype, line.row.threads, line.variant)
            groups.setdefault(key, []).append(line)
        return groups

    def summaries(self):
        """The figures of each type, number of threads and variant."""
        result = []
        for (dtype, threads, variant), lines in self._groups().items():
            known = [line for line in lines if line.ratio is not None]
            summary = {
                "dtype": dtype, "threads": threads, "layout": variant.layout,
                "accuracy": variant.accuracy, "request": variant.algorithm,
                "rows": len(known),
            }
            if known:
                worst = min(known, key=lambda line: line.ratio)
                summary |= {
                    "geometric_mean": geometric_mean(
                        line.ratio for line in known),
                    "geometric_mean_with_preparation": geometric_mean(
                        line.ratio_with_preparation for line in known),
                    "least_ratio": worst.ratio,
                    "least_ratio_layer": worst.row.problem.name,
                    "least_ratio_peer": worst.best_peer,
                    "behind": sum(line.ratio < 1 for line in known),
                    "geometric_mean_by_peer": self._means_by_peer(lines),
                }
            result.append(summary)
        return result

    def _means_by_peer(self, lines):
        """How many times faster than each peer, over what it serves."""
        ratios = {
            peer: [line.row.sides[peer].best / line.side.best
                   for line in lines
                   if line.side.best and line.row.sides[peer].best]
            for peer in self.peers}
        return {peer: geometric_mean(values)
                for peer, values in ratios.items() if values}

    @property
    def figures(self):
        figures = [figure(summary) for summary in self.summaries()]
        if self.disturbed:
            figures.append(
                f"the machine was not quiet: in {self.disturbed} of "
                f"{len(self.rows)} measurements others used more than "
                f"{QUIET} of a core; do not trust their times")
        return figures

    @property
    def json(self):
        lines = [
            {"name": line.row.problem.name, "dtype": line.row.dtype,
             "threads": line.row.threads, "layout": line.variant.layout,
             "accuracy": line.variant.accuracy,
             "request": line.variant.algorithm, "ours_ms": line.side.best,
             "best_peer": line.best_peer, "best_peer_ms": line.peer_time,
             "ratio": line.ratio,
             "ratio_with_preparation": line.ratio_with_preparation,
             "gflops": line.gflops}
            for line in self.lines]
        return json.dumps({
            "environment": self.environment,
            "rows": [row.as_json() for row in self.rows],
            "comparisons": lines, "summaries": self.summaries(),
        }, indent=1, ensure_ascii=False) + "\n"

    @property
    def problems(self):
        """Checks that did not pass, a line each."""
        return [
            f"{name}: {row.problem.name} {row.dtype} {row.threads} thr: "
            f"{side.status}: {side.reason}"
            for row in self.rows for name, side in row.sides.items()
            if side.status in ("wrong", "failed")]


def markdown_table(titles, body):
    rule = ["---" if title in TEXTS else "--:" for title in titles]
    return "\n".join(
        f"| {' | '.join(cells)} |" for cells in [titles, rule, *body])


def cell(side):
    if side.best is None:
        return MARKS.get(side.status, "–")
    return f"{side.best:.4g}" if side.best < 1000 else f"{side.best:.0f}"


def geometric_mean(values):
    logarithms = [math.log(value) for value in values]
    return math.exp(sum(logarithms) / len(logarithms))


def header(environment):
    """The environment as lines of text."""
    labels = {"cpu": "CPU", "openblas": "OpenBLAS",
              "openblas_core": "OpenBLAS core", "turn_ms": "turn, ms"}
    texts = environment | {
        "versions": ", ".join(
            f"{package} {version}" for package, version
            in sorted(environment["versions"].items()))}
    return [f"{labels.get(key, key)}: {value}"
            for key, value in texts.items()]


def figure(summary):
    name = ", ".join(filter(None, [
        summary["dtype"], f"{summary['threads']} thr", summary["layout"],
        summary["accuracy"], summary["request"]]))
    if not summary["rows"]:
        return f"{name}: no ratio"
    peers = ", ".join(
        f"{peer} {mean:.2f}x" for peer, mean
        in summary["geometric_mean_by_peer"].items())
    mean = summary["geometric_mean"]
    prepared = summary["geometric_mean_with_preparation"]
    # The gradient of a filter has none to prepare.
    preparation = "" if prepared == mean else (
        f", {prepared:.3f}x with our filter prepared in each call")
    return (
        f"{name}: geometric mean {mean:.3f}x the best peer{preparation}; "
        f"least {summary['least_ratio']:.2f} "
        f"({summary['least_ratio_layer']}, {summary['least_ratio_peer']}); "
        f"behind in {summary['behind']} of {summary['rows']}; by peer: {peers}")

"""What was measured: rows in groups, layers and variants; the peers' times."""

import dataclasses
import json
import math
import re
import sys


class BadFile(Exception):
    """A file that is not what it should be, in words for its user."""


def read_json(path, make):
    """What `make` makes of a file; - is standard input."""
    try:
        if path == "-":
            text = sys.stdin.buffer.read().decode()
        else:
            with open(path, encoding="utf-8") as file:
                text = file.read()
        return make(json.loads(text))
    except OSError as error:
        raise BadFile(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadFile(f"{path}: it is not text") from error
    except json.JSONDecodeError as error:
        raise BadFile(f"{path}: it is not JSON: {error}") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadFile(
            f"{path}: it has another form: {type(error).__name__} {error}"
        ) from error


def number(value):
    """A number or None; JSON has infinity and NaN as words."""
    return None if value is None else float(value)


def positive(value):
    """A number that has a logarithm, or None."""
    value = number(value)
    return value if value is not None and 0 < value < math.inf else None


def printable(text):
    """Without what no page can hold."""
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}"
        for letter in str(text))


def short_problem(descriptor):
    """A descriptor without what the defaults say."""
    numbers = dict(re.findall(r"([a-z]+)(\d+)", descriptor))
    defaults = {"s": "1", "d": "0"}
    words = []
    for key, value in numbers.items():
        letter, axis = key[:-1], key[-1]
        height, width = (numbers.get(letter + other) for other in "hw")
        if axis in "hw" and height == width and (
                axis == "w" or value == defaults.get(letter)):
            continue
        words.append(key + value)
    return "".join(words) or descriptor


class Row:
    """A row of the results, with its number among them."""

    def __init__(self, index, fields):
        self.index = index
        self.name = printable(fields["name"])
        self.problem = printable(fields["problem"])
        self.operation = str(fields.get("op", "input-gradient"))
        self.dtype = str(fields["dtype"])
        self.layout = str(fields["layout"])
        self.threads = int(fields["threads"])
        self.algorithm = str(fields["algorithm"])
        self.accuracy = str(fields["accuracy"])
        self.request = str(fields.get("request", "auto"))
        self.products = str(fields.get("products", "auto"))
        self.status = str(fields["status"])
        self.reason = printable(fields.get("reason") or "")
        self.workspace = number(fields.get("workspace_bytes"))
        self.minimum = number(fields.get("min_ms"))
        self.median = number(fields.get("median_ms"))
        self.spread = number(fields.get("iqr_ms"))
        self.gflops = positive(fields.get("gflops"))
        self.gemm_fraction = number(fields.get("gemm_fraction"))
        self.direct_minimum = number(fields.get("direct_min_ms"))
        self.speedup = positive(fields.get("speedup_vs_direct"))
        self.largest_error = number(fields.get("max_error"))
        self.error = number(fields.get("relative_error"))
        self.direct_error = number(fields.get("direct_relative_error"))
        self.tolerance = positive(fields.get("tolerance"))
        self.flops = positive(fields.get("flops"))
        self.bytes = positive(fields.get("bytes"))
        self.calls = number(fields.get("calls"))
        self.logged = number(fields.get("logged_min_ms"))

    @property
    def title(self):
        words = [self.name]
        # A problem of a log has the number of its calls for a name.
        if not self.name or self.calls is not None:
            words.append(short_problem(self.problem))
        return " ".join(filter(None, words))

    @property
    def intensity(self):
        """Operations a byte that must be moved."""
        return self.flops / self.bytes if self.flops and self.bytes else None

    @property
    def direct_gflops(self):
        if self.gflops is None or self.speedup is None:
            return None
        return self.gflops / self.speedup


@dataclasses.dataclass
class Layer:
    """A problem of a group; its rows by variant."""

    number: int
    rows: dict

    @property
    def first(self):
        return next(iter(self.rows.values()))

    @property
    def title(self):
        return self.first.title


class Group:
    """Rows that share operation, type, layout and number of threads."""

    def __init__(self, key):
        self.operation, self.dtype, self.layout, self.threads = key
        self.layers = []
        # What was asked for: algorithm and accuracy.
        self.variants = []
        self._places = {}

    def add(self, row, numbers):
        variant = row.request, row.accuracy
        if variant not in self.variants:
            self.variants.append(variant)
        problem = row.name, row.problem
        layers = self._places.setdefault(problem, [])
        # A problem that was asked for twice is two layers.
        layer = next(
            (layer for layer in layers if variant not in layer.rows), None)
        if layer is None:
            layer = Layer(
                numbers.setdefault((*problem, len(layers)), len(numbers) + 1),
                {})
            layers.append(layer)
            self.layers.append(layer)
        layer.rows[variant] = row

    @property
    def slug(self):
        return (f"{self.operation}-{self.dtype}-{self.layout}-{self.threads}"
                .lower())

    @property
    def title(self):
        threads = "thread" if self.threads == 1 else "threads"
        return (f"{self.operation}, {self.dtype}, {self.layout}, "
                f"{self.threads} {threads}")

    @property
    def rows(self):
        return [row for layer in self.layers for row in layer.rows.values()]

    def label(self, variant):
        """What tells a variant from the others of the group."""
        words = [
            word for place, word in enumerate(variant)
            if len({other[place] for other in self.variants}) > 1]
        return " ".join(words) or variant[1]


class Results:
    def __init__(self, root):
        facts = dict(root["environment"])
        self.warning = facts.pop("warning", None)
        if self.warning is not None:
            self.warning = printable(self.warning)
        self.environment = {
            printable(key): printable(value) for key, value in facts.items()}
        # By type and threads: GFLOP/s of matrix products, GB/s of memory.
        self.roofs = {
            (str(roof["dtype"]), int(roof["threads"])):
            (positive(roof["gemm_gflops"]), positive(roof["memory_gbytes"]))
            for roof in root.get("roofs", [])}
        self.rows = [
            Row(index, fields) for index, fields in enumerate(root["rows"])]
        groups, numbers = {}, {}
        for row in self.rows:
            key = row.operation, row.dtype, row.layout, row.threads
            groups.setdefault(key, Group(key)).add(row, numbers)
        self.groups = list(groups.values())
        self.numbers = {
            row.index: layer.number for group in self.groups
            for layer in group.layers for row in layer.rows.values()}

    @classmethod
    def read(cls, path):
        return read_json(path, cls)


@dataclasses.dataclass
class PeerTime:
    name: str
    milliseconds: float
    error: float

    def gflops(self, row):
        return row.flops / (self.milliseconds * 1e6) if row.flops else None


class Peers:
    """The best times of other libraries, by problem."""

    def __init__(self, root):
        self.environment = root["environment"]
        operation = self.environment.get("operation", "input-gradient")
        self.versions = {
            printable(name): printable(version) for name, version
            in dict(self.environment.get("versions", {})).items()}
        self.date = printable(self.environment.get("date", ""))
        self.cpu = printable(self.environment.get("cpu", ""))
        self._times = {}
        for row in root["rows"]:
            key = (str(operation), printable(row["problem"]),
                   str(row["dtype"]), int(row["threads"]))
            times = [
                PeerTime(printable(name), positive(side["best_ms"]),
                         positive(side.get("error")))
                for name, side in row["sides"].items()
                if not is_ours(name) and positive(side.get("best_ms"))]
            self._times[key] = sorted(
                times, key=lambda time: time.milliseconds)

    def of(self, row):
        """What the peers took for a row, the fastest first."""
        return self._times.get(
            (row.operation, row.problem, row.dtype, row.threads), [])

    @classmethod
    def read(cls, path):
        return read_json(path, cls)


def is_ours(name):
    """Whether a side of the comparison is this package's engine."""
    return name == "ours" or name.startswith("ours-")


def geometric_mean(values):
    logarithms = [math.log(value) for value in values if value]
    if not logarithms:
        return None
    return math.exp(sum(logarithms) / len(logarithms))

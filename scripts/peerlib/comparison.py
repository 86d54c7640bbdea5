"""The comparison: every contender checked, then timed strictly in turn."""

import math
import os
import sys

import numpy as np

from peerlib.process import Died, OthersLoad, Refused
from peerlib.problem import from_layout, from_stored, to_layout, to_stored

# Relative Frobenius errors that no sound implementation reaches.
TOLERANCES = {"f32": 1e-4, "f64": 1e-12, "f16": 2e-2, "bf16": 5e-2}

# A machine that others use more than this, in cores, is not quiet.
QUIET = 0.1

# A peer this many times slower than the best gets no more turns after two, and
# none at all if its calls take long besides (in milliseconds).
HOPELESS = 20
LONG_CALL = 500


def progress(line):
    print(line, file=sys.stderr, flush=True)


class Side:
    """What one contender did in one row."""

    def __init__(self):
        self.status = "ok"
        self.reason = None
        self.error = None
        # The best call of each turn, in milliseconds.
        self.turns = []
        self.calls = 0
        # What the contender said when it loaded the problem.
        self.facts = {}

    @property
    def best(self):
        return min(self.turns) if self.status == "ok" and self.turns else None

    def fail(self, status, reason):
        self.status = status
        self.reason = reason

    def as_json(self):
        return {
            "status": self.status, "reason": self.reason, "error": self.error,
            "best_ms": self.best, "turns_ms": self.turns, "calls": self.calls,
        } | self.facts


class Row:
    """One problem, type and number of threads; every contender a side."""

    def __init__(self, problem, dtype, threads):
        self.problem = problem
        self.dtype = dtype
        self.threads = threads
        self.sides = {}
        # Cores that processes outside of the comparison used meanwhile.
        self.others_load = None

    @property
    def noise(self):
        """The load, and the most of it where it is not known."""
        return math.inf if self.others_load is None else self.others_load

    @property
    def is_disturbed(self):
        return QUIET < self.noise < math.inf

    def as_json(self):
        return {
            "name": self.problem.name, "problem": self.problem.descriptor,
            "dtype": self.dtype, "threads": self.threads,
            "flops": self.problem.flops, "others_load": self.others_load,
            "sides": {
                name: side.as_json() for name, side in self.sides.items()},
        }


class Comparison:
    """Measures rows one by one; what is done so far is in `rows`."""

    def __init__(self, operation, contenders, truth, layouts, folder, rounds,
                 turn_ms, seed):
        self.operation = operation
        # By number of threads, then by name, in the order of the turns.
        self.contenders = contenders
        self.truth = truth
        # Of the contenders whose files are not NHWC.
        self.layouts = layouts
        self.folder = folder
        self.rounds = rounds
        self.turn_ms = turn_ms
        self.seed = seed
        # By problem, type and number of threads.
        self._measured = {}
        # What could not be checked, a line each.
        self.failures = []

    @property
    def rows(self):
        return list(self._measured.values())

    def run(self, problems, dtypes, retries):
        """Measures everything, and the disturbed again in the end.

        Which of two measurements stays is decided by how quiet the machine
        was, not by what they say.
        """
        self._measure_all(dict.fromkeys(
            (problem, dtype, threads) for problem in problems
            for dtype in dtypes for threads in self.contenders))
        for _ in range(retries):
            self._measure_all([key for key, row in self._measured.items()
                               if row.is_disturbed])

    def _measure_all(self, keys):
        prepared = data = None
        for number, key in enumerate(keys, start=1):
            problem, dtype, threads = key
            if prepared != (problem, dtype):
                prepared = problem, dtype
                data = self._prepare(problem, dtype)
            if data is None:
                continue
            row = self._measure(problem, dtype, threads, *data)
            known = self._measured.get(key)
            if known is None or row.noise < known.noise:
                self._measured[key] = row
            progress(f"peers: {number}/{len(keys)} {self._describe(row)}")

    def _describe(self, row):
        times = [
            f"{name} {side.best:.4g}" if side.best else f"{name} {side.status}"
            for name, side in row.sides.items()]
        return (f"{row.problem.name} {row.dtype} {row.threads} thr, ms: "
                + ", ".join(times))

    def _path(self, name):
        return os.path.join(self.folder, name)

    def _write_data(self, problem, dtype):
        """The operands' paths, by layout and name."""
        data = problem.random_data(self.operation.operands, self.seed)
        files = {layout: {} for layout in ("nhwc", *self.layouts.values())}
        for name, values in data.items():
            stored = to_stored(values, dtype)
            for layout, paths in files.items():
                paths[name] = self._path(f"{name}-{layout}.npy")
                np.save(paths[name], to_layout(stored, name, layout))
        return files

    def _load(self, contender, problem, dtype, files, layout="nhwc"):
        """The facts a contender tells of a problem, and its result, NHWC."""
        path = self._path("result.npy")
        facts = contender.request(
            "load", problem=problem.descriptor, dtype=dtype, result=path,
            **files[layout])
        result = np.load(path)
        os.remove(path)
        return facts, from_layout(result, self.operation.result, layout)

    def _prepare(self, problem, dtype):
        """The files and the result to compare with; None without them."""
        try:
            files = self._write_data(problem, dtype)
            _, truth = self._load(self.truth, problem, dtype, files)
            self.truth.request("drop")
        except (MemoryError, Refused, Died) as error:
            self.failures.append(
                f"{problem.name} {dtype} cannot be checked: {error}")
            return None
        self.truth.settle()
        return files, truth

    def _measure(self, problem, dtype, threads, files, truth):
        row = Row(problem, dtype, threads)
        contenders = self.contenders[threads]
        for name, contender in contenders.items():
            side = row.sides[name] = Side()
            try:
                side.facts, result = self._load(
                    contender, problem, dtype, files,
                    self.layouts.get(name, "nhwc"))
            except Refused as refusal:
                side.fail("unsupported", str(refusal))
            except Died as death:
                side.fail("failed", str(death))
            else:
                side.error = relative_error(result, truth)
                # Written so that a NaN is wrong.
                if not side.error <= TOLERANCES[dtype]:
                    side.fail("wrong", f"its error is {side.error:.1e}")
        try:
            self._take_turns(row, contenders)
        finally:
            for name, contender in contenders.items():
                if row.sides[name].status in ("ok", "wrong"):
                    self._drop(contender)
        return row

    def _drop(self, contender):
        try:
            contender.request("drop")
        except (Refused, Died):
            contender.kill()

    def _take_turns(self, row, contenders):
        sides = {name: side for name, side in row.sides.items()
                 if side.status == "ok"}
        for contender in contenders.values():
            contender.settle()
        self._dismiss_slow(sides, lambda side: side.facts["warm_ms"],
                           least=LONG_CALL)
        load = OthersLoad([contender.process.pid for contender
                           in contenders.values() if contender.process])
        for turn in range(self.rounds):
            for name, side in list(sides.items()):
                try:
                    reply = contenders[name].request(
                        "time", milliseconds=self.turn_ms)
                except (Refused, Died) as error:
                    side.fail("failed", str(error))
                    del sides[name]
                    continue
                side.turns.append(reply["best_ms"])
                side.calls += reply["calls"]
                contenders[name].settle()
            if turn == 1:
                self._dismiss_slow(sides, lambda side: side.best)
        row.others_load = load.cores

    def _dismiss_slow(self, sides, time, least=0):
        """Takes those out that cannot become the best.

        One without a turn keeps the time of its warm-up.
        """
        best = min(map(time, sides.values()), default=0)
        for name, side in list(sides.items()):
            if time(side) > max(HOPELESS * best, least):
                if not side.turns:
                    side.turns.append(time(side))
                    side.calls = 1
                side.reason = "slow: fewer turns"
                del sides[name]


def relative_error(result, truth):
    """Of the Frobenius norms; infinite where the shapes differ."""
    if result.shape != truth.shape:
        return float("inf")
    values = from_stored(result).astype(np.float64)
    scale = np.linalg.norm(truth)
    error = np.linalg.norm(values - truth)
    return float(error / scale if scale > 0 else error)

#!/usr/bin/env python3
"""Checks `convbench apply` against PyTorch in float64, on random problems.

    scripts/third_opinion.py
    scripts/third_opinion.py --op forward
    scripts/third_opinion.py --seed 1 --case 77 --dtype bf16

The operation is conv2d, on an input that was padded before, so that any pads
work, or one of its two gradients by autograd. Each result must be within the bound of its sum's rounding;
Winograd's, whose errors spread over a tile, within that of the largest sums. A
failure prints the line that reruns it and makes the exit status 1. PyTorch is
installed into a virtual environment, and convbench is built.
"""

import argparse
import collections
import concurrent.futures
import dataclasses
import os
import subprocess
import sys
import tempfile
import threading

from peerlib import environment

TYPES = ["f64", "f32", "f16", "bf16"]

# By type: what sums are taken in and what results are rounded to, as the
# largest relative error of a rounding; the least positive number; the exponents
# of data that vary widely, whose sums the type holds.
UNIT = {"f64": 2.0**-53, "f32": 2.0**-24, "f16": 2.0**-24, "bf16": 2.0**-24}
STORED_UNIT = {"f64": 0, "f32": 0, "f16": 2.0**-11, "bf16": 2.0**-8}
LEAST = {"f64": 2.0**-1074, "f32": 2.0**-149, "f16": 2.0**-24,
         "bf16": 2.0**-133}
EXPONENTS = {"f64": (-120, 120), "f32": (-40, 40), "f16": (-14, 0),
             "bf16": (-40, 40)}

# What each operation takes, in the order of convbench's; what it gives.
OPERANDS = {
    "input-gradient": ("filter", "out_backprop"),
    "forward": ("filter", "input"),
    "filter-gradient": ("input", "out_backprop"),
}
RESULT = {"input-gradient": "input", "forward": "out_backprop",
          "filter-gradient": "filter"}

ALGORITHMS = ["taps", "implicit", "column", "groups", "winograd", "direct"]
KINDS = ["uniform", "wide", "cancelling", "positive", "outlier"]
PRIMES = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37]
MOST_WORK = 3_000_000


# MARK: Problems

@dataclasses.dataclass(frozen=True)
class Axis:
    """One image axis; `pads` are those that `padding` comes to."""

    input: int
    kernel: int
    stride: int
    dilation: int
    pads: tuple[int, int]

    @property
    def window(self):
        return (self.kernel - 1) * self.dilation + 1

    @property
    def output(self):
        room = self.input + sum(self.pads) - self.window
        return room // self.stride + 1 if room >= 0 else 0


@dataclasses.dataclass(frozen=True)
class Problem:
    batch: int
    groups: int
    cin: int
    cout: int
    axes: tuple[Axis, Axis]
    padding: str
    layout: str
    kind: str
    algorithm: str
    accuracy: str
    threads: int

    def each(self, attribute):
        return [getattr(axis, attribute) for axis in self.axes]

    def shape(self, tensor):
        """Of images in NHWC, of a filter in HWIO."""
        return {
            "input": (self.batch, *self.each("input"), self.cin),
            "filter": (*self.each("kernel"), self.cin // self.groups,
                       self.cout),
            "out_backprop": (self.batch, *self.each("output"), self.cout),
        }[tensor]

    @property
    def work(self):
        h, w = self.axes
        return (self.batch * h.output * w.output * h.kernel * w.kernel
                * (self.cin // self.groups) * self.cout)

    @property
    def traits(self):
        """What a problem counts as; one axis is enough."""
        tests = {
            "strided and dilated": lambda a: (
                a.stride > 1 and a.dilation > 1 and a.kernel > 1),
            "stride beyond kernel": lambda a: a.stride > a.kernel,
            "pads not below kernel": lambda a: max(a.pads) >= a.kernel,
            "unequal pads": lambda a: a.pads[0] != a.pads[1],
            "window beyond image": lambda a: a.window > a.input,
            "prime image": lambda a: a.input in PRIMES,
        }
        found = [name for name, test in tests.items()
                 if any(map(test, self.axes))]
        return found + ["groups"] * (self.groups > 1) + [
            self.padding, self.layout, self.kind]

    def __str__(self):
        h, w = self.axes
        return (f"g{self.groups}mb{self.batch}"
                f"ic{self.cin}ih{h.input}iw{w.input}"
                f"oc{self.cout}oh{h.output}ow{w.output}"
                f"kh{h.kernel}kw{w.kernel}sh{h.stride}sw{w.stride}"
                f"dh{h.dilation - 1}dw{w.dilation - 1}"
                f" {self.padding} {h.pads} {w.pads} {self.layout} {self.kind}")


def draw_axis(rng, padding, both):
    size = int(rng.choice(PRIMES) if rng.random() < 0.5
               else rng.integers(1, 25))
    kernel = int(rng.integers(2 if both else 1, 8))
    stride = int(rng.integers(2, 5) if both
                 else rng.choice([1, 1, 1, 2, 3, rng.integers(1, 12)]))
    dilation = int(rng.integers(2, 4) if both
                   else rng.choice([1, 1, 1, 2, 3]))
    axis = Axis(size, kernel, stride, dilation, (0, 0))
    if padding == "SAME":
        outputs = -(-size // stride)
        need = max(0, (outputs - 1) * stride + axis.window - size)
        pads = need // 2, need - need // 2
    elif padding == "VALID":
        return axis
    else:
        most = axis.window + 2 if rng.random() < 0.3 else kernel
        pads = tuple(int(p) for p in rng.integers(0, most + 1, 2))
    return dataclasses.replace(axis, pads=pads)


def draw(rng):
    """A problem with at least one window."""
    channels = [1, 1, 2, 3, 4, 5, 7, 8, 13, 16, 17, 31, 33, 64]
    while True:
        padding = str(rng.choice(["SAME", "VALID", "EXPLICIT", "EXPLICIT"]))
        both = rng.random() < 0.35
        groups = int(rng.choice([1, 1, 1, 2, 3, 8, 16, 24]))
        narrow = channels if groups < 8 else channels[:6]
        depths = [int(c) for c in rng.choice(narrow, 2)]
        if groups > 1 and rng.random() < 0.4:
            depths[1] = depths[0]
        problem = Problem(
            batch=int(rng.integers(1, 4)), groups=groups,
            cin=groups * depths[0], cout=groups * depths[1],
            axes=tuple(draw_axis(rng, padding, both) for _ in range(2)),
            padding=padding, layout=str(rng.choice(["NHWC", "NCHW"])),
            kind=str(rng.choice(KINDS)),
            algorithm=str(rng.choice(
                ["auto"] * 6 + ALGORITHMS + ["winograd"] * 3)),
            accuracy=str(rng.choice(["standard", "tight"])),
            threads=int(rng.integers(1, 4)))
        if 0 < problem.work <= MOST_WORK:
            return problem


# MARK: Data

def data(problem, operation, dtype, rng):
    """The operands in float64, numbers of the type; NHWC."""
    shapes = [problem.shape(tensor) for tensor in OPERANDS[operation]]
    if problem.kind == "positive":
        pair = [rng.uniform(0.1, 1, s) for s in shapes]
    elif problem.kind == "wide":
        pair = [rng.choice([-1, 1], s)
                * 2.0 ** rng.uniform(*EXPONENTS[dtype], s) for s in shapes]
    else:
        pair = [rng.uniform(-1, 1, s) for s in shapes]
    if (problem.kind == "cancelling" and operation != "filter-gradient"
            and max(problem.each("kernel")) > 1):
        # Taps take from each other what images that hardly vary give.
        pair[0] -= pair[0].mean((0, 1))
        pair[1] = pair[1][:, :1, :1] + pair[1] / 128
    elif problem.kind == "outlier":
        victim = pair[rng.integers(2)].reshape(-1)
        victim[rng.integers(victim.size)] *= 2.0**8
    return [to_type(array, dtype).double().numpy() for array in pair]


def to_type(array, dtype):
    return torch.from_numpy(array).to(TORCH_TYPES[dtype])


def store(array, dtype, path):
    """Writes what `convbench apply` reads; NumPy has no bfloat16."""
    numbers = to_type(np.ascontiguousarray(array), dtype)
    np.save(path, numbers.view(torch.int16).numpy().view("<u2")
            if dtype == "bf16" else numbers.numpy())


def load(path, dtype):
    array = np.load(path)
    if array.dtype != np.dtype(
            {"f64": "<f8", "f32": "<f4", "f16": "<f2", "bf16": "<u2"}[dtype]):
        raise ValueError(f"the result's type is {array.dtype}")
    if dtype == "bf16":
        array = (array.astype(np.uint32) << 16).view(np.float32)
    return array.astype(np.float64)


# MARK: Both sides

def channels_first(array):
    return torch.from_numpy(array.transpose(0, 3, 1, 2).copy())


def truth_of(problem, operation, first, second):
    """PyTorch's result, in float64 and NHWC or HWIO."""
    tensors = dict(zip(OPERANDS[operation], (first, second)))
    for tensor in ("input", "filter"):
        tensors.setdefault(tensor, np.zeros(problem.shape(tensor)))
    input = channels_first(tensors["input"]).requires_grad_()
    weights = torch.from_numpy(
        tensors["filter"].transpose(3, 2, 0, 1).copy()).requires_grad_()
    h, w = problem.axes
    output = torch.nn.functional.conv2d(
        torch.nn.functional.pad(input, (*w.pads, *h.pads)), weights,
        stride=problem.each("stride"), dilation=problem.each("dilation"),
        groups=problem.groups)
    if operation == "forward":
        return output.detach().permute(0, 2, 3, 1).numpy()
    result, = torch.autograd.grad(
        output, input if operation == "input-gradient" else weights,
        channels_first(tensors["out_backprop"]))
    order = (0, 2, 3, 1) if operation == "input-gradient" else (2, 3, 1, 0)
    return result.permute(order).numpy()


class Ours:
    """Runs `convbench apply`, a process a problem."""

    def __init__(self, convbench, operation, folder):
        self.convbench = convbench
        self.operation = operation
        self.folder = folder
        # The line of a call tells the algorithm.
        self.environment = os.environ | {"CONVOLUTIONS_VERBOSE": "1"}

    def result(self, problem, dtype, *operands):
        """The result in float64 and NHWC, and the algorithm."""
        nchw = problem.layout == "NCHW"
        paths = [os.path.join(
            self.folder, f"{name}-{threading.get_ident()}.npy")
            for name in ("first", "second", "result")]
        for tensor, array, path in zip(
                OPERANDS[self.operation], operands, paths):
            if nchw and tensor != "filter":
                array = array.transpose(0, 3, 1, 2)
            store(array, dtype, path)
        algorithm = problem.algorithm
        process = self._apply(problem, dtype, algorithm, paths)
        if algorithm != "auto" and "cannot serve" in process.stderr:
            process = self._apply(problem, dtype, "auto", paths)
        if process.returncode != 0:
            raise ValueError(f"status {process.returncode}: "
                             + process.stderr.strip())
        result = load(paths[2], dtype)
        os.remove(paths[2])
        if nchw and RESULT[self.operation] != "filter":
            result = result.transpose(0, 2, 3, 1)
        return result, process.stdout.split(",")[5]

    def _apply(self, problem, dtype, algorithm, paths):
        def order(values):
            """NHWC values in the layout's order."""
            places = (0, 3, 1, 2) if problem.layout == "NCHW" else range(4)
            return [values[place] for place in places]

        def text(values):
            return ",".join(map(str, values))

        pads = problem.padding
        if pads == "EXPLICIT":
            pads = text(sum(order(
                [(0, 0), *problem.each("pads"), (0, 0)]), ()))
        sizes = {
            "input-gradient": [
                "--input-sizes", text(order(problem.shape("input")))],
            "filter-gradient": [
                "--filter-sizes", text(problem.shape("filter"))],
        }.get(self.operation, [])
        operands = [
            word for tensor, path in zip(OPERANDS[self.operation], paths)
            for word in ("--" + tensor.replace("_", "-"), path)]
        return subprocess.run(
            [self.convbench, "apply", "--op", self.operation, *sizes,
             *operands, "--output", paths[2], "--padding", pads,
             "--strides", text(order((1, *problem.each("stride"), 1))),
             "--dilations", text(order((1, *problem.each("dilation"), 1))),
             "--data-format", problem.layout, "--algorithm", algorithm,
             "--accuracy", problem.accuracy,
             "--threads", str(problem.threads),
             *(["--dtype", "bfloat16"] if dtype == "bf16" else [])],
            env=self.environment, capture_output=True, text=True, timeout=120)


# MARK: Comparison

def compare(result, algorithm, dtype, truth, magnitude, square, terms):
    """What is wrong, or None; and the largest error over its bound.

    For each sum: `magnitude` is that of the absolute values of its products,
    `square` that of their squares, and `terms` their number.
    """
    if result.shape != truth.shape:
        return f"shape {result.shape}", 0
    unit, stored = UNIT[dtype], STORED_UNIT[dtype]

    def growth(unit):
        return terms * unit / (1 - terms * unit)

    # PyTorch rounds its sums too; a product may be subnormal.
    own = growth(2.0**-53) * magnitude + terms * LEAST["f64"]
    spread = max(abs(truth).max(), np.sqrt(square.max()))
    if algorithm == "winograd":
        sums = np.full(truth.shape, 2.0**8 * unit * spread)
        # A position that no tap reaches is zero all the same.
        sums[terms == 0] = 0
    else:
        sums = growth(unit) * magnitude
    sums = sums + terms * LEAST["f64" if dtype == "f64" else "f32"]
    bound = own + sums
    if stored:
        bound = bound + stored * (abs(truth) + sums) + LEAST[dtype] / 2
    error = abs(result - truth)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(error == 0, 0, error / bound)
    # Not a number is not below one.
    wrong = ~(ratio <= 1)
    if wrong.any():
        place = tuple(int(i) for i in np.argwhere(wrong)[0])
        return (f"{wrong.sum()} of {truth.size} results, the first at NHWC "
                f"{place}: got {result[place]:.17g}, PyTorch has "
                f"{truth[place]:.17g}, bound {bound[place]:.3g}"), np.inf
    worst = float(ratio.max())
    if np.signbit(result[terms == 0]).any():
        return "-0.0 where no tap reaches", worst
    if stored:
        return None, worst
    if algorithm == "winograd":
        # The promise of a plan, for any data: against what random signs give.
        norm = np.linalg.norm(error) / max(
            np.linalg.norm(truth), np.sqrt(square.sum()), LEAST["f64"])
        if norm > 1e-6 * unit / 2.0**-24 * (2 if dtype == "f64" else 1):
            return f"relative error {norm:.3g} of the norms", worst
        return None, worst
    # Far below the bound, which no plain sum comes near.
    gate = (2 * np.sqrt(terms) + 4) * unit * magnitude + own
    if (error > gate + terms * LEAST["f64"]).any():
        return "errors grow faster than the square root of the terms", worst
    return None, worst


def check_case(ours, operation, seed, index, dtypes):
    """Outcomes of a problem in some types: type, algorithm, failure, ratio."""
    problem = draw(np.random.default_rng([seed, index]))
    outcomes = []
    ones = [np.ones(problem.shape(tensor)) for tensor in OPERANDS[operation]]
    terms = truth_of(problem, operation, *ones)
    for dtype in dtypes:
        rng = np.random.default_rng([seed, index, TYPES.index(dtype)])
        pair = data(problem, operation, dtype, rng)
        truth, magnitude, square = (
            truth_of(problem, operation, *map(function, pair))
            for function in (lambda a: a, abs, np.square))
        algorithm = problem.algorithm
        try:
            result, algorithm = ours.result(problem, dtype, *pair)
            failure, worst = compare(
                result, algorithm, dtype, truth, magnitude, square, terms)
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            failure, worst = f"{error}", np.inf
        outcomes.append((dtype, algorithm, failure, worst))
    return index, problem, outcomes


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--op", choices=OPERANDS, default="input-gradient",
        help="the operation (default: input-gradient)")
    add("--seed", type=int, default=1, help="of problems and data (default: 1)")
    add("--cases", type=int, default=2000, help="problems (default: 2000)")
    add("--case", type=int, help="one problem alone")
    add("--dtype", type=lambda text: text.split(","), default=TYPES,
        help=f"types (default: {','.join(TYPES)})")
    add("--jobs", type=int, default=len(os.sched_getaffinity(0)),
        help="problems at a time (default: one a core)")
    add("--venv", metavar="DIR",
        default=os.path.join(environment.ROOT, ".build", "peers"),
        help="virtual environment (default: .build/peers)")
    add("--convbench", metavar="PATH", help="do not build, use this one")
    options = parser.parse_args()
    if not set(options.dtype) <= set(TYPES):
        parser.error(f"--dtype: {','.join(TYPES)}")
    return options


def run(options, convbench):
    print(f"{options.op}, seed {options.seed}, PyTorch {torch.__version__}, OpenBLAS core "
          + environment.facts(convbench, os.environ)["openblas_core"],
          flush=True)
    traits, algorithms = collections.Counter(), collections.Counter()
    worst = collections.defaultdict(float)
    problems = results = failures = 0
    indices = (range(options.cases) if options.case is None
               else [options.case])
    with tempfile.TemporaryDirectory() as folder, \
            concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        ours = Ours(convbench, options.op, folder)
        for index, problem, outcomes in pool.map(
                lambda index: check_case(
                    ours, options.op, options.seed, index, options.dtype),
                indices):
            problems += 1
            traits.update(problem.traits)
            for dtype, algorithm, failure, ratio in outcomes:
                results += 1
                algorithms[algorithm] += 1
                way = "winograd" if algorithm == "winograd" else "sums"
                worst[dtype, way] = max(worst[dtype, way], ratio)
                if failure:
                    failures += 1
                    print(f"failed: scripts/third_opinion.py --op {options.op} "
                          f"--seed {options.seed} --case {index} --dtype {dtype} "
                          f"# {problem} {algorithm}: {failure}", flush=True)
    for title, counter in ("problems", traits), ("results", algorithms):
        print(f"{title}: " + ", ".join(
            f"{name} {count}" for name, count in counter.most_common()))
    print("largest error over its bound: " + ", ".join(
        f"{dtype} {way} {ratio:.2g}"
        for (dtype, way), ratio in sorted(worst.items())))
    if options.case is None and 5 * traits["strided and dilated"] < problems:
        print("failed: fewer than a fifth strided and dilated")
        failures += 1
    print(f"{problems} problems, {results} results, {failures} failed")
    return failures


if __name__ == "__main__":
    arguments = parse_arguments()
    environment.enter(arguments.venv)
    if absent := environment.install(["numpy", "torch"]):
        sys.exit(f"{', '.join(absent)} cannot be had")
    # Many small problems: cores are for those.
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"
    import numpy as np
    import torch
    TORCH_TYPES = {"f64": torch.float64, "f32": torch.float32,
                   "f16": torch.float16, "bf16": torch.bfloat16}
    torch.set_num_threads(1)
    sys.exit(1 if run(
        arguments, arguments.convbench or environment.build()) else 0)

"""Copies and pickles of plans and of prepared filters."""

import copy
import gc
import io
import multiprocessing
import os
import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest

import convolutions
from definition import PROBLEMS, Problem

LARGER = Problem((12, 13), (3, 3), (32, 48), batch=1)
PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


def plans(problem, **options):
    """The three plans of a problem, each with its operands."""
    sizes = problem.input_shape, problem.filter_shape, problem.output_shape
    options = {**problem.arguments(), "dtype": "float32", **options}
    draw = np.random.default_rng(7)
    x, w, dy = (
        draw.standard_normal(shape).astype(np.float32) for shape in sizes)
    return [
        (convolutions.InputGradientPlan(*sizes, **options), w, dy),
        (convolutions.ForwardPlan(*sizes[:2], **options), w, x),
        (convolutions.FilterGradientPlan(*sizes, **options), x, dy)]


def same_bits(one, other):
    return one.dtype == other.dtype and one.shape == other.shape and (
        one.tobytes() == other.tobytes())


@pytest.mark.parametrize("way", [copy.copy, copy.deepcopy])
def test_copies_are_the_object_itself(way):
    for plan, first, second in plans(LARGER):
        assert way(plan) is plan
        layer, = way([{"plan": plan}])
        assert layer["plan"] is plan
        if hasattr(plan, "prepare"):
            prepared = plan.prepare(first)
            assert way(prepared) is prepared
            assert way((prepared, [1]))[0] is prepared


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "problem", [*PROBLEMS, LARGER], ids=range(len(PROBLEMS) + 1))
def test_pickles_plan_anew(problem, protocol):
    for plan, first, second in plans(problem):
        other = pickle.loads(pickle.dumps(plan, protocol))
        assert type(other) is type(plan) and other._handle != plan._handle
        assert other.algorithm == plan.algorithm
        assert other.result_sizes == plan.result_sizes
        assert same_bits(
            other.execute(first, second), plan.execute(first, second))
        if hasattr(plan, "prepare"):
            # One's filter suits the other.
            assert same_bits(
                other.execute(plan.prepare(first), second),
                plan.execute(other.prepare(first), second))


@pytest.mark.parametrize(
    "name", ["result_sizes", "dtype", "algorithm", "workspace_size"])
def test_plans_do_not_change(name):
    plan = convolutions.ForwardPlan(
        [1, 5, 5, 2], [3, 3, 2, 2], padding="VALID")
    with pytest.raises(AttributeError):
        setattr(plan, name, getattr(plan, name))


def test_pickles_keep_the_options():
    for options in [
            dict(threads=3, accuracy="tight", workspace_limit=1 << 28),
            dict(algorithm="direct", threads=1),
            dict(tuning="measure"), dict(dtype="bfloat16"),
            dict(dtype=np.float64)]:
        for plan, _, _ in plans(LARGER, **options):
            other = pickle.loads(pickle.dumps(plan))
            for name, value in other._arguments.items():
                if name == "algorithm":
                    assert value == plan.algorithm != "auto"
                else:
                    assert value == plan._arguments[name], name
            assert str(other).split(": ")[1] == str(plan).split(": ")[1]
    # Two sizes alone, and numbers of NumPy's.
    plan = convolutions.InputGradientPlan(
        np.array([5, 5]), np.array([3, 3, 2, 4]), np.array([1, 5, 5, 4]),
        padding=np.array([[0, 0], [1, 1], [1, 1], [0, 0]]))
    assert pickle.loads(pickle.dumps(plan)).result_sizes == (1, 5, 5, 2)


def test_pickles_of_random_problems_give_the_same_bits():
    draw = np.random.default_rng(3)
    algorithms = set()
    for _ in range(60):
        kernel = draw.integers(1, 6, 2)
        problem = Problem(
            tuple(draw.integers(6, 20, 2)), tuple(kernel),
            tuple(draw.choice([1, 3, 4, 16, 40], 2)),
            tuple(draw.integers(1, 3, 2)), tuple(draw.integers(1, 3, 2)),
            batch=int(draw.integers(1, 3)),
            data_format=str(draw.choice(["NHWC", "NCHW"])))
        for plan, first, second in plans(problem):
            algorithms.add(plan.algorithm)
            other = pickle.loads(pickle.dumps(plan))
            assert same_bits(
                other.execute(first, second), plan.execute(first, second))
    assert len(algorithms) >= 4, algorithms


class Layer(convolutions.ForwardPlan):
    """A plan with something of its own."""

    def __init__(self, *sizes, label, **options):
        super().__init__(*sizes, **options)
        self.label = label


def test_subclasses_keep_what_is_theirs():
    layer = Layer(
        LARGER.input_shape, LARGER.filter_shape, label=["first"],
        **LARGER.arguments())
    other = pickle.loads(pickle.dumps(layer))
    assert type(other) is Layer and other.label == ["first"]
    assert other.algorithm == layer.algorithm


def test_pickles_that_were_changed_are_refused():
    plan = plans(PROBLEMS[0])[0][0]
    for change, error in [
            (dict(strides=[1, 0, 1, 1]), ValueError),
            (dict(algorithm="fast"), ValueError),
            (dict(filter_sizes=[3, 3, 4, 9]), ValueError),
            (dict(tiles=3), TypeError)]:
        arguments, others = plan.__getstate__()
        empty = type(plan).__new__(type(plan))
        with pytest.raises(error):
            empty.__setstate__(({**arguments, **change}, others))
        del empty


WORDS = "keeps no weights: pickle the plan and the filter, and call plan.prep"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_prepared_filters_say_what_to_pickle(protocol):
    for plan, first, _ in plans(PROBLEMS[0])[:2]:
        prepared = plan.prepare(first)
        for value in (prepared, {"filter": prepared}):
            with pytest.raises(TypeError, match=WORDS):
                pickle.dumps(value, protocol)


def test_prepared_filters_are_made_by_plans_alone():
    for arguments in ((), (1,), (plans(PROBLEMS[0])[0][0],)):
        with pytest.raises(TypeError):
            convolutions.PreparedFilter(*arguments)


def test_pytorch_saves_plans():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    for plan, first, second in plans(LARGER):
        file = io.BytesIO()
        torch.save({"plan": plan, "weights": torch.ones(2)}, file)
        expected = plan.execute(first, second)
        file.seek(0)
        other = torch.load(file, weights_only=False)["plan"]
        assert same_bits(other.execute(first, second), expected)
        file.seek(0)
        with torch.serialization.safe_globals([type(plan)]):
            other = torch.load(file, weights_only=True)["plan"]
        assert same_bits(other.execute(first, second), expected)
        file.seek(0)
        with pytest.raises(pickle.UnpicklingError, match=type(plan).__name__):
            torch.load(file)
    plan, first, _ = plans(LARGER)[0]
    with pytest.raises(TypeError, match=WORDS):
        torch.save({"filter": plan.prepare(first)}, io.BytesIO())


class Module:
    """What a model may hold; copied for an average of its weights."""

    def __init__(self, plan, weights):
        self.plan, self.weights = plan, weights
        self.prepared = plan.prepare(weights)


def test_models_with_plans_are_copied():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    plan, first, second = plans(LARGER)[0]
    weights, gradient = torch.from_numpy(first), torch.from_numpy(second)
    model = Module(plan, weights)
    other = copy.deepcopy(model)
    assert other.weights is not weights
    expected = plan.execute(weights, gradient)
    del model, plan, weights
    gc.collect()
    assert torch.equal(
        other.plan.execute(other.prepared, gradient), expected)


def test_spawned_processes_compute():
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        for plan, first, second in plans(LARGER):
            expected = plan.execute(first, second)
            results = [
                pool.apply_async(plan.execute, (first, second))
                for _ in range(6)]
            assert all(
                same_bits(result.get(120), expected) for result in results)
        plan, first, second = plans(LARGER)[0]
        with pytest.raises(TypeError, match=WORDS):
            pool.apply(plan.execute, (plan.prepare(first), second))


def test_joblib_takes_plans(tmp_path):
    joblib = pytest.importorskip("joblib", reason="joblib is not installed")
    for plan, first, second in plans(LARGER):
        expected = plan.execute(first, second)
        joblib.dump(plan, tmp_path / "plan")
        other = joblib.load(tmp_path / "plan")
        assert same_bits(other.execute(first, second), expected)
        assert joblib.hash(plan) == joblib.hash(other)
        # Large operands arrive as memory maps.
        for result in joblib.Parallel(2, max_nbytes=1000)(
                joblib.delayed(plan.execute)(first, second)
                for _ in range(6)):
            assert same_bits(result, expected)
    plan, first, _ = plans(LARGER)[0]
    with pytest.raises(TypeError, match=WORDS):
        joblib.dump(plan.prepare(first), tmp_path / "filter")


def test_dask_takes_plans():
    dask = pytest.importorskip("dask", reason="Dask is not installed")
    tokenize = pytest.importorskip("dask.base").tokenize
    for plan, first, second in plans(LARGER):
        expected = plan.execute(first, second)
        calls = [dask.delayed(plan.execute)(first, second) for _ in range(4)]
        for scheduler in ("threads", "processes"):
            for result in dask.compute(
                    *calls, scheduler=scheduler, num_workers=2):
                assert same_bits(result, expected)
        assert tokenize(plan) == tokenize(pickle.loads(pickle.dumps(plan)))


def test_copies_outlive_the_original():
    """Copies of some hundred plans and filters, used by several threads after
    their originals are gone and others lie where they lay."""
    expected = {}
    for operation in range(2):
        plan, first, second = plans(PROBLEMS[0])[operation]
        for scale in range(5):
            expected[operation, scale] = plan.execute(first * scale, second)
    wrong = []

    def work(seed):
        draw = np.random.default_rng(seed)
        kept = []
        for step in range(100):
            operation, scale = int(draw.integers(2)), int(draw.integers(5))
            plan, first, second = plans(PROBLEMS[0])[operation]
            prepared = plan.prepare(first * scale)
            ways = [copy.copy, copy.deepcopy, lambda value: value]
            way = ways[step % 3]
            other = way(plan) if step % 2 else pickle.loads(pickle.dumps(plan))
            kept.append((other, way(prepared), second, operation, scale))
            del plan, prepared
            if step % 20 == 0:
                gc.collect()
            other, prepared, second, operation, scale = kept[
                int(draw.integers(len(kept)))]
            if not same_bits(
                    other.execute(prepared, second),
                    expected[operation, scale]):
                wrong.append((step, operation, scale))
            if len(kept) > 12:
                del kept[int(draw.integers(len(kept)))]

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


AT_EXIT = """
import threading
import numpy as np
import convolutions
plan = convolutions.InputGradientPlan(
    [4, 20, 20, 16], [3, 3, 16, 16], [4, 20, 20, 16], padding="SAME")
prepared = plan.prepare(np.ones((3, 3, 16, 16), np.float32))
output = np.ones((4, 20, 20, 16), np.float32)
started = threading.Semaphore(0)
def work():
    while True:
        plan.execute(prepared, output)
        started.release()
for _ in range(4):
    threading.Thread(target=work, daemon=True).start()
for _ in range(12):
    started.acquire()
"""


def test_exit_while_threads_compute():
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(
        path for path in sys.path if path)}
    for _ in range(10):
        ended = subprocess.run(
            [sys.executable, "-c", AT_EXIT], capture_output=True, text=True,
            timeout=120, env=environment)
        assert ended.returncode == 0, ended.stderr

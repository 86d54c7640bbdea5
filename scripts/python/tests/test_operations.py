"""The functions and the plans give what the definition does."""

import os
import pathlib
import signal
import threading
import time

import ml_dtypes
import numpy as np
import pytest

import convolutions
from definition import PROBLEMS

TYPES = [np.float16, ml_dtypes.bfloat16, np.float32, np.float64]


def functions(problem, dtype):
    arguments = problem.arguments()
    x, w, dy = (array.astype(dtype) for array in (
        problem.input, problem.filter, problem.output))
    transpose = {**arguments}
    return [
        convolutions.conv2d_backprop_input(
            problem.input_shape, w, dy, **arguments),
        convolutions.conv2d(x, w, **arguments),
        convolutions.conv2d_backprop_filter(
            x, problem.filter_shape, dy, **arguments),
        convolutions.conv2d_transpose(
            dy, w, problem.input_shape, **transpose)]


@pytest.mark.parametrize("dtype", TYPES, ids=lambda type: type.__name__)
@pytest.mark.parametrize("problem", PROBLEMS, ids=range(len(PROBLEMS)))
def test_functions(problem, dtype):
    dx, y, dw = problem.results()
    # What a plan chooses may be Winograd, whose sums of integers are not exact:
    # the promise is 1e-6 in float32, and as many units elsewhere.
    unit = np.finfo(np.float64 if dtype is np.float64 else np.float32).eps
    for got, expected in zip(functions(problem, dtype), (dx, y, dw, dx)):
        assert got.dtype == dtype and got.flags.c_contiguous
        np.testing.assert_allclose(
            got.astype(np.float64), expected.astype(dtype).astype(np.float64),
            rtol=0, atol=1e-6 / np.finfo(np.float32).eps * unit
            * np.abs(expected).max(initial=0))


def plans(problem, **options):
    sizes = problem.input_shape, problem.filter_shape, problem.output_shape
    options = {**problem.arguments(), **options}
    return [
        (convolutions.InputGradientPlan(*sizes, **options),
         problem.filter, problem.output),
        (convolutions.ForwardPlan(*sizes[:2], **options), problem.filter,
         problem.input),
        (convolutions.FilterGradientPlan(*sizes, **options), problem.input,
         problem.output)]


@pytest.mark.parametrize("problem", PROBLEMS, ids=range(len(PROBLEMS)))
def test_plans(problem):
    for (plan, first, second), expected in zip(
            plans(problem, dtype="float64", algorithm="direct", threads=2,
                  accuracy="tight", workspace_limit=1 << 30),
            problem.results()):
        assert plan.result_sizes == expected.shape and "direct" in str(plan)
        assert plan.algorithm == "direct"
        out = np.full(expected.shape, np.nan)
        assert plan.execute(first, second, out) is out
        np.testing.assert_array_equal(out, expected)
        np.testing.assert_array_equal(plan.execute(first, second), expected)
        if hasattr(plan, "prepare"):
            filter = plan.prepare(first)
            np.testing.assert_array_equal(
                plan.execute(filter, second), expected)


def test_products():
    problem = PROBLEMS[0]

    def plan(algorithm, products):
        return convolutions.InputGradientPlan(
            problem.input_shape, problem.filter_shape, problem.output_shape,
            **problem.arguments(), dtype="float64", algorithm=algorithm,
            products=products)

    for products in ("auto", "blas", "panels"):
        np.testing.assert_array_equal(
            plan("column", products).execute(problem.filter, problem.output),
            problem.results()[0])
    with pytest.raises(ValueError, match="linked BLAS's"):
        plan("taps", "panels")
    with pytest.raises(ValueError, match="products"):
        plan("taps", "mine")


def test_two_sizes():
    problem = PROBLEMS[0]
    dx = convolutions.conv2d_backprop_input(
        np.array(problem.input_shape[1:3], np.int32), problem.filter,
        problem.output, **problem.arguments())
    np.testing.assert_array_equal(dx, problem.results()[0])


def test_numbers_of_pythons():
    dx = convolutions.conv2d_backprop_input(
        (1, 2, 3, 1), [[[[1]], [[2]]], [[[3]], [[4]]]], [[[[1.0], [2.0]]]],
        [1, 1, 1, 1], "VALID")
    assert dx.dtype == np.float32
    assert dx.ravel().tolist() == [1, 4, 4, 3, 10, 8]


def test_nothing_to_compute():
    for sizes, filter, output in [
            ((0, 5, 5, 3), (3, 3, 3, 4), (0, 3, 3, 4)),
            ((1, 5, 5, 3), (3, 3, 3, 0), (1, 3, 3, 0))]:
        dx = convolutions.conv2d_backprop_input(
            sizes, np.ones(filter, np.float32), np.ones(output, np.float32),
            [1, 1, 1, 1], "VALID")
        assert dx.shape == sizes and not dx.any()


def test_many_threads_on_one_plan():
    problem = PROBLEMS[0]
    plan, filter, output = plans(problem, dtype="float64")[0]
    prepared = plan.prepare(filter)
    expected = problem.results()[0]
    wrong = []

    def work():
        for _ in range(200):
            if not np.array_equal(plan.execute(prepared, output), expected):
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(plan._spaces) <= 8


def workers():
    """Threads of this process that work for the library."""
    tasks = pathlib.Path("/proc/self/task").glob("*/comm")
    return sum(task.read_text() == "convolutions\n" for task in tasks)


def test_forked_processes_compute():
    """With threads of their own: those of the parent are not there."""
    shape = (8, 28, 28, 32)
    plan = convolutions.InputGradientPlan(
        shape, (3, 3, 32, 32), shape, padding="SAME", threads=4)
    filter = np.ones((3, 3, 32, 32), np.float32)
    output = np.ones(shape, np.float32)
    expected = plan.execute(filter, output)
    process = os.fork()
    if process == 0:
        signal.alarm(60)
        right = all(
            np.array_equal(plan.execute(filter, output), expected)
            for _ in range(100))
        # The alarm ends a child that never has its threads.
        while right and workers() < 3:
            time.sleep(0.001)
        os._exit(0 if right else 1)
    assert os.waitpid(process, 0)[1] == 0
    np.testing.assert_array_equal(plan.execute(filter, output), expected)


def test_other_threads_run_meanwhile():
    """The lock of the interpreter is free while the library computes."""
    shape = (1, 80, 80, 64)
    plan = convolutions.InputGradientPlan(
        shape, (5, 5, 64, 64), shape, padding="SAME", algorithm="reference",
        threads=1)
    filter = np.ones((5, 5, 64, 64), np.float32)
    output = np.ones(shape, np.float32)
    spans = []

    def work():
        start = time.monotonic()
        plan.execute(filter, output)
        spans.append((start, time.monotonic()))

    thread = threading.Thread(target=work)
    thread.start()
    ticks = []
    while thread.is_alive():
        ticks.append(time.monotonic())
        time.sleep(0.01)
    (start, end), = spans
    inside = [tick for tick in ticks if start < tick < end]
    # A lock held for the whole call would leave one or two.
    assert len(inside) > 5, f"{len(inside)} in {end - start} s"

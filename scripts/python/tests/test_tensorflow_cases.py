"""TensorFlow's own cases of the operation, beside TensorFlow where that can
do them."""

import json
import pathlib

import numpy as np
import pytest

import convolutions
from definition import Problem

try:
    import tensorflow as tf
except ImportError:
    tf = None

ROOT = pathlib.Path(__file__).resolve().parents[3]
CASES = json.loads(
    (ROOT / "Tests/ConvolutionsTests/Resources/tensorflow_cases.json")
    .read_text())

# What says nothing about arrays: sizes that are not known.
UNMAPPED = {271}
# The contract's own answer: SAME with one window is right for any stride.
LEGAL = {286}
# Checks of the padding's form, with sizes left open.
ANY_SIZES = {97, 98, 99, 100, 101, 102}
# Too much for a reference in Python: channels are cut.
LARGE = {
    263: ([2, 20, 20, 32], [3, 3, 32, 32], [2, 20, 20, 32]),
    266: ([2, 32, 32, 3], [7, 7, 3, 7], [2, 32, 32, 7]),
    94: ([1, 100, 400, 1], [1, 1, 1, 32], [1, 100, 400, 32]),
    91: ([2, 73, 73, 2], [3, 3, 2, 19], [2, 71, 71, 19]),
}


def by_kind(*kinds):
    cases = [case for case in CASES
             if case["kind"] in kinds and case["id"] not in UNMAPPED]
    return pytest.mark.parametrize(
        "case", cases, ids=[str(case["id"]) for case in cases])


def four(pair):
    return [1, *(pair or [1, 1]), 1]


def padding_of(case):
    padding = case["padding"]
    if isinstance(padding, str) or padding is None:
        return padding or "VALID"
    return [[0, 0], *padding, [0, 0]] if len(padding) == 2 else padding


def numbers(data, shape, seed):
    count = int(np.prod(shape))
    if isinstance(data, list):
        return np.reshape(np.float64(data), shape)
    if isinstance(data, (int, float)):
        return np.full(shape, float(data))
    if data == "ones":
        return np.ones(shape)
    if data == "arange0":
        return np.arange(count, dtype=np.float64).reshape(shape)
    if data == "arange1":
        return np.arange(1.0, count + 1).reshape(shape)
    return np.random.default_rng(seed).integers(-4, 5, shape).astype(float)


def sizes_of(case):
    if case["id"] == 272:
        # Any sizes: that two of them are enough.
        return [2, 4, 4, 2], [2, 2, 2, 2], [2, 4, 4, 2]
    sizes = [
        case.get(f"run_{name}") or case[name]
        for name in ("input_sizes", "filter_sizes", "output_sizes")]
    return LARGE.get(case["id"], sizes)


def by_tensorflow(case, sizes, filter, output):
    """TensorFlow's answer, or None for what it cannot do."""
    if tf is None:
        return None
    try:
        return tf.compat.v1.nn.conv2d_backprop_input(
            sizes, filter, output, four(case["strides"]), padding_of(case),
            dilations=four(case["dilations"])).numpy()
    except tf.errors.OpError:
        # Dilations and groups on some CPUs; two sizes, which its oneDNN kernel
        # takes for the wrong ones.
        return None


compared = []


@by_kind("value", "gradcheck", "cross_check", "shape_fn")
def test_values(case):
    input_sizes, filter_sizes, output_sizes = sizes_of(case)
    strides = case["strides"] or [1, 1]
    dilations = case["dilations"] or [1, 1]
    seed = case["id"]
    filter = numbers(case["filter_data"], filter_sizes, seed)
    output = numbers(case["out_backprop_data"], output_sizes, seed + 1)
    padding = padding_of(case) if case["padding"] else "SAME"
    asked = case["input_sizes_arg"] or input_sizes[1:3]
    if len(asked) == 4:
        asked = input_sizes
    result = convolutions.conv2d_backprop_input(
        asked, filter.astype(np.float32), output.astype(np.float32),
        four(strides), padding, dilations=four(dilations))
    assert list(result.shape) == input_sizes
    tolerance = max(case["err"] or 0, 1e-5)

    if case["expected"] is not None:
        np.testing.assert_allclose(
            result.ravel(), case["expected"], rtol=tolerance, atol=tolerance)
    groups = input_sizes[3] // filter_sizes[2]
    pairs = None if isinstance(padding, str) else padding[1:3]
    problem = Problem(
        input_sizes[1:3], filter_sizes[:2], (input_sizes[3], filter_sizes[3]),
        tuple(strides), tuple(dilations), padding, input_sizes[0], groups,
        pairs=pairs)
    assert list(problem.output_shape) == output_sizes
    problem.filter, problem.output = filter, output
    expected = problem.results()[0]
    scale = max(1, np.abs(expected).max(initial=0))
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-5 * scale)

    theirs = by_tensorflow(
        case, asked, filter.astype(np.float32), output.astype(np.float32))
    if theirs is not None:
        compared.append(case["id"])
        np.testing.assert_allclose(result, theirs, rtol=0, atol=1e-5 * scale)


@by_kind("error", "security")
def test_errors(case):
    sizes = case["input_sizes_arg"]
    filter_sizes, output_sizes = case["filter_sizes"], case["output_sizes"]
    if case["id"] in ANY_SIZES:
        sizes, filter_sizes, output_sizes = (
            [2, 4, 4, 2], [2, 2, 2, 2], [2, 4, 4, 2])
    elif filter_sizes is None:
        # Ranks, by the words of the case.
        sizes = [4, 4, 2] if case["id"] == 269 else [2, 4, 4, 2]
        filter_sizes, output_sizes = [2, 2, 2, 2], [2, 4, 4, 2]
        if case["id"] == 270:
            output_sizes = [2, 4, 4]
        elif "filter" in case["case"]:
            filter_sizes = [2, 2, 2]

    def run():
        return convolutions.conv2d_backprop_input(
            sizes, np.ones(filter_sizes, np.float32),
            np.ones(output_sizes, np.float32),
            case.get("strides_arg") or four(case["strides"]),
            padding_of(case), dilations=four(case["dilations"]),
            data_format="NCHW" if case["id"] == 99 else "NHWC")

    if case["expect_error"] is None or case["id"] in LEGAL:
        result = run()
        assert not result.any() or case["id"] in LEGAL
    else:
        with pytest.raises((ValueError, TypeError)):
            run()


def test_tensorflow_took_part():
    if tf is None:
        pytest.skip("TensorFlow is not installed")
    # Its CPU kernel has no dilation; the rest it can do.
    dense = [
        case["id"] for case in CASES
        if case["kind"] in ("value", "gradcheck", "cross_check", "shape_fn")
        and case["id"] not in UNMAPPED
        and (case["dilations"] or [1, 1]) == [1, 1]]
    missed = sorted(set(dense) - set(compared))
    print(f"beside TensorFlow: {len(compared)} cases; not: {missed}")
    assert len(compared) >= len(dense) * 0.9

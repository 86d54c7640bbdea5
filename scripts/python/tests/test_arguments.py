"""TensorFlow's forms of arguments, and its errors."""

import inspect

import numpy as np
import pytest

import convolutions
from convolutions import (
    FilterGradientPlan, ForwardPlan, InputGradientPlan, conv2d,
    conv2d_backprop_filter, conv2d_backprop_input, conv2d_transpose)

FILTER = np.ones((3, 3, 2, 4), np.float32)
OUTPUT = np.ones((1, 5, 5, 4), np.float32)
SIZES = [1, 5, 5, 2]
ONES = [1, 1, 1, 1]

SIGNATURES = {
    conv2d_backprop_input:
        "(input_sizes, filter=None, out_backprop=None, strides=None, "
        "padding=None, use_cudnn_on_gpu=True, data_format='NHWC', "
        "dilations=[1, 1, 1, 1], name=None, filters=None)",
    conv2d_transpose:
        "(input, filters, output_shape, strides, padding='SAME', "
        "data_format='NHWC', dilations=None, name=None)",
    conv2d:
        "(input, filters, strides, padding, data_format='NHWC', "
        "dilations=None, name=None)",
    conv2d_backprop_filter:
        "(input, filter_sizes, out_backprop, strides, padding, "
        "use_cudnn_on_gpu=True, data_format='NHWC', dilations=[1, 1, 1, 1], "
        "name=None)",
}


@pytest.mark.parametrize("function", SIGNATURES)
def test_signatures(function):
    assert str(inspect.signature(function)) == SIGNATURES[function]


def test_signatures_are_tensorflows():
    tf = pytest.importorskip("tensorflow")
    for ours, theirs in [
            (conv2d_backprop_input, tf.compat.v1.nn.conv2d_backprop_input),
            (conv2d_backprop_filter, tf.compat.v1.nn.conv2d_backprop_filter),
            (conv2d_transpose, tf.nn.conv2d_transpose),
            (conv2d, tf.nn.conv2d)]:
        assert str(inspect.signature(ours)) == str(inspect.signature(theirs))


def test_by_position():
    dx = conv2d_backprop_input(
        SIZES, FILTER, OUTPUT, ONES, "SAME", False, "NHWC", ONES, "a name")
    assert dx.shape == tuple(SIZES)


def test_filters_is_filter():
    dx = conv2d_backprop_input(
        SIZES, FILTER, OUTPUT, ONES, "SAME")
    other = conv2d_backprop_input(
        SIZES, filters=FILTER, out_backprop=OUTPUT, strides=ONES,
        padding="SAME")
    np.testing.assert_array_equal(dx, other)


def test_forms_of_strides():
    dx = conv2d_transpose(OUTPUT, FILTER, [1, 10, 10, 2], 2)
    for strides in ([2], [2, 2], (1, 2, 2, 1), np.array([2, 2])):
        np.testing.assert_array_equal(
            dx, conv2d_transpose(OUTPUT, FILTER, [1, 10, 10, 2], strides))
    nchw = conv2d_transpose(
        OUTPUT.transpose(0, 3, 1, 2).copy(), FILTER, [1, 2, 10, 10], 2,
        data_format="NCHW")
    np.testing.assert_array_equal(dx, nchw.transpose(0, 2, 3, 1))


def test_forms_of_padding():
    expected = conv2d_backprop_input(SIZES, FILTER, OUTPUT, ONES, "SAME")
    pairs = ((0, 0), (1, 1), (1, 1), (0, 0))
    for padding in (
            pairs, list(pairs), np.array(pairs), list(np.array(pairs, "i2")),
            "same", "Same", np.str_("SAME")):
        np.testing.assert_array_equal(
            conv2d_backprop_input(SIZES, FILTER, OUTPUT, ONES, padding),
            expected)
        plan = InputGradientPlan(
            SIZES, FILTER.shape, OUTPUT.shape, padding=padding)
        np.testing.assert_array_equal(plan.execute(FILTER, OUTPUT), expected)
    valid = conv2d_transpose(OUTPUT, FILTER, [7, 7], 1, "VALID")
    np.testing.assert_array_equal(
        conv2d_transpose(OUTPUT, FILTER, [7, 7], 1, "valid"), valid)


def test_names_of_data_formats():
    image = np.ones((1, 4, 5, 6), np.float32)
    for name, shape in [
            ("NHWC", (1, 4, 5, 6)), ("nhwc", (1, 4, 5, 6)), (None, (1, 4, 5, 6)),
            ("NCHW", (1, 4, 5, 6)), ("nchw", (1, 4, 5, 6))]:
        channels = image.shape[1 if "c" in (name or "").lower()[1:2] else 3]
        filter = np.ones((1, 1, channels, channels), np.float32)
        result = conv2d(image, filter, 1, "SAME", name)
        assert result.shape == shape and (result == channels).all()


GOOD = dict(
    input_sizes=SIZES, filter=FILTER, out_backprop=OUTPUT, strides=ONES,
    padding="SAME")

BAD = [
    # Which of the arguments are there.
    (dict(filters=FILTER), ValueError, "both 'filter' and 'filters'"),
    (dict(filter=None), ValueError, "filter is missing"),
    (dict(out_backprop=None), ValueError, "out_backprop is missing"),
    (dict(strides=None), TypeError, "Expected list for 'strides'"),
    (dict(padding=None), TypeError, "'SAME', 'VALID' or four pairs.*got None"),
    (dict(input_sizes=None), TypeError, "input_sizes must be a list"),
    # Sizes.
    (dict(input_sizes=[1, 5, 5]), ValueError, "3 entries"),
    (dict(input_sizes=[]), ValueError, "0 entries"),
    (dict(input_sizes=[1] * 5), ValueError, "5 entries"),
    (dict(input_sizes=[1] * 9), ValueError, "9 entries"),
    (dict(input_sizes=5), TypeError, "must be a list"),
    (dict(input_sizes="1552"), TypeError, "must be a list"),
    (dict(input_sizes=[1, 5, 5, float("nan")]), TypeError, "integers"),
    (dict(input_sizes=np.array([1, 5, np.nan, 2])), TypeError, "integers"),
    (dict(input_sizes=[1, 5, 5, float("inf")]), TypeError, "integers"),
    (dict(input_sizes=[1, 5.0, 5, 2]), TypeError, "integers"),
    (dict(input_sizes=[1, -5, 5, 2]), ValueError, "negative"),
    (dict(input_sizes=[1, 5, 5, 2**63]), ValueError, "64 bits"),
    (dict(input_sizes=[1, 2**62, 5, 2]), ValueError, "too large"),
    (dict(input_sizes=[2, 5, 5, 2]), ValueError, "same batch size"),
    (dict(input_sizes=[1, 5, 5, 3]), ValueError, "divisible"),
    (dict(input_sizes=[1, 6, 5, 2]), ValueError, "doesn't match computed"),
    # Strides and dilations.
    (dict(strides=1), TypeError, "Expected list for 'strides'"),
    (dict(strides=[1, 1]), ValueError, "strides has 2 entries"),
    (dict(strides=[]), ValueError, "strides has 0 entries"),
    (dict(strides=[1, 0, 1, 1]), ValueError, "must be positive"),
    (dict(strides=[2, 1, 1, 1]), ValueError, "batch and depth"),
    (dict(strides=[1, 1.5, 1, 1]), TypeError, "integers"),
    (dict(strides=[1, "1", 1, 1]), TypeError, "integers"),
    (dict(dilations=2), TypeError, "Expected list for 'dilations'"),
    (dict(dilations=[1, 2, 2]), ValueError, "dilations has 3 entries"),
    (dict(dilations=[1, 1, 1, 2]), ValueError, "batch and depth"),
    # Padding.
    (dict(padding="FULL"), ValueError,
     "padding is 'FULL'; it must be 'SAME', 'VALID' or four pairs"),
    (dict(padding="explicit"), ValueError, "'SAME', 'VALID' or four pairs"),
    (dict(padding="EXPLICIT"), ValueError, "'SAME', 'VALID' or four pairs"),
    (dict(padding=1), TypeError, "four pairs of before and after.*got 1"),
    (dict(padding=np.array(1)), TypeError, r"four pairs.*got array\(1\)"),
    (dict(padding=(1, 1)), ValueError, "got 1 at index 0.*four pairs"),
    (dict(padding=np.array([1, 1])), ValueError, "at index 0.*four pairs"),
    (dict(padding=[1, 1, 1, 1]), ValueError, "two integers.*four pairs"),
    (dict(padding=np.ones((4, 2))), TypeError, "integers"),
    (dict(padding=["SAME", "SAME"]), TypeError, "integers, got str"),
    (dict(padding=[[0, 0], [1, 1, 1], [1, 1], [0, 0]]), ValueError, "index 1"),
    (dict(padding=[[0, 0], [1, 1]]), ValueError,
     "four elements, got 2.*four pairs"),
    (dict(padding=[[0, 0], [1, -1], [1, 1], [0, 0]]), ValueError,
     "nonnegative"),
    (dict(padding=[[1, 0], [1, 1], [1, 1], [0, 0]]), ValueError, "batch"),
    (dict(padding=[[0, 0], [1.5, 1], [1, 1], [0, 0]]), TypeError, "integers"),
    (dict(padding=[[0, 0], [None, 1], [1, 1], [0, 0]]), TypeError,
     "integers"),
    # Data format.
    (dict(data_format="HWCN"), ValueError, "one of NHWC, NCHW"),
    (dict(data_format="NHW"), ValueError, "one of NHWC, NCHW"),
    (dict(data_format=0), TypeError, "must be a string"),
    (dict(data_format="NCHW"), ValueError, "divisible|out_depth"),
]


@pytest.mark.parametrize(
    "change, error, match", BAD, ids=[str(index) for index in range(len(BAD))])
def test_bad_arguments(change, error, match):
    with pytest.raises(error, match=match):
        conv2d_backprop_input(**{**GOOD, **change})


def test_bad_sequences():
    for strides, error, match in [
            ([1, 1, 1], ValueError, "length 1, 2 or 4 but was 3"),
            ([], ValueError, "length 1, 2 or 4 but was 0"),
            (2.5, TypeError, "integers"), ("2", TypeError, "list of integers")]:
        with pytest.raises(error, match=match):
            conv2d_transpose(OUTPUT, FILTER, [1, 10, 10, 2], strides)
    with pytest.raises(TypeError, match="filter_sizes"):
        conv2d_backprop_filter(
            np.ones((1, 5, 5, 2), np.float32), [3, 3, 2, float("nan")], OUTPUT,
            ONES, "SAME")


def test_bad_plans():
    sizes = (SIZES, FILTER.shape, OUTPUT.shape)
    for options, error, match in [
            (dict(threads=0), ValueError, "at least 1, got 0"),
            (dict(threads=2**40), ValueError, "threads"),
            (dict(threads=1.5), TypeError, "integer"),
            (dict(workspace_limit=-1), ValueError, "must not be negative"),
            (dict(workspace_limit=0, algorithm="direct"), ValueError,
             "needs at least"),
            (dict(algorithm="fast"), ValueError, "one of auto, taps"),
            (dict(algorithm=1), TypeError, "must be a string"),
            (dict(accuracy="loose"), ValueError, "standard, tight"),
            (dict(tuning="guess"), ValueError, "estimate, measure"),
            (dict(dtype="int32"), TypeError, "float32"),
            (dict(dtype=np.int32), TypeError, "float32"),
            (dict(strides=[]), ValueError, "strides has 0 entries")]:
        for kind in (InputGradientPlan, FilterGradientPlan):
            with pytest.raises(error, match=match):
                kind(*sizes, **{"padding": "SAME", **options})
    with pytest.raises(ValueError, match="input has rank 2"):
        ForwardPlan([5, 5], FILTER.shape, padding="SAME")
    with pytest.raises(ValueError, match="out_backprop has rank 0"):
        InputGradientPlan(SIZES, FILTER.shape, padding="SAME")


def test_version():
    import importlib.metadata
    assert convolutions.__version__ == importlib.metadata.version(
        "convolutions")

"""What errors tell: the words that people search for, and what to do."""

import re

import numpy as np
import pytest
import torch

import convolutions
from convolutions import (
    FilterGradientPlan, ForwardPlan, InputGradientPlan, conv2d,
    conv2d_backprop_filter, conv2d_backprop_input, conv2d_transpose)

ONES = [1, 1, 1, 1]


def numbers(*shape):
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape) % 7


def message(call, *arguments, error=ValueError, **named):
    with pytest.raises(error) as raised:
        call(*arguments, **named)
    return str(raised.value)


# What each error lists is what is accepted.

@pytest.mark.parametrize("name", [
    "padding", "data_format", "algorithm", "accuracy", "tuning", "dtype"])
def test_lists_of_choices_are_what_is_accepted(name):
    def plan(value):
        return InputGradientPlan(
            [1, 5, 5, 2], [3, 3, 2, 4], [1, 5, 5, 4],
            **{"padding": "SAME", name: value})

    text = message(
        plan, "none of them", error=TypeError if name == "dtype" else ValueError)
    listed = text.split("must be ")[1].removeprefix("one of ")
    if name == "padding":
        listed, pairs = listed.split(" or four pairs")
        plan(eval(pairs[pairs.index("[["):pairs.index("]]") + 2]))
    if name == "data_format":
        listed = listed.replace("NCHW", "NHWC")
    for value in re.split(", ", listed):
        try:
            plan(value.strip("'"))
        except ValueError as error:
            # Known, but not able to serve this problem.
            assert re.search("cannot serve|match computed", str(error))


# Filters in PyTorch's order.

def test_filters_in_pytorchs_order():
    x, weight = numbers(2, 9, 8, 6), numbers(5, 6, 4, 3)
    filter = np.ascontiguousarray(weight.transpose(2, 3, 1, 0))
    y = conv2d(x, filter, 1, "SAME")
    calls = [
        (conv2d, (x,), (1, "SAME")),
        (conv2d_backprop_input, (x.shape,), (y, ONES, "SAME")),
    ]
    for call, before, after in calls:
        text = message(call, *before, weight, *after)
        assert "the filter has sizes [5, 6, 4, 3]" in text
        assert "it fits in PyTorch's order, [Cout, Cin / groups, kh" in text
        assert "permute(2, 3, 1, 0).contiguous()" in text
        assert call(*before, filter, *after).any()
        tensor = torch.from_numpy(weight)
        message(call, *before, tensor, *after)
        call(*before, tensor.permute(2, 3, 1, 0).contiguous(), *after)
    text = message(conv2d_backprop_filter, x, weight.shape, y, ONES, "SAME")
    assert "PyTorch's order" in text
    # As a transposed convolution's [in, out / groups, kh, kw], in groups.
    weight = numbers(6, 4, 3, 2)
    x = numbers(2, 7, 7, 6)
    text = message(conv2d_transpose, x, weight, [2, 7, 7, 8], 1)
    assert "PyTorch's order" in text
    conv2d_transpose(
        x, np.ascontiguousarray(weight.transpose(2, 3, 1, 0)), [2, 7, 7, 8], 1)


def test_plans_of_filters_in_pytorchs_order():
    sizes = [2, 9, 8, 6], [3, 2, 6, 5], [2, 9, 8, 5]
    turned = [5, 6, 3, 2]
    for kind in (InputGradientPlan, ForwardPlan, FilterGradientPlan):
        text = message(kind, sizes[0], turned, sizes[2], padding="SAME")
        assert "PyTorch's order" in text
    plan = ForwardPlan(*sizes[:2], padding="SAME")
    for call in (plan.prepare, lambda f: plan.execute(f, numbers(2, 9, 8, 6))):
        text = message(call, numbers(*turned))
        assert "has shape [5, 6, 3, 2]; the plan needs [3, 2, 6, 5]" in text
        assert "PyTorch's order" in text


def test_other_mistakes_are_not_taken_for_that():
    x = numbers(2, 9, 8, 6)
    for shape in [(3, 4, 5, 5), (5, 6, 3), (5, 7, 4, 2), (3, 2, 0, 5)]:
        assert "PyTorch" not in message(conv2d, x, numbers(*shape), 1, "SAME")
    # Nor an algorithm or a stride that the problem does not have.
    for options in (dict(algorithm="winograd", padding="SAME"),
                    dict(padding="SAME", strides=[1, 0, 1, 1])):
        assert "PyTorch" not in message(
            ForwardPlan, x.shape, [1, 1, 6, 6], **options)
    plan = ForwardPlan(x.shape, [3, 2, 6, 5], padding="SAME")
    assert "PyTorch" not in message(plan.prepare, numbers(3, 3, 6, 5))


# Images in the other order.

def test_channels_last_tensors_are_told_the_other_format():
    filter = torch.from_numpy(numbers(3, 3, 6, 5))
    x = torch.from_numpy(numbers(2, 6, 9, 8))
    expected = conv2d(x, filter, 1, "SAME", "NCHW")
    last = x.to(memory_format=torch.channels_last)
    text = message(conv2d, last, filter, 1, "SAME", "NCHW")
    assert "input.permute(0, 2, 3, 1) is, without a copy" in text
    assert "data_format='NHWC'" in text
    permuted = eval("input.permute(0, 2, 3, 1)", {"input": last})
    assert permuted.data_ptr() == last.data_ptr()
    result = conv2d(permuted, filter, 1, "SAME", "NHWC")
    assert torch.equal(result.permute(0, 3, 1, 2), expected)
    # The other way round, and NumPy's.
    text = message(conv2d, x.permute(0, 2, 3, 1), filter, 1, "SAME")
    assert "input.permute(0, 3, 1, 2)" in text and "'NCHW'" in text
    text = message(
        conv2d, np.asfortranarray(x.numpy()).transpose(0, 2, 3, 1), filter, 1,
        "SAME")
    assert "numpy.ascontiguousarray(input)" in text
    text = message(conv2d, x.numpy().transpose(0, 2, 3, 1), filter, 1, "SAME")
    assert "input.transpose(0, 3, 1, 2) is" in text
    plan = InputGradientPlan(
        x.shape, filter.shape, expected.shape, padding="SAME",
        data_format="NCHW")
    text = message(
        plan.execute, filter, expected.to(memory_format=torch.channels_last))
    assert "out_backprop.permute(0, 2, 3, 1)" in text
    text = message(plan.execute, filter, expected, last)
    assert "out.permute(0, 2, 3, 1)" in text


def test_other_gaps_are_told_how_to_close():
    x = torch.from_numpy(numbers(2, 6, 9, 8))
    weight = torch.from_numpy(numbers(5, 6, 3, 3))
    for wrong in (weight.permute(2, 3, 1, 0),
                  weight.to(memory_format=torch.channels_last)):
        text = message(conv2d, x, wrong, 1, "SAME", "NCHW")
        assert "with filters.contiguous()" in text and "NHWC" not in text
    text = message(conv2d, x[:, :, ::2], weight, 1, "SAME", "NCHW")
    assert "with input.contiguous()" in text and "NHWC" not in text


# TensorFlow's words.

X, W, DY = numbers(1, 5, 5, 2), numbers(3, 3, 2, 4), numbers(1, 5, 5, 4)


def backprop_input(module, **change):
    arguments = dict(
        input_sizes=[1, 5, 5, 2], filter=W, out_backprop=DY, strides=ONES,
        padding="SAME")
    function = getattr(module, "compat", None)
    function = (function.v1.nn if function else module).conv2d_backprop_input
    return function(**{**arguments, **change})


def forward(module, **change):
    arguments = dict(input=X, filters=W, strides=ONES, padding="SAME")
    function = getattr(module, "nn", module).conv2d
    return function(**{**arguments, **change})


WORDS = [
    (backprop_input, dict(padding=[[0, 0], [1, -1], [1, 1], [0, 0]]),
     "All elements of explicit_paddings must be nonnegative"),
    (forward, dict(padding=[[0, 0], [1, -1], [1, 1], [0, 0]]),
     "All elements of explicit_paddings must be nonnegative"),
    (forward, dict(filters=W[:0]), "filter must not have zero elements"),
    (backprop_input, dict(input_sizes=[1, 7, 5, 2]),
     "Size of out_backprop doesn't match computed"),
    (backprop_input, dict(input_sizes=[2, 5, 5, 2]),
     "input and out_backprop must have the same batch size"),
    (backprop_input, dict(out_backprop=DY[..., :3].copy()),
     "filter and out_backprop must have the same out_depth"),
    (backprop_input, dict(input_sizes=[1, 5, 5, 3]),
     "input depth must be evenly divisible by filter depth"),
    (backprop_input, dict(strides=[1, 1, 1, 2]),
     "strides in the batch and depth dimensions"),
    (backprop_input, dict(strides=1), "Expected list for 'strides' argument"),
    (backprop_input, dict(filters=W), "Cannot specify both 'filter' and"),
]


@pytest.mark.parametrize("call, change, words", WORDS)
def test_words_are_tensorflows(call, change, words):
    tf = pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
    for module in (convolutions, tf):
        with pytest.raises(Exception) as raised:
            call(module, **change)
        assert words in str(raised.value), module.__name__


# Which operand decides what the result is.

def test_the_kind_of_the_result():
    tensor = {name: torch.from_numpy(array) for name, array in [
        ("x", X), ("w", W), ("dy", DY)]}
    array = {"x": X, "w": W, "dy": DY}
    calls = {
        "dy of conv2d_backprop_input": lambda x, w, dy: conv2d_backprop_input(
            X.shape, w, dy, ONES, "SAME"),
        "dy of conv2d_backprop_filter": lambda x, w, dy: conv2d_backprop_filter(
            x, W.shape, dy, ONES, "SAME"),
        "dy of conv2d_transpose": lambda x, w, dy: conv2d_transpose(
            dy, w, X.shape, 1),
        "x of conv2d": lambda x, w, dy: conv2d(x, w, 1, "SAME"),
        "x of a ForwardPlan": lambda x, w, dy: ForwardPlan(
            X.shape, W.shape, padding="SAME").execute(w, x),
    }
    for name, call in calls.items():
        decides = name.split()[0]
        result = call(**{**array, decides: tensor[decides]})
        assert isinstance(result, torch.Tensor), name
        result = call(**{**tensor, decides: array[decides]})
        assert type(result) is np.ndarray, name

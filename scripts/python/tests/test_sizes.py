"""The sizes that an input may have, and PyTorch's output padding."""

import itertools
import os
import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import convolutions
from convolutions import InputGradientPlan, legal_input_sizes

PAGE = (pathlib.Path(__file__).resolve().parents[3]
        / "Sources/Convolutions/Convolutions.docc/ComingFromPyTorch.md")


def test_legal_input_sizes_are_what_plans_take():
    draw = np.random.default_rng(0)
    found = 0
    for _ in range(60):
        output, kernel, stride, dilation = draw.integers([0, 1, 1, 1], 5)
        before, after = draw.integers(0, 4, 2)
        data_format, dimension = [("NHWC", 1), ("NHWC", 2), ("NCHW", 2),
                                  ("NCHW", 3)][draw.integers(4)]

        def order(one):
            """That of one dimension, all others being 1."""
            return [one if index == dimension else 1 for index in range(4)]

        filter_sizes = [
            [kernel, 1, 1, 1], [1, kernel, 1, 1]][
                dimension - (data_format == "NCHW") - 1]
        pairs = np.zeros((4, 2), int)
        pairs[dimension] = before, after
        for padding in ("SAME", "valid", pairs):
            sizes = legal_input_sizes(
                output, kernel, stride, dilation, padding=padding,
                dimension=dimension)
            found += len(sizes)
            for size in range(24):
                def plan():
                    return InputGradientPlan(
                        order(size), filter_sizes, order(output),
                        strides=order(stride), dilations=order(dilation),
                        padding=padding, data_format=data_format)

                if size in sizes:
                    plan()
                else:
                    with pytest.raises(ValueError):
                        plan()
    assert found > 200


def test_forms_of_the_arguments():
    assert legal_input_sizes(3, 3, 2, padding="SAME") == range(5, 7)
    assert legal_input_sizes(np.int32(5), 3, 2, 2, padding="valid") == range(
        13, 15)
    # Of no windows, and of none that 64 bits hold.
    assert not legal_input_sizes(
        1, 1, padding=[[0, 0], [1, 1], [0, 0], [0, 0]])
    assert not legal_input_sizes(2**63 - 1, 2, 2, padding="VALID")


@pytest.mark.parametrize("change, error, match", [
    (dict(output_size=-1), ValueError, "output_size must be nonnegative"),
    (dict(kernel_size=0), ValueError, "kernel_size must be positive, got 0"),
    (dict(stride=0), ValueError, "stride must be positive"),
    (dict(dilation=-2), ValueError, "dilation must be positive, got -2"),
    (dict(dimension=4), ValueError, "dimension must be 0 to 3, got 4"),
    (dict(dimension=-1), ValueError, "dimension must be 0 to 3, got -1"),
    (dict(padding="FULL"), ValueError, "'SAME', 'VALID' or four pairs"),
    (dict(padding=1), TypeError, "four pairs"),
    (dict(padding=[[0, 0], [-1, 0], [0, 0], [0, 0]]), ValueError,
     "pad_before must be nonnegative"),
    (dict(output_size=2.0), TypeError, "integers"),
    (dict(stride=[2]), TypeError, "integers"),
    (dict(output_size=2**63), ValueError, "64 bits"),
])
def test_bad_arguments(change, error, match):
    arguments = dict(output_size=2, kernel_size=3, padding="VALID")
    with pytest.raises(error, match=match):
        legal_input_sizes(**{**arguments, **change})


def recipe():
    """The function of the page, as the page has it."""
    block, = (
        text for text in re.findall(
            r"```python\n(.*?)```", PAGE.read_text(), re.S)
        if "def conv_transpose2d" in text)
    names = {"F": F}
    exec(block, names)
    return names["conv_transpose2d"]


def geometries():
    """Every output padding that PyTorch takes, of some hundred geometries."""
    draw = np.random.default_rng(5)
    for stride, dilation in itertools.product(range(1, 5), repeat=2):
        for output_padding in range(max(stride, dilation)):
            for _ in range(6):
                yield (
                    (stride, int(draw.integers(1, 4))),
                    (dilation, int(draw.integers(1, 6))), output_padding,
                    draw.integers(1, 5, 2), draw.integers(1, 5, 2),
                    draw.integers(0, 6, 2), int(draw.choice([1, 2])))


def test_output_padding_is_pytorchs():
    conv_transpose2d = recipe()
    draw = torch.Generator().manual_seed(0)
    whole = large = 0
    for strides, dilations, rows, image, kernel, pads, groups in geometries():
        columns = max(strides[1], dilations[1]) - 1
        output_padding = (rows, columns)
        x = torch.randint(
            -4, 5, (2, 2 * groups, *image), generator=draw).double()
        weight = torch.randint(
            -4, 5, (2 * groups, 3, *kernel), generator=draw).double()
        arguments = dict(
            stride=strides, padding=tuple(map(int, pads)),
            output_padding=output_padding, dilation=dilations, groups=groups)
        try:
            expected = F.conv_transpose2d(x, weight, **arguments)
        except RuntimeError as error:
            assert "too small" in str(error), error
            continue
        result = conv_transpose2d(x, weight, **arguments)
        assert result.shape == expected.shape, arguments
        assert torch.equal(result, expected), arguments
        whole += rows >= strides[0] or columns >= strides[1]
        large += rows - pads[0] >= strides[0]
    assert whole > 60 and large > 5, (whole, large)


def test_the_case_of_pads_1_and_a_whole_stride():
    x, weight = torch.ones(1, 2, 4, 4), torch.ones(2, 2, 3, 3)
    arguments = dict(
        stride=(2, 2), padding=(1, 1), output_padding=(2, 2), dilation=(3, 3))
    assert torch.equal(
        recipe()(x, weight, **arguments),
        F.conv_transpose2d(x, weight, **arguments))


def test_no_memory_is_a_memory_error():
    # A process of its own, allowed less than the prepared filter takes.
    program = """
import resource
import numpy as np
from convolutions import InputGradientPlan
plan = InputGradientPlan(
    [1, 8, 8, 1024], [3, 3, 1024, 1024], [1, 8, 8, 1024], padding="SAME",
    algorithm="winograd", threads=1)
filter = np.zeros([3, 3, 1024, 1024], np.float32)
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + (32 << 20)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
try:
    plan.prepare(filter)
except MemoryError as error:
    print(error)
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(
        path for path in sys.path if path)}
    output = subprocess.run(
        [sys.executable, "-c", program], check=True, text=True,
        stdout=subprocess.PIPE, env=environment).stdout
    assert "bytes" in output

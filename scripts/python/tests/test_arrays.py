"""What counts as an array, and that none is copied."""

import ml_dtypes
import numpy as np
import pytest
import torch

import convolutions
from convolutions import _arrays
from definition import PROBLEMS

PROBLEM = PROBLEMS[0]


def gradient(filter, output):
    return convolutions.conv2d_backprop_input(
        PROBLEM.input_shape, filter, output, **PROBLEM.arguments())


def test_contiguous_data_is_not_copied():
    for array in (
            np.ones((2, 3), np.float16), np.ones((2, 3), ml_dtypes.bfloat16)):
        assert _arrays.view(array, "a").address == array.ctypes.data
    for dtype in (
            torch.float16, torch.bfloat16, torch.float32, torch.float64):
        tensor = torch.ones(4, 3, dtype=dtype)[1:]
        seen = _arrays.view(tensor, "a")
        assert seen.address == tensor.data_ptr()
        assert seen.shape == (3, 3)
        assert seen.dtype == str(dtype).removeprefix("torch.")
    # The step of a dimension that has one element is never taken.
    tensor = torch.ones(12).as_strided((3, 1, 4, 1), (4, 99, 1, 7))
    assert _arrays.view(tensor, "a").shape == (3, 1, 4, 1)
    assert _arrays.view(Foreign(tensor.numpy()), "a").shape == (3, 1, 4, 1)


@pytest.mark.parametrize(
    "dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_tensors_of_pytorch(dtype):
    filter = torch.from_numpy(PROBLEM.filter).to(dtype)
    output = torch.from_numpy(PROBLEM.output).to(dtype)
    expected = torch.from_numpy(PROBLEM.results()[0]).to(dtype)
    result = gradient(filter, output)
    assert isinstance(result, torch.Tensor) and result.dtype == dtype
    assert torch.equal(result, expected)
    plan = convolutions.InputGradientPlan(
        PROBLEM.input_shape, PROBLEM.filter_shape, PROBLEM.output_shape,
        dtype=dtype, **PROBLEM.arguments())
    out = torch.empty_like(expected)
    assert plan.execute(plan.prepare(filter), output, out) is out
    assert torch.equal(out, expected)


def test_kinds_may_be_mixed():
    filter = PROBLEM.filter
    output = torch.from_numpy(PROBLEM.output)
    assert isinstance(gradient(filter, output), torch.Tensor)
    assert isinstance(gradient(torch.from_numpy(filter), PROBLEM.output),
                      np.ndarray)


def test_axes_of_one_entry():
    # Whatever their strides are: no step is ever taken.
    for shape, strides in [
            ((1, 3, 1, 4), (1, 4, 4, 1)), ((1, 3, 1, 4), (99, 4, 7, 1)),
            ((3, 1), (1, 5))]:
        tensor = torch.arange(100.0).as_strided(shape, strides)
        seen = _arrays.view(tensor, "a")
        assert seen.address == tensor.data_ptr() and seen.shape == shape


def at_an_odd_address(array):
    memory = np.zeros(array.nbytes + 1, np.uint8)[1:]
    result = memory.view(array.dtype).reshape(array.shape)
    result[...] = array
    assert not result.flags.aligned
    return result


def test_arrays_at_odd_addresses_are_read():
    result = gradient(
        at_an_odd_address(PROBLEM.filter), at_an_odd_address(PROBLEM.output))
    np.testing.assert_array_equal(result, PROBLEM.results()[0])


class Foreign:
    """An array of a library that only speaks DLPack."""

    def __init__(self, array, device=(1, 0)):
        self.array = array
        self.device = device

    def __dlpack__(self):
        return self.array.__dlpack__()

    def __dlpack_device__(self):
        return self.device


def test_dlpack_of_others():
    result = gradient(Foreign(PROBLEM.filter), Foreign(PROBLEM.output))
    np.testing.assert_array_equal(result, PROBLEM.results()[0])
    with pytest.raises(TypeError, match="must be on a CPU"):
        gradient(Foreign(PROBLEM.filter, (2, 0)), PROBLEM.output)


def test_read_only_operands_are_read():
    filter, output = PROBLEM.filter.copy(), PROBLEM.output.copy()
    filter.flags.writeable = output.flags.writeable = False
    np.testing.assert_array_equal(
        gradient(filter, output), PROBLEM.results()[0])


def refused(error, match, filter=PROBLEM.filter, output=PROBLEM.output):
    with pytest.raises(error, match=match):
        gradient(filter, output)


def test_arrays_that_are_refused():
    filter, output = PROBLEM.filter, PROBLEM.output
    refused(ValueError, "filter is not contiguous", filter[:, :, ::2])
    refused(ValueError, "out_backprop is not contiguous", output=output.T)
    refused(ValueError, "filter is not contiguous", np.asfortranarray(filter))
    tensor = torch.from_numpy(output)
    refused(ValueError, "not contiguous", output=tensor.permute(0, 2, 1, 3))
    refused(ValueError, "not contiguous", output=tensor.expand(2, *tensor.shape)
            [:, 0])
    refused(TypeError, "byte order", filter.astype(">f8"))
    refused(TypeError, "int32.*float32", filter.astype(np.int32))
    refused(TypeError, "complex128", filter.astype(np.complex128))
    refused(TypeError, "object", filter.astype(object))
    refused(TypeError, "int64", torch.from_numpy(filter).long())
    refused(TypeError, "does not match", filter.astype(np.float32))
    refused(TypeError, "must be an array, got str", "filter")
    refused(TypeError, "must be an array, got int", 3)
    refused(ValueError, "cannot be shared",
            torch.from_numpy(filter).requires_grad_())
    refused(TypeError, "must be on a CPU",
            torch.empty(filter.shape, device="meta"))
    refused(ValueError, "filter has rank 3", filter[0])
    refused(ValueError, "doesn't match computed", output=output[:, :3].copy())


def test_results_that_are_refused():
    plan = convolutions.InputGradientPlan(
        PROBLEM.input_shape, PROBLEM.filter_shape, PROBLEM.output_shape,
        dtype="float64", **PROBLEM.arguments())
    shape = PROBLEM.input_shape
    read_only = np.zeros(shape)
    read_only.flags.writeable = False
    output = PROBLEM.output.copy()
    plan_size = int(np.prod(shape))
    for error, match, out in [
            (ValueError, "read-only", read_only),
            (ValueError, "out has shape", np.zeros(shape[:3])),
            (TypeError, "float32", np.zeros(shape, np.float32)),
            (ValueError, "not contiguous", np.zeros(shape[::-1]).T),
            (ValueError, "not aligned", at_an_odd_address(np.zeros(shape))),
            (TypeError, "must be a NumPy array", np.zeros(shape).tolist()),
            (ValueError, "overlaps",
             output.ravel()[:plan_size].reshape(shape))]:
        with pytest.raises(error, match=match):
            plan.execute(PROBLEM.filter, output, out)
    assert not read_only.any()


def test_operands_of_another_plan_are_refused():
    plan, other = (
        convolutions.InputGradientPlan(
            PROBLEM.input_shape, PROBLEM.filter_shape, PROBLEM.output_shape,
            dtype="float64", algorithm=algorithm, **PROBLEM.arguments())
        for algorithm in ("direct", "reference"))
    with pytest.raises(ValueError, match="prepared for another"):
        plan.execute(other.prepare(PROBLEM.filter), PROBLEM.output)
    with pytest.raises(ValueError, match="filter has shape"):
        plan.execute(PROBLEM.filter[:2], PROBLEM.output)
    with pytest.raises(TypeError, match="of the plan|the plan of float64"):
        plan.execute(PROBLEM.filter.astype(np.float32), PROBLEM.output)
    with pytest.raises(TypeError, match="must be an array"):
        plan.execute(None, PROBLEM.output)

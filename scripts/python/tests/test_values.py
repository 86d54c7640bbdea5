"""Arrays whose memory does not hold their values: the right numbers, or an error
that says what they are."""

import gc
import sys
import warnings

import numpy as np
import pytest
import torch

import convolutions
from convolutions import _arrays
from definition import PROBLEMS

PROBLEM = PROBLEMS[0]
FILTER, OUTPUT = PROBLEM.filter, PROBLEM.output
RESULT = PROBLEM.results()[0]
WEIGHTS, GRADIENT = torch.from_numpy(FILTER), torch.from_numpy(OUTPUT)


def gradient(filter=FILTER, output=OUTPUT):
    return convolutions.conv2d_backprop_input(
        PROBLEM.input_shape, filter, output, **PROBLEM.arguments())


def plan():
    return convolutions.InputGradientPlan(
        PROBLEM.input_shape, PROBLEM.filter_shape, PROBLEM.output_shape,
        dtype="float64", **PROBLEM.arguments())


def refused_everywhere(make, match, error=TypeError):
    """As an operand, and as what is to be overwritten."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(error, match="filter.*" + match):
            gradient(make(WEIGHTS))
        with pytest.raises(error, match="out_backprop.*" + match):
            plan().execute(WEIGHTS, make(GRADIENT))
        with pytest.raises(error, match="out .*" + match):
            plan().execute(
                WEIGHTS, GRADIENT,
                make(torch.zeros(PROBLEM.input_shape, dtype=torch.float64)))


def with_sign_bit(tensor):
    return torch._neg_view(tensor)


def test_negated_views():
    assert with_sign_bit(WEIGHTS).is_contiguous()
    refused_everywhere(with_sign_bit, "negated view.*resolve_neg")
    np.testing.assert_array_equal(
        gradient(with_sign_bit(WEIGHTS).resolve_neg()), -RESULT)
    # As they arise: an imaginary part of a conjugate, one column wide.
    complex_filter = torch.complex(WEIGHTS, WEIGHTS)[..., :1]
    imaginary = complex_filter.conj().imag
    assert imaginary.is_neg()
    with pytest.raises(TypeError, match="resolve_neg"):
        gradient(imaginary)
    real = complex_filter.conj().real
    assert not real.is_neg()
    with pytest.raises(ValueError, match="not contiguous"):
        gradient(real)
    with pytest.raises(TypeError, match="complex128"):
        gradient(complex_filter.conj())


def fake(tensor):
    from torch._subclasses.fake_tensor import FakeTensorMode
    return FakeTensorMode().from_tensor(tensor)


def masked(tensor):
    from torch.masked import masked_tensor
    return masked_tensor(tensor, torch.ones_like(tensor, dtype=torch.bool))


class Wrapper(torch.Tensor):
    """A tensor whose values lie in another, as torchao and others have them."""

    @staticmethod
    def __new__(cls, held):
        return torch.Tensor._make_wrapper_subclass(
            cls, held.shape, dtype=held.dtype)

    def __init__(self, held):
        self.held = held

    @classmethod
    def __torch_dispatch__(cls, function, types, arguments=(), others=None):
        raise NotImplementedError(f"{function}")


@pytest.mark.parametrize("make, match", [
    (fake, "FakeTensor"),
    (masked, "MaskedTensor"),
    (Wrapper, "Wrapper"),
    (lambda tensor: tensor.to("meta"), "meta tensor"),
    (lambda tensor: tensor.to_sparse(), "sparse_coo.*to_dense"),
    (lambda tensor: tensor.float().to_mkldnn(), "_mkldnn.*to_dense"),
    (lambda tensor: torch.quantize_per_tensor(
        tensor.float(), 0.1, 0, torch.qint8), "quantized.*dequantize"),
    (lambda tensor: torch.nested.nested_tensor(list(tensor)), "nested"),
    (lambda tensor: torch._efficientzerotensor(
        tensor.shape, dtype=tensor.dtype), "zeros without memory.*clone"),
], ids=["fake", "masked", "wrapper", "meta", "sparse", "mkldnn", "quantized",
        "nested", "zeros"])
def test_tensors_without_memory_of_their_values(make, match):
    refused_everywhere(make, match)


def test_what_the_errors_tell_to_give_is_right():
    zeros = torch._efficientzerotensor(WEIGHTS.shape, dtype=WEIGHTS.dtype)
    assert not gradient(zeros.clone(), GRADIENT).any()
    for tensor in (WEIGHTS.to_sparse().to_dense(),
                   WEIGHTS.float().to_mkldnn().to_dense().double()):
        np.testing.assert_array_equal(gradient(tensor), RESULT)


def test_nested_tensors_of_the_other_layout():
    with pytest.raises(TypeError, match="NestedTensor"):
        gradient(torch.nested.nested_tensor(
            list(WEIGHTS), layout=torch.jagged))


def test_tensors_inside_transforms():
    def call(filter):
        return gradient(filter, GRADIENT).sum()

    for transform in (torch.vmap, torch.func.grad, torch.func.functionalize):
        argument = WEIGHTS[None] if transform is torch.vmap else WEIGHTS
        with pytest.raises(TypeError, match="filter is a tensor inside a tran"):
            transform(call)(argument)
    # Constants of such a function have their values.
    constant = torch.vmap(lambda x: x + gradient(WEIGHTS, GRADIENT).sum())(
        torch.zeros(2, dtype=torch.float64))
    assert constant.tolist() == [RESULT.sum()] * 2


def test_tensors_inside_a_trace():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(TypeError, match="torch.jit.trace"):
            torch.jit.trace(lambda filter: gradient(filter, GRADIENT), WEIGHTS)


def test_gradients_that_would_be_lost():
    refused_everywhere(
        lambda tensor: tensor.detach().clone().requires_grad_(),
        "requires a gradient.*detach", ValueError)
    with pytest.raises(ValueError, match="detach"):
        gradient(torch.nn.Parameter(WEIGHTS))
    fixed = torch.nn.Parameter(WEIGHTS, requires_grad=False)
    np.testing.assert_array_equal(gradient(fixed), RESULT)
    forward = torch.autograd.forward_ad
    with forward.dual_level():
        refused_everywhere(
            lambda tensor: forward.make_dual(tensor, torch.ones_like(tensor)),
            "forward mode.*detach", ValueError)
        np.testing.assert_array_equal(gradient(WEIGHTS), RESULT)


def test_tensors_that_have_lost_their_memory():
    def emptied(tensor, lost):
        tensor = torch.cat([tensor[:1], tensor])[1:]
        storage = tensor.untyped_storage()
        storage.resize_(int(storage.nbytes() * (1 - lost)) // 8 * 8)
        return tensor

    for lost in (1, 0.5, 0.01):
        refused_everywhere(
            lambda tensor: emptied(tensor, lost), "lost its memory",
            ValueError)


def test_clones_that_share_until_they_are_written():
    result = torch.full(PROBLEM.input_shape, 3.0, dtype=torch.float64)
    other = torch._lazy_clone(result)
    plan().execute(torch._lazy_clone(WEIGHTS.clone()), GRADIENT, other)
    np.testing.assert_array_equal(other, RESULT)
    assert (result == 3).all()


class Named(torch.Tensor):
    """A tensor that only has other functions."""

    @classmethod
    def __torch_function__(cls, function, types, arguments=(), others=None):
        return super().__torch_function__(
            function, types, arguments, others or {})


def test_subclasses_with_plain_memory():
    named = WEIGHTS.as_subclass(Named)
    result = gradient(named, GRADIENT.as_subclass(Named))
    np.testing.assert_array_equal(np.asarray(result), RESULT)


@pytest.mark.parametrize("whole", [False, True])
def test_inside_torch_compile(whole):
    torch._dynamo.reset()
    function = torch.compile(
        lambda filter: gradient(filter, GRADIENT) * 2, backend="eager",
        fullgraph=whole)
    if whole:
        with pytest.raises(torch._dynamo.exc.TorchDynamoException):
            function(WEIGHTS)
    else:
        for factor in (1, 3):
            np.testing.assert_array_equal(
                function(WEIGHTS * factor), RESULT * 2 * factor)


# NumPy's.

def test_masked_arrays():
    for mask in (False, FILTER > 2):
        array = np.ma.masked_array(FILTER, mask)
        with pytest.raises(TypeError, match="filter is a masked array.*filled"):
            gradient(array)
        with pytest.raises(TypeError, match="filter is a masked array"):
            gradient(list(array))
    with pytest.raises(TypeError, match="filter is a masked array"):
        gradient([[[(np.ma.masked, 1.0)]]])
    np.testing.assert_array_equal(
        gradient(np.ma.masked_array(FILTER).filled(0)), RESULT)
    with pytest.raises(TypeError, match="out is a masked array"):
        plan().execute(
            FILTER, OUTPUT, np.ma.zeros(PROBLEM.input_shape, np.float64))


class Lazy:
    """An array that is made when it is asked for."""

    def __init__(self, make):
        self.make = make

    def __array__(self, dtype=None, copy=None):
        return self.make()


def test_arrays_that_are_made_when_asked_for():
    def fails():
        raise ValueError("no values yet")

    np.testing.assert_array_equal(gradient(Lazy(lambda: FILTER)), RESULT)
    with pytest.raises(TypeError, match="filter is a masked array"):
        gradient(Lazy(lambda: np.ma.masked_array(FILTER, FILTER > 2)))
    with pytest.raises(TypeError, match="filter cannot be read as an array: no values"):
        gradient(Lazy(fails))


def test_types_that_are_no_numbers():
    pairs = np.zeros(FILTER.shape, [("a", "f8"), ("b", "f4")])
    with pytest.raises(TypeError, match=r"filter is of \[\('a', '<f8'\)"):
        gradient(pairs)
    # A field has gaps.
    with pytest.raises(ValueError, match="filter is not contiguous"):
        gradient(pairs["a"])
    with pytest.raises(TypeError, match="filter is of object"):
        gradient(FILTER.astype(object))
    for values in ([[[[None]]]], [[[["1"]]]], [[[[1j]]]], [[[[2**70]]]]):
        with pytest.raises(TypeError, match="filter is of"):
            convolutions.conv2d_backprop_input(
                [1, 1, 1, 1], values, [[[[1.0]]]], [1, 1, 1, 1], "VALID")
    with pytest.raises(TypeError, match="filter cannot be read as an array"):
        gradient([[1], [2, 3]])
    with pytest.raises(TypeError, match="filter cannot be read as an array"):
        gradient([with_sign_bit(WEIGHTS)])


class Copying:
    """An array of a library that hands out a copy, which lives no longer than
    the message that it is in."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self):
        return self.array.copy().__dlpack__()

    def __dlpack_device__(self):
        return (1, 0)


def test_copies_of_others_live_as_long_as_they_are_read():
    seen = [_arrays.view(Copying(FILTER), "filter") for _ in range(20)]
    gc.collect()
    noise = [np.full_like(FILTER, np.nan) for _ in range(200)]
    for view in seen:
        memory = np.ctypeslib.as_array(
            (np.ctypeslib.ctypes.c_double * FILTER.size).from_address(
                view.address))
        np.testing.assert_array_equal(memory, FILTER.ravel())
    del noise


# Of frameworks that trace programs.

def test_inside_jax():
    jax = pytest.importorskip("jax", reason="JAX is not installed")

    def call(filter):
        return gradient(filter, OUTPUT).sum()

    filter = np.float32(FILTER)
    for transform in (jax.jit, jax.grad):
        with pytest.raises(
                TypeError, match="filter is a .*JAX.*no values yet"):
            transform(call)(filter)
    with pytest.raises(TypeError, match="no values yet"):
        jax.vmap(call)(filter[None])
    array = jax.numpy.asarray(filter)
    result = gradient(array, np.float32(OUTPUT))
    np.testing.assert_array_equal(result, RESULT)
    # As the message has it.
    result = jax.jit(lambda filter: jax.pure_callback(
        lambda filter: gradient(filter, np.float32(OUTPUT)),
        jax.ShapeDtypeStruct(PROBLEM.input_shape, np.float32), filter))(filter)
    np.testing.assert_array_equal(result, RESULT)


def test_inside_tensorflow():
    tf = pytest.importorskip("tensorflow", reason="TensorFlow is not installed")

    def call(filter):
        return gradient(filter, OUTPUT)

    for jit in (False, True):
        with pytest.raises(
                TypeError, match="filter is a .*TensorFlow.*no values yet"):
            tf.function(call, jit_compile=jit, autograph=False)(
                tf.constant(FILTER))
    variable = tf.Variable(FILTER)
    with pytest.raises(TypeError, match="Variable.*TensorFlow.*no values yet"):
        tf.function(lambda: call(variable), autograph=False)()
    np.testing.assert_array_equal(gradient(tf.constant(FILTER)), RESULT)
    np.testing.assert_array_equal(gradient(variable), RESULT)
    result = tf.function(lambda filter: tf.numpy_function(
        call, [filter], tf.float64))(tf.constant(FILTER))
    np.testing.assert_array_equal(result, RESULT)
    for value in (tf.sparse.from_dense(FILTER), tf.ragged.constant([[1.0]])):
        with pytest.raises(TypeError, match="filter (must be|cannot be read as) an array"):
            gradient(value)
    with pytest.raises(TypeError, match="filter cannot be read"):
        gradient(tf.keras.Input((3, 3), dtype="float64"))


def test_frameworks_are_not_imported():
    """Nor needed: a program that has none of them pays for none."""
    import subprocess
    code = (
        "import sys, convolutions, numpy as np\n"
        "convolutions.conv2d([[[[1.0]]]], np.ones((1, 1, 1, 1), 'f4'), 1,"
        " 'VALID')\n"
        "print(*(name for name in ('torch', 'jax', 'tensorflow', 'ml_dtypes',"
        " 'joblib', 'dask') if name in sys.modules))")
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""

"""Arrays as addresses: NumPy's, PyTorch's, and those that speak DLPack."""

import sys

import numpy as np

from . import _dlpack, _torch
from ._library import TYPES


class View:
    """A dense array in memory; lives as long as what it looks at."""

    __slots__ = ("address", "shape", "dtype", "owner", "memory")

    def __init__(self, address, shape, dtype, owner, memory=None):
        self.address = address
        self.shape = shape
        self.dtype = dtype
        self.owner = owner
        self.memory = memory


def view(value, name):
    """Looks at an operand.

    Raises TypeError for a type that is none of ours and for what has no values
    in memory, ValueError for an array that is not dense.
    """
    if isinstance(value, np.ndarray):
        return _view_of_numpy(value, name)
    if _torch.is_tensor(value):
        address, shape, strides, dtype = _torch.look(value, name)
        _check_type(dtype, name)
        if not _is_dense(shape, strides):
            raise _not_dense(
                name, shape, strides, "permute", f"{name}.contiguous()")
        return View(address, shape, dtype, value)
    if isinstance(value, (list, tuple)):
        # As TensorFlow does with numbers of Python's.
        _check_unmasked(value, name)
        array = _asked(np.asanyarray, value, name)
        if array.dtype.kind not in "biuf":
            _check_type(str(array.dtype), name)
        return _view_of_numpy(array.astype(np.float32), name)
    if value is None:
        raise TypeError(f"{name} must be an array, got None")
    _check_has_values(value, name)
    if hasattr(value, "__dlpack__"):
        address, shape, strides, dtype, memory = _dlpack.look(value, name)
        _check_type(dtype, name)
        if strides is not None and not _is_dense(shape, strides):
            raise _not_dense(name, shape, strides)
        return View(address, shape, dtype, value, memory)
    if hasattr(value, "__array__"):
        return _view_of_numpy(_asked(np.asanyarray, value, name), name)
    raise TypeError(
        f"{name} must be an array, got {type(value).__name__}")


def new_result(shape, like):
    """An array for a result: of PyTorch if `like` is, else of NumPy."""
    if _torch.is_tensor(like.owner):
        return like.owner.new_empty(shape, requires_grad=False)
    return np.empty(shape, numpy_type(like.dtype))


def numpy_type(name):
    if name != "bfloat16":
        return np.dtype(name)
    try:
        import ml_dtypes
    except ImportError:
        raise TypeError(
            "bfloat16 needs the package ml_dtypes: NumPy has no such type"
        ) from None
    return np.dtype(ml_dtypes.bfloat16)


def view_of_result(value, shape, dtype):
    """Looks at an array that is to be overwritten."""
    if not isinstance(value, np.ndarray) and not _torch.is_tensor(value):
        raise TypeError(
            "out must be a NumPy array or a PyTorch tensor, got "
            f"{type(value).__name__}")
    result = view(value, "out")
    if isinstance(value, np.ndarray) and not value.flags.writeable:
        raise ValueError("out is read-only")
    expect(result, "out", shape, dtype)
    return result


def expect(operand, name, shape, dtype):
    """Checks an operand against what a plan needs."""
    if operand.dtype != dtype:
        raise TypeError(f"{name} is of {operand.dtype}, the plan of {dtype}")
    if operand.shape != shape:
        hint = ""
        if name == "filter" and operand.shape == tuple(
                shape[index] for index in (3, 2, 0, 1)):
            hint = "; " + PYTORCHS_ORDER
        raise ValueError(
            f"{name} has shape {list(operand.shape)}; the plan needs "
            f"{list(shape)}{hint}")


# What to do with a filter whose numbers show whose it is.
PYTORCHS_ORDER = (
    "it fits in PyTorch's order, [Cout, Cin / groups, kh, kw]: give [kh, kw, "
    "Cin / groups, Cout], a tensor's permute(2, 3, 1, 0).contiguous(), or "
    "numpy.ascontiguousarray of an array's transpose(2, 3, 1, 0)")


def _asked(function, value, name):
    """What a function of NumPy's makes of a value."""
    try:
        return function(value)
    except MemoryError:
        raise
    except Exception as error:
        raise TypeError(
            f"{name} cannot be read as an array: {error}") from error


def _check_has_values(value, name):
    """Refuses what stands for an array while a framework traces a program."""
    kind = type(value).__name__
    core = getattr(sys.modules.get("jax"), "core", None)
    if isinstance(value, getattr(core, "Tracer", ())):
        raise TypeError(
            f"{name} is a {kind} of JAX: inside jax.jit, vmap or grad an array "
            "has no values yet; call this outside, or through "
            "jax.pure_callback")
    tf = sys.modules.get("tensorflow")
    if hasattr(tf, "Variable") and (
            isinstance(value, tf.Tensor) and not hasattr(value, "numpy")
            or isinstance(value, tf.Variable) and not tf.executing_eagerly()):
        raise TypeError(
            f"{name} is a {kind} of TensorFlow: inside tf.function a tensor "
            "has no values yet; call this outside, or through "
            "tf.numpy_function")


def _check_unmasked(value, name):
    """Refuses masked arrays, and lists with some or with masked numbers."""
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(
            f"{name} is a masked array, whose mask would be lost; give its "
            "filled(0) or its data")
    if isinstance(value, (list, tuple)):
        for element in value:
            _check_unmasked(element, name)


def _check_type(dtype, name):
    if dtype not in TYPES:
        raise TypeError(
            f"{name} is of {dtype}; it must be of {', '.join(TYPES)}")


def _is_dense(shape, strides):
    """Whether the last index runs fastest, with no gaps; strides in scalars."""
    if 0 in shape:
        return True
    step = 1
    for size, stride in zip(reversed(shape), reversed(strides)):
        if size != 1 and stride != step:
            return False
        step *= size
    return True


def _not_dense(
        name, shape, strides, permute="transpose",
        dense="numpy.ascontiguousarray or the like"):
    """The error for an array with gaps, or in another order.

    The same memory may be that of an image in the other data format, which
    costs nothing.
    """
    for order, data_format in [
            ((0, 2, 3, 1), "NHWC"), ((0, 3, 1, 2), "NCHW")]:
        if len(shape) == 4 and not name.startswith("filter") and _is_dense(
                [shape[index] for index in order],
                [strides[index] for index in order]):
            return ValueError(
                f"{name} is not contiguous in row-major order, but "
                f"{name}.{permute}{order} is, without a copy: give that, with "
                f"data_format='{data_format}' and all lists in its order")
    return ValueError(
        f"{name} is not contiguous in row-major order; make it so first, with "
        f"{dense}")


def _view_of_numpy(array, name):
    dtype = array.dtype
    _check_unmasked(array, name)
    if not dtype.isnative:
        raise TypeError(f"{name} is of {dtype}, in the byte order of others")
    _check_type(dtype.name if dtype.name in TYPES else str(dtype), name)
    if not array.flags.c_contiguous:
        raise _not_dense(
            name, array.shape,
            [stride / dtype.itemsize for stride in array.strides],
            dense=f"numpy.ascontiguousarray({name})")
    if not array.flags.aligned:
        # Some messages, as Dask's, hold arrays at odd addresses.
        if name == "out":
            raise ValueError("out is not aligned to its type")
        array = array.copy()
    return View(array.ctypes.data, array.shape, dtype.name, array)

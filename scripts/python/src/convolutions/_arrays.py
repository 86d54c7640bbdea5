"""Arrays as addresses: NumPy's, and those that speak DLPack."""

import ctypes
import sys
from ctypes import c_int32, c_int64, c_uint8, c_uint16, c_uint64, c_void_p

import numpy as np

from ._library import TYPES


class View:
    """A dense array in memory; lives as long as what it looks at."""

    __slots__ = ("address", "shape", "dtype", "owner")

    def __init__(self, address, shape, dtype, owner):
        self.address = address
        self.shape = shape
        self.dtype = dtype
        self.owner = owner


def view(value, name):
    """Looks at an operand.

    Raises TypeError for a type that is none of ours, ValueError for an array
    that is not dense.
    """
    if isinstance(value, np.ndarray):
        return _view_of_numpy(value, name)
    if hasattr(value, "__dlpack__"):
        return _view_of_dlpack(value, name)
    if isinstance(value, (list, tuple)):
        # As TensorFlow does with numbers of Python's.
        return _view_of_numpy(np.asarray(value, np.float32), name)
    if value is not None and hasattr(value, "__array__"):
        return _view_of_numpy(np.asarray(value), name)
    raise TypeError(
        f"{name} must be an array, got {type(value).__name__}")


def is_torch(value):
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def new_result(shape, like):
    """An array for a result: of PyTorch if `like` is, else of NumPy."""
    if is_torch(like.owner):
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
    if not isinstance(value, np.ndarray) and not is_torch(value):
        raise TypeError(
            "out must be a NumPy array or a PyTorch tensor, got "
            f"{type(value).__name__}")
    result = view(value, "out")
    if isinstance(value, np.ndarray) and not value.flags.writeable:
        raise ValueError("out is read-only")
    expect(result, "out", shape, dtype)
    return result


def expect(operand, name, shape, dtype):
    if operand.dtype != dtype:
        raise TypeError(f"{name} is of {operand.dtype}, the plan of {dtype}")
    if operand.shape != shape:
        raise ValueError(
            f"{name} has shape {list(operand.shape)}; the plan needs "
            f"{list(shape)}")


def _check_type(dtype, name):
    if dtype not in TYPES:
        raise TypeError(
            f"{name} is of {dtype}; it must be of {', '.join(TYPES)}")


def _not_dense(name):
    return ValueError(
        f"{name} is not contiguous in row-major order; make it so first, with "
        "numpy.ascontiguousarray or the like")


def _view_of_numpy(array, name):
    dtype = array.dtype
    if not dtype.isnative:
        raise TypeError(f"{name} is of {dtype}, in the byte order of others")
    _check_type(dtype.name, name)
    if not array.flags.c_contiguous:
        raise _not_dense(name)
    if not array.flags.aligned:
        # Some messages, as Dask's, hold arrays at odd addresses.
        if name == "out":
            raise ValueError("out is not aligned to its type")
        array = array.copy()
    return View(array.ctypes.data, array.shape, dtype.name, array)


# dlpack.h.

class _Tensor(ctypes.Structure):
    _fields_ = [
        ("data", c_void_p), ("device_type", c_int32), ("device_id", c_int32),
        ("ndim", c_int32), ("code", c_uint8), ("bits", c_uint8),
        ("lanes", c_uint16), ("shape", ctypes.POINTER(c_int64)),
        ("strides", ctypes.POINTER(c_int64)), ("byte_offset", c_uint64)]


_CPU = 1
_TYPES = {
    (2, 16): "float16", (2, 32): "float32", (2, 64): "float64",
    (4, 16): "bfloat16"}

_get_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_get_pointer.restype = c_void_p
_get_pointer.argtypes = [ctypes.py_object, ctypes.c_char_p]


def _view_of_dlpack(value, name):
    try:
        device = tuple(map(int, value.__dlpack_device__()))
    except Exception as error:
        raise TypeError(f"{name} must be on a CPU: {error}") from error
    if device[0] != _CPU:
        raise TypeError(
            f"{name} must be on a CPU, but is on DLPack's device {device}")
    try:
        capsule = value.__dlpack__()
    except (BufferError, RuntimeError) as error:
        raise ValueError(f"{name} cannot be shared: {error}") from error
    # Nobody takes the tensor out of the capsule, which frees it at its end.
    tensor = _Tensor.from_address(_get_pointer(capsule, b"dltensor"))
    dtype = _TYPES.get((tensor.code, tensor.bits))
    if dtype is None or tensor.lanes != 1:
        _check_type(str(getattr(value, "dtype", "another type")), name)
    shape = tuple(tensor.shape[:tensor.ndim])
    if tensor.strides and 0 not in shape:
        stride = 1
        for size, got in zip(
                reversed(shape), reversed(tensor.strides[:tensor.ndim])):
            if size != 1 and got != stride:
                raise _not_dense(name)
            stride *= size
    # The address is good as long as `value` is; the capsule may go.
    return View((tensor.data or 0) + tensor.byte_offset, shape, dtype, value)

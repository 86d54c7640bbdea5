"""Arrays of libraries that speak DLPack: dlpack.h."""

import ctypes
from ctypes import c_int32, c_int64, c_uint8, c_uint16, c_uint64, c_void_p


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


def look(value, name):
    """Address, shape, strides in scalars or None, type, and the capsule: the
    address is good as long as that lives, which may hold a copy."""
    try:
        device = tuple(map(int, value.__dlpack_device__()))
    except Exception as error:
        raise TypeError(f"{name} must be on a CPU: {error}") from error
    if device[0] != _CPU:
        raise TypeError(
            f"{name} must be on a CPU, but is on DLPack's device {device}")
    try:
        capsule = value.__dlpack__()
    except Exception as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{name} cannot be shared: {error}") from error
    # Nobody takes the tensor out of the capsule, which frees it at its end.
    tensor = _Tensor.from_address(_get_pointer(capsule, b"dltensor"))
    dtype = _TYPES.get((tensor.code, tensor.bits))
    if dtype is None or tensor.lanes != 1:
        dtype = (
            f"{getattr(value, 'dtype', 'another type')} (DLPack's "
            f"{tensor.code}, {tensor.bits} bits, {tensor.lanes} lanes)")
    shape = tuple(tensor.shape[:tensor.ndim])
    strides = tuple(tensor.strides[:tensor.ndim]) if tensor.strides else None
    address = (tensor.data or 0) + tensor.byte_offset
    return address, shape, strides, dtype, capsule

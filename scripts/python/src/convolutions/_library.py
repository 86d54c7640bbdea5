"""The C interface: convolutions.h, which says what its functions do."""

import ctypes
import pathlib
import sys
from ctypes import POINTER, c_char_p, c_int32, c_int64, c_size_t, c_void_p

OPERATIONS = {"input-gradient": 0, "forward": 1, "filter-gradient": 2}
TYPES = {"float32": 0, "float64": 1, "float16": 2, "bfloat16": 3}
DATA_FORMATS = {"NHWC": 0, "NCHW": 1}
PADDINGS = {"VALID": 0, "SAME": 1, "EXPLICIT": 2}
ALGORITHMS = {
    "auto": 0, "taps": 1, "column": 2, "groups": 3, "winograd": 4,
    "direct": 5, "reference": 6, "implicit": 7}
ACCURACIES = {"standard": 0, "tight": 1}
TUNINGS = {"estimate": 0, "measure": 1}
PRODUCTS = {"auto": 0, "blas": 1, "panels": 2}

MESSAGE_SIZE = 512
_OUT_OF_MEMORY = 33
# Statuses of sizes that do not go together.
SHAPE_ERRORS = range(10, 22)


def fitting(numbers):
    """A list of whole numbers, all of 64 bits."""
    numbers = list(numbers)
    for number in numbers:
        if not -2**63 <= number < 2**63:
            raise ValueError(f"{number} does not fit 64 bits")
    return numbers


class List(ctypes.Structure):
    _fields_ = [("values", POINTER(c_int64)), ("count", c_int64)]

    @classmethod
    def of(cls, numbers):
        numbers = fitting(numbers)
        return cls((c_int64 * len(numbers))(*numbers), len(numbers))


class Sized(ctypes.Structure):
    """A structure that begins with its size."""

    def __init__(self, *args, **fields):
        super().__init__(ctypes.sizeof(self), *args, **fields)


class Problem(Sized):
    _fields_ = [
        ("size", c_size_t), ("operation", c_int32), ("type", c_int32),
        ("data_format", c_int32), ("padding", c_int32), ("input_sizes", List),
        ("filter_sizes", List), ("out_backprop_sizes", List),
        ("strides", List), ("dilations", List), ("explicit_paddings", List)]


class Options(Sized):
    _fields_ = [
        ("size", c_size_t), ("algorithm", c_int32), ("accuracy", c_int32),
        ("tuning", c_int32), ("threads", c_int32),
        ("workspace_limit", c_int64), ("products", c_int32),
        ("reserved", c_int32)]


def _load():
    name = ("libConvolutionsC.dylib" if sys.platform == "darwin"
            else "libConvolutionsC.so")
    path = pathlib.Path(__file__).parent / name
    if not path.exists():
        raise ImportError(
            f"{path} is missing: build it with 'swift build -c release "
            "--product ConvolutionsC', then 'pip install ./scripts/python'")
    # CDLL lets other Python threads run while a function does.
    library = ctypes.CDLL(str(path))
    message = [c_void_p, c_size_t]
    for function, result, arguments in [
        ("version", c_char_p, []),
        ("legal_input_sizes", c_int32,
         [c_int64, c_int64, c_int64, c_int64, c_int32, c_int64, c_int64,
          POINTER(c_int64), *message]),
        ("plan_create", c_int32,
         [POINTER(Problem), POINTER(Options), POINTER(c_void_p), *message]),
        ("plan_destroy", None, [c_void_p]),
        ("plan_describe", c_size_t, [c_void_p, c_char_p, c_size_t]),
        ("plan_result_sizes", None, [c_void_p, POINTER(c_int64)]),
        ("plan_algorithm", c_int32, [c_void_p]),
        ("plan_workspace_size", c_size_t, [c_void_p]),
        ("plan_prepared_filter_size", c_size_t, [c_void_p]),
        ("plan_prepare_filter", c_int32,
         [c_void_p, c_void_p, POINTER(c_void_p), *message]),
        ("filter_destroy", None, [c_void_p]),
        ("plan_execute", c_int32,
         [c_void_p, c_void_p, c_void_p, c_void_p, c_void_p, c_size_t,
          *message]),
        ("plan_execute_prepared", c_int32,
         [c_void_p, c_void_p, c_void_p, c_void_p, c_void_p, c_size_t,
          *message]),
    ]:
        declared = getattr(library, f"conv_{function}")
        declared.restype = result
        declared.argtypes = arguments
    return library


library = _load()
version = library.conv_version().decode()


def check(status, message):
    """Raises what a status stands for, with the library's words."""
    if status == 0:
        return
    text = ctypes.string_at(message).decode(errors="replace")
    raise (MemoryError if status == _OUT_OF_MEMORY else ValueError)(text)

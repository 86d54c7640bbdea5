"""Plans: everything about an operation on one geometry, decided once."""

import ctypes
import operator
import weakref

from . import _arrays
from ._library import (
    ACCURACIES, ALGORITHMS, DATA_FORMATS, MESSAGE_SIZE, OPERATIONS, PADDINGS,
    TUNINGS, TYPES, List, Options, Problem, check, library)


def choice(value, name, choices):
    if not isinstance(value, str):
        raise TypeError(
            f"{name} must be a string, got {type(value).__name__}")
    if value not in choices:
        raise ValueError(
            f"{name} is {value!r}; it must be one of {', '.join(choices)}")
    return choices[value]


def integers(values, name):
    """A list of whole numbers, from anything with some."""
    if isinstance(values, (str, bytes)) or not hasattr(values, "__iter__"):
        raise TypeError(
            f"{name} must be a list of integers, got "
            f"{type(values).__name__}")
    try:
        return [operator.index(value) for value in values]
    except TypeError:
        raise TypeError(
            f"{name} must be a list of integers, got {values!r}") from None


def explicit_paddings(padding):
    """TensorFlow's padding: a name, or pairs for the four dimensions."""
    if not isinstance(padding, (list, tuple)):
        if padding == "EXPLICIT":
            raise ValueError(
                "'EXPLICIT' is not a valid value for padding; give a list of "
                "four pairs")
        choice(padding, "padding", PADDINGS)
        return padding, []
    numbers = []
    for index, pair in enumerate(padding):
        if not isinstance(pair, (list, tuple)) or len(pair) != 2:
            raise ValueError(
                "each element of padding must be a list or tuple of two "
                f"integers, got {pair!r} at index {index} of {padding!r}")
        numbers += integers(pair, "padding")
    if len(padding) != 4:
        raise ValueError(
            f"padding must have four elements, got {len(padding)}: "
            f"{padding!r}")
    return "EXPLICIT", numbers


def type_name(dtype):
    """The name of a type of NumPy's, ml_dtypes' or PyTorch's, or a name."""
    for name in (
            getattr(dtype, "name", None), getattr(dtype, "__name__", None),
            str(dtype).split(".")[-1]):
        if name in TYPES:
            return name
    raise TypeError(
        f"dtype is {dtype!r}; it must be one of {', '.join(TYPES)}")


class PreparedFilter:
    """A filter in the order in which a plan reads it.

    It suits every plan of the same operation, type, geometry, algorithm and
    accuracy.
    """

    def __init__(self, handle):
        self._handle = handle
        weakref.finalize(self, library.conv_filter_destroy, handle)


class _Plan:
    """What the plans of the three operations share.

    A plan does not change; any number of threads may execute it at once.
    """

    _operation = None
    _operands = ()

    def __init__(
            self, input_sizes, filter_sizes, out_backprop_sizes=None, *,
            strides=(1, 1, 1, 1), padding, data_format="NHWC",
            dilations=(1, 1, 1, 1), dtype="float32", algorithm="auto",
            accuracy="standard", threads=None, workspace_limit=None,
            tuning="estimate"):
        """Validates and plans.

        input_sizes, out_backprop_sizes, strides, dilations: four integers in
        the order of data_format. filter_sizes: [kh, kw, Cin / groups, Cout].
        padding: "SAME", "VALID" or four pairs. dtype: the type of all tensors,
        or its name. algorithm: "auto", "taps", "gather", "column", "groups",
        "winograd", "direct", "reference". accuracy: "standard" or "tight".
        threads: None for the processors there are. workspace_limit: bytes.
        tuning: "estimate" or "measure".

        Raises ValueError for numbers that do not go together, TypeError for
        arguments of another type.
        """
        name = type_name(dtype)
        padding, pads = explicit_paddings(padding)
        if threads is not None:
            threads = operator.index(threads)
            if not 1 <= threads < 2**31:
                raise ValueError(f"threads must be at least 1, got {threads}")
        if workspace_limit is not None:
            workspace_limit = operator.index(workspace_limit)
            if not 0 <= workspace_limit < 2**63:
                raise ValueError(
                    "workspace_limit must not be negative, got "
                    f"{workspace_limit}")
        problem = Problem(
            operation=OPERATIONS[self._operation], type=TYPES[name],
            data_format=choice(data_format, "data_format", DATA_FORMATS),
            padding=PADDINGS[padding],
            input_sizes=List.of(integers(input_sizes, "input_sizes")),
            filter_sizes=List.of(integers(filter_sizes, "filter_sizes")),
            out_backprop_sizes=List.of(
                () if out_backprop_sizes is None
                else integers(out_backprop_sizes, "out_backprop_sizes")),
            strides=List.of(integers(strides, "strides")),
            dilations=List.of(integers(dilations, "dilations")),
            explicit_paddings=List.of(pads))
        for field in ("strides", "dilations"):
            # For C, no numbers are the default.
            if getattr(problem, field).count == 0:
                raise ValueError(f"{field} has 0 entries; it must have 4")
        options = Options(
            algorithm=choice(algorithm, "algorithm", ALGORITHMS),
            accuracy=choice(accuracy, "accuracy", ACCURACIES),
            tuning=choice(tuning, "tuning", TUNINGS), threads=threads or 0,
            # 0 is no limit there; no workspace has one byte.
            workspace_limit=0 if workspace_limit is None
            else max(1, workspace_limit))
        handle = ctypes.c_void_p()
        message = ctypes.create_string_buffer(MESSAGE_SIZE)
        check(
            library.conv_plan_create(
                problem, options, handle, message, MESSAGE_SIZE), message)
        self._handle = handle.value
        weakref.finalize(self, library.conv_plan_destroy, self._handle)
        sizes = (ctypes.c_int64 * 4)()
        library.conv_plan_result_sizes(self._handle, sizes)
        self.result_sizes = tuple(sizes)
        self.dtype = name
        self.algorithm = list(ALGORITHMS)[
            library.conv_plan_algorithm(self._handle)]
        self.workspace_size = library.conv_plan_workspace_size(self._handle)
        given = {
            "filter": filter_sizes, "input": input_sizes,
            "out_backprop": out_backprop_sizes}
        self._shapes = [
            tuple(integers(given[operand], operand))
            for operand in self._operands]
        # Workspaces that no execution uses now; taking one out of a list and
        # putting it back are atomic.
        self._spaces = []

    def __str__(self):
        size = library.conv_plan_describe(self._handle, None, 0)
        text = ctypes.create_string_buffer(size + 1)
        library.conv_plan_describe(self._handle, text, size + 1)
        return text.value.decode()

    def __repr__(self):
        return f"<{type(self).__name__}: {self}>"

    def _view(self, value, index):
        name = self._operands[index]
        operand = _arrays.view(value, name)
        _arrays.expect(operand, name, self._shapes[index], self.dtype)
        return operand

    def _execute(self, first, second, out):
        if not isinstance(first, PreparedFilter):
            first = self._view(first, 0)
        return self._execute_views(first, self._view(second, 1), out)

    def _execute_views(self, first, second, out=None):
        """Executes on operands whose shapes and types are checked."""
        if isinstance(first, PreparedFilter):
            execute = library.conv_plan_execute_prepared
            operand = first._handle
        else:
            execute = library.conv_plan_execute
            operand = first.address
        if out is None:
            out = _arrays.new_result(self.result_sizes, second)
        result = _arrays.view_of_result(out, self.result_sizes, self.dtype)
        try:
            space, message = self._spaces.pop()
        except IndexError:
            space = ctypes.create_string_buffer(max(1, self.workspace_size))
            message = ctypes.create_string_buffer(MESSAGE_SIZE)
        status = execute(
            self._handle, operand, second.address, result.address, space,
            self.workspace_size, message, MESSAGE_SIZE)
        self._spaces.append((space, message))
        check(status, message)
        return out


class _FilteringPlan(_Plan):
    def prepare(self, filter):
        """Brings a filter, [kh, kw, Cin / groups, Cout], into the order that
        executions read it in: once for many of them."""
        filter = self._view(filter, 0)
        handle = ctypes.c_void_p()
        message = ctypes.create_string_buffer(MESSAGE_SIZE)
        check(
            library.conv_plan_prepare_filter(
                self._handle, filter.address, handle, message, MESSAGE_SIZE),
            message)
        return PreparedFilter(handle.value)


class InputGradientPlan(_FilteringPlan):
    """A plan of the gradient with respect to the input."""

    _operation = "input-gradient"
    _operands = ("filter", "out_backprop")

    def execute(self, filter, out_backprop, out=None):
        """Computes the gradient, of shape `result_sizes`, into `out` if given.

        filter: an array or a PreparedFilter.
        """
        return self._execute(filter, out_backprop, out)


class ForwardPlan(_FilteringPlan):
    """A plan of the convolution."""

    _operation = "forward"
    _operands = ("filter", "input")

    def execute(self, filter, input, out=None):
        """Computes the output, of shape `result_sizes`, into `out` if given.

        filter: an array or a PreparedFilter.
        """
        return self._execute(filter, input, out)


class FilterGradientPlan(_Plan):
    """A plan of the gradient with respect to the filter."""

    _operation = "filter-gradient"
    _operands = ("input", "out_backprop")

    def execute(self, input, out_backprop, out=None):
        """Computes the gradient, of shape `result_sizes`, into `out` if
        given."""
        return self._execute(input, out_backprop, out)

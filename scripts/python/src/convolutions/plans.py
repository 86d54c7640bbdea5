"""Plans: everything about an operation on one geometry, decided once."""

import ctypes
import operator
import weakref

from . import _arguments, _arrays
from ._arguments import choice, integers
from ._library import (
    ACCURACIES, ALGORITHMS, DATA_FORMATS, MESSAGE_SIZE, OPERATIONS, PADDINGS,
    PRODUCTS, SHAPE_ERRORS, TUNINGS, TYPES, List, Options, Problem, check, library)


class _Shared:
    """What the library holds for an object that does not change.

    Copies are the object itself. The library's part ends with it; not before,
    at the interpreter's exit, where other threads may still compute with it.
    """

    def _own(self, destroy, handle):
        self._handle = handle
        weakref.finalize(self, destroy, handle).atexit = False

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self


class PreparedFilter(_Shared):
    """A filter in the order in which a plan reads it, made by plan.prepare.

    It suits every plan of the same operation, type, geometry, algorithm and
    accuracy. It keeps no weights, so there is nothing to pickle that another
    process could use: pickle the plan and the filter, and prepare there.
    """

    def __init__(self):
        raise TypeError("a PreparedFilter is made by plan.prepare(filter)")

    @classmethod
    def _of(cls, handle):
        prepared = cls.__new__(cls)
        prepared._own(library.conv_filter_destroy, handle)
        return prepared

    def __reduce_ex__(self, protocol):
        raise TypeError(
            "a PreparedFilter cannot be pickled, as it keeps no weights: "
            "pickle the plan and the filter, and call plan.prepare(filter) "
            "where they arrive")


def _planned(problem, options):
    """The library's plan of a problem, to be destroyed.

    The error says so where a filter of PyTorch's order would fit.
    """
    handle = ctypes.c_void_p()
    message = ctypes.create_string_buffer(MESSAGE_SIZE)
    status = library.conv_plan_create(
        problem, options, handle, message, MESSAGE_SIZE)
    try:
        check(status, message)
    except ValueError as error:
        sizes = problem.filter_sizes
        if status not in SHAPE_ERRORS or sizes.count != 4:
            raise
        outer, inner, height, width = sizes.values[:4]
        problem.filter_sizes = List.of((height, width, inner, outer))
        if library.conv_plan_create(problem, None, handle, None, 0) != 0:
            raise
        library.conv_plan_destroy(handle)
        raise ValueError(
            f"{error}; the filter has sizes {[outer, inner, height, width]}: "
            f"{_arrays.PYTORCHS_ORDER}") from None
    return handle.value


class _Plan(_Shared):
    """What the plans of the three operations share.

    A plan does not change; any number of threads may execute it at once. A
    copy is the plan itself. A pickle holds the arguments and the algorithm
    that was taken, and plans anew: each result has the bits that it has here.
    """

    _operation = None
    _operands = ()

    def __init__(
            self, input_sizes, filter_sizes, out_backprop_sizes=None, *,
            strides=(1, 1, 1, 1), padding, data_format="NHWC",
            dilations=(1, 1, 1, 1), dtype="float32", algorithm="auto",
            accuracy="standard", threads=None, workspace_limit=None,
            tuning="estimate", products="auto"):
        """Validates and plans.

        input_sizes, out_backprop_sizes, strides, dilations: four integers in
        the order of data_format. filter_sizes: [kh, kw, Cin / groups, Cout].
        padding: "SAME", "VALID" or four pairs. dtype: the type of all tensors,
        or its name. algorithm: "auto", "taps", "implicit",
        "column", "groups", "winograd", "direct", "reference". accuracy:
        "standard" or "tight". threads: None for the processors there are.
        workspace_limit: bytes. tuning: "estimate" or "measure". products:
        "auto", "blas" or "panels": who computes the matrix products of
        "column"; the other algorithms have one kind.

        Raises ValueError for numbers that do not go together, TypeError for
        arguments of another type.
        """
        dtype = _arguments.type_name(dtype)
        padding, pads = _arguments.padding(padding)
        data_format = _arguments.data_format(data_format)
        lists = {
            "input_sizes": input_sizes, "filter_sizes": filter_sizes,
            "out_backprop_sizes":
                () if out_backprop_sizes is None else out_backprop_sizes,
            "strides": strides, "dilations": dilations}
        lists = {
            field: integers(values, field) for field, values in lists.items()}
        for field in ("strides", "dilations"):
            # For C, no numbers are the default.
            if not lists[field]:
                raise ValueError(f"{field} has 0 entries; it must have 4")
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
            operation=OPERATIONS[self._operation], type=TYPES[dtype],
            data_format=DATA_FORMATS[data_format], padding=PADDINGS[padding],
            explicit_paddings=List.of(pads),
            **{field: List.of(values) for field, values in lists.items()})
        options = Options(
            algorithm=choice(algorithm, "algorithm", ALGORITHMS),
            accuracy=choice(accuracy, "accuracy", ACCURACIES),
            tuning=choice(tuning, "tuning", TUNINGS), threads=threads or 0,
            products=choice(products, "products", PRODUCTS),
            # 0 is no limit there; no workspace has one byte.
            workspace_limit=0 if workspace_limit is None
            else max(1, workspace_limit))
        self._own(library.conv_plan_destroy, _planned(problem, options))
        sizes = (ctypes.c_int64 * 4)()
        library.conv_plan_result_sizes(self._handle, sizes)
        self._result_sizes = tuple(sizes)
        self._dtype = dtype
        self._algorithm = list(ALGORITHMS)[
            library.conv_plan_algorithm(self._handle)]
        self._workspace_size = library.conv_plan_workspace_size(self._handle)
        self._shapes = [
            tuple(lists[f"{operand}_sizes"]) for operand in self._operands]
        # What makes the same plan again.
        self._arguments = {
            **lists, "dtype": dtype, "data_format": data_format,
            "padding": list(zip(pads[::2], pads[1::2])) or padding,
            "algorithm": self._algorithm, "accuracy": accuracy,
            "tuning": tuning, "threads": threads,
            "workspace_limit": workspace_limit, "products": products}
        # Workspaces that no execution uses now; taking one out of a list and
        # putting it back are atomic.
        self._spaces = []

    # Read only: executions trust them with memory.
    result_sizes = property(
        operator.attrgetter("_result_sizes"), doc="Four integers.")
    dtype = property(operator.attrgetter("_dtype"), doc="Its name.")
    algorithm = property(
        operator.attrgetter("_algorithm"), doc="What was taken, never auto.")
    workspace_size = property(
        operator.attrgetter("_workspace_size"), doc="In bytes.")

    # What an object of a subclass has beside these goes into a pickle too.
    _ours = (
        "_handle", "_result_sizes", "_dtype", "_algorithm", "_workspace_size",
        "_shapes", "_arguments", "_spaces")

    def __getstate__(self):
        return self._arguments, {
            name: value for name, value in vars(self).items()
            if name not in self._ours}

    def __setstate__(self, state):
        arguments, others = state
        _Plan.__init__(self, **arguments)
        vars(self).update(others)

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
        _arrays.expect(operand, name, self._shapes[index], self._dtype)
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
            out = _arrays.new_result(self._result_sizes, second)
        result = _arrays.view_of_result(out, self._result_sizes, self._dtype)
        try:
            space, message = self._spaces.pop()
        except IndexError:
            space = ctypes.create_string_buffer(max(1, self._workspace_size))
            message = ctypes.create_string_buffer(MESSAGE_SIZE)
        status = execute(
            self._handle, operand, second.address, result.address, space,
            self._workspace_size, message, MESSAGE_SIZE)
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
        return PreparedFilter._of(handle.value)


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

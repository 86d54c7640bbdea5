"""TensorFlow's functions, with their arguments and their errors.

Where TensorFlow raises an InvalidArgumentError of its own, these raise a
ValueError. `use_cudnn_on_gpu` and `name` have no meaning here.
"""

import functools

from . import _arguments, _arrays
from ._arguments import integers
from .plans import FilterGradientPlan, ForwardPlan, InputGradientPlan


@functools.lru_cache(maxsize=128)
def _plan(kind, *sizes, **arguments):
    return kind(*sizes, **arguments)


def _run(
        kind, first, second, names, sizes, *, strides, padding, data_format,
        dilations):
    """Plans, or takes the plan of an earlier call, and executes.

    sizes: of the three tensors, from the shapes of the operands.
    """
    first = _arrays.view(first, names[0])
    second = _arrays.view(second, names[1])
    if first.dtype != second.dtype:
        raise TypeError(
            f"{names[1]} is of {second.dtype}, which does not match "
            f"{first.dtype} of {names[0]}")
    padding, pads = _arguments.padding(padding)
    if pads:
        padding = tuple(zip(pads[::2], pads[1::2]))
    plan = _plan(
        kind, *sizes(first.shape, second.shape), strides=tuple(strides),
        padding=padding, data_format=data_format, dilations=tuple(dilations),
        dtype=first.dtype)
    return plan._execute_views(first, second)


def _list(values, name, op):
    if not isinstance(values, (list, tuple)):
        raise TypeError(
            f"Expected list for '{name}' argument to '{op}' Op, not "
            f"{values!r}.")
    return integers(values, name)


def _sequence(values, name, data_format):
    """One number, two or four, as four in the order of the data format."""
    if values is None:
        values = [1]
    elif not hasattr(values, "__len__"):
        values = [values]
    values = integers(values, name)
    if len(values) == 4:
        return values
    if len(values) not in (1, 2):
        raise ValueError(
            f"{name} should be of length 1, 2 or 4 but was {len(values)}")
    image = values if len(values) == 2 else values * 2
    return [1, 1, *image] if data_format == "NCHW" else [1, *image, 1]


def conv2d_backprop_input(
        input_sizes, filter=None, out_backprop=None, strides=None,
        padding=None, use_cudnn_on_gpu=True, data_format="NHWC",
        dilations=[1, 1, 1, 1], name=None, filters=None):
    """The gradient of a 2-D convolution with respect to its input.

    input_sizes: the shape of the result, four integers in the order of
    data_format, or two: height and width. filter, or filters:
    [kh, kw, Cin / groups, Cout]. out_backprop: in the order of data_format.
    strides, dilations: four integers. padding: "SAME", "VALID" or four pairs.

    Returns an array of the operands' type: a PyTorch tensor if out_backprop is
    one, else of NumPy.
    """
    if filters is not None:
        if filter is not None:
            raise ValueError("Cannot specify both 'filter' and 'filters'")
        filter = filters
    for value, argument in [(filter, "filter"), (out_backprop, "out_backprop")]:
        if value is None:
            raise ValueError(f"{argument} is missing")
    sizes = tuple(integers(input_sizes, "input_sizes"))
    op = "conv2d_backprop_input"
    return _run(
        InputGradientPlan, filter, out_backprop, ("filter", "out_backprop"),
        lambda first, second: (sizes, first, second),
        strides=_list(strides, "strides", op), padding=padding,
        data_format=_arguments.data_format(data_format),
        dilations=[1] * 4 if dilations is None
        else _list(dilations, "dilations", op))


def conv2d_transpose(
        input, filters, output_shape, strides, padding="SAME",
        data_format="NHWC", dilations=None, name=None):
    """The transposed convolution: the same map as conv2d_backprop_input.

    input: in the order of data_format. filters:
    [kh, kw, channels out / groups, channels in]. output_shape: four integers,
    or two. strides, dilations: one integer, two or four.

    Returns a PyTorch tensor if input is one, else an array of NumPy's.
    """
    sizes = tuple(integers(output_shape, "output_shape"))
    data_format = _arguments.data_format(data_format)
    return _run(
        InputGradientPlan, filters, input, ("filters", "input"),
        lambda first, second: (sizes, first, second),
        strides=_sequence(strides, "strides", data_format), padding=padding,
        data_format=data_format,
        dilations=_sequence(dilations, "dilations", data_format))


def conv2d(
        input, filters, strides, padding, data_format="NHWC", dilations=None,
        name=None):
    """The 2-D convolution.

    input: in the order of data_format. filters: [kh, kw, Cin / groups, Cout].
    strides, dilations: one integer, two or four.

    Returns a PyTorch tensor if input is one, else an array of NumPy's.
    """
    data_format = _arguments.data_format(data_format)
    return _run(
        ForwardPlan, filters, input, ("filters", "input"),
        lambda first, second: (second, first),
        strides=_sequence(strides, "strides", data_format), padding=padding,
        data_format=data_format,
        dilations=_sequence(dilations, "dilations", data_format))


def conv2d_backprop_filter(
        input, filter_sizes, out_backprop, strides, padding,
        use_cudnn_on_gpu=True, data_format="NHWC", dilations=[1, 1, 1, 1],
        name=None):
    """The gradient of a 2-D convolution with respect to its filter.

    input, out_backprop: in the order of data_format. filter_sizes:
    [kh, kw, Cin / groups, Cout]. strides, dilations: four integers.

    Returns a PyTorch tensor if out_backprop is one, else an array of NumPy's.
    """
    sizes = tuple(integers(filter_sizes, "filter_sizes"))
    op = "conv2d_backprop_filter"
    return _run(
        FilterGradientPlan, input, out_backprop, ("input", "out_backprop"),
        lambda first, second: (first, sizes, second),
        strides=_list(strides, "strides", op), padding=padding,
        data_format=_arguments.data_format(data_format),
        dilations=[1] * 4 if dilations is None
        else _list(dilations, "dilations", op))

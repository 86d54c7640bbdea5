"""The sizes that an input may have."""

import ctypes

from . import _arguments
from ._library import MESSAGE_SIZE, PADDINGS, check, fitting, library


def legal_input_sizes(
        output_size, kernel_size, stride=1, dilation=1, *, padding,
        dimension=1):
    """The input sizes, along one axis, for which the convolution has
    `output_size` windows; who asks for an input gradient has to pick one.

    output_size: size of out_backprop along the axis, at least 0. kernel_size,
    stride, dilation: at least 1; a dilation of 1 is a dense kernel. padding:
    "SAME", "VALID" or four pairs, of which that at `dimension` is used, the
    index of the axis in the order of the data format.

    Returns a range, empty where there is none. Raises ValueError for a number
    outside its range.
    """
    padding, pads = _arguments.padding(padding)
    dimension, *numbers = _arguments.integers(
        (dimension, output_size, kernel_size, stride, dilation),
        "the numbers of an axis")
    if not 0 <= dimension < 4:
        raise ValueError(f"dimension must be 0 to 3, got {dimension}")
    numbers += [PADDINGS[padding], *(pads[2 * dimension:][:2] or (0, 0))]
    sizes = (ctypes.c_int64 * 2)()
    message = ctypes.create_string_buffer(MESSAGE_SIZE)
    check(
        library.conv_legal_input_sizes(
            *fitting(numbers), sizes, message, MESSAGE_SIZE), message)
    return range(sizes[0], sizes[1] + 1)

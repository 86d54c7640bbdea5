"""Arguments that are no arrays: names, lists of numbers, padding, types."""

import operator

from ._library import DATA_FORMATS, PADDINGS, TYPES

_PAIRS = (
    "four pairs of before and after, one for each dimension in the order of "
    "data_format, such as [[0, 0], [1, 1], [1, 1], [0, 0]] for NHWC")


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


def data_format(value):
    """"NHWC" or "NCHW", from these names in any case; None is the first."""
    if value is None:
        return "NHWC"
    if isinstance(value, str):
        value = str(value).upper()
    choice(value, "data_format", DATA_FORMATS)
    return value


def padding(value):
    """TensorFlow's padding: a name in any case, or pairs for four dimensions.

    Returns the name, "EXPLICIT" for pairs, and the numbers of the pairs.
    """
    if isinstance(value, str):
        name = str(value).upper()
        if name not in PADDINGS or name == "EXPLICIT":
            raise ValueError(
                f"padding is {value!r}; it must be 'SAME', 'VALID' or {_PAIRS}")
        return name, []
    try:
        pairs = list(value)
    except TypeError:
        raise TypeError(
            f"padding must be 'SAME', 'VALID' or {_PAIRS}, got {value!r}"
        ) from None
    numbers = []
    for index, pair in enumerate(pairs):
        numbers_of_pair = (
            integers(pair, "padding") if hasattr(pair, "__len__") else [])
        if len(numbers_of_pair) != 2:
            raise ValueError(
                "each element of padding must be a list or tuple of two "
                f"integers, got {pair!r} at index {index} of {value!r}; "
                f"it must be 'SAME', 'VALID' or {_PAIRS}")
        numbers += numbers_of_pair
    if len(pairs) != 4:
        raise ValueError(
            f"padding must have four elements, got {len(pairs)}: {value!r}; "
            f"it must be 'SAME', 'VALID' or {_PAIRS}")
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

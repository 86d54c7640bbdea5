"""2-D convolutions and their gradients on CPUs, on OpenBLAS.

The functions have TensorFlow's names and arguments; the plans are for repeated
use. Operands are NumPy arrays (float16, float32, float64, and bfloat16 of
ml_dtypes) or anything with DLPack on a CPU, such as PyTorch's tensors. The
result is of PyTorch if out_backprop is, or in conv2d and conv2d_transpose
input; else it is of NumPy. Contiguous data is never copied.
"""

from ._library import version as __version__
from .ops import (
    conv2d, conv2d_backprop_filter, conv2d_backprop_input, conv2d_transpose)
from .plans import (
    FilterGradientPlan, ForwardPlan, InputGradientPlan, PreparedFilter)
from .sizes import legal_input_sizes

__all__ = [
    "FilterGradientPlan", "ForwardPlan", "InputGradientPlan", "PreparedFilter",
    "conv2d", "conv2d_backprop_filter", "conv2d_backprop_input",
    "conv2d_transpose", "legal_input_sizes",
]

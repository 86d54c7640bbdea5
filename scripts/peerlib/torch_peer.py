"""PyTorch: ATen's convolution, and its backward for one gradient alone."""

import numpy as np
import torch

from peerlib.worker import Execution, Peer, Unsupported, fastest

TYPES = {
    "f16": torch.float16, "bf16": torch.bfloat16, "f32": torch.float32,
    "f64": torch.float64,
}


def attributes(problem):
    """What ATen's convolutions take after the bias of none."""
    if not all(axis.is_symmetric for axis in problem.axes):
        raise Unsupported("asymmetric padding")
    return (problem.each("stride"), problem.each("before"),
            problem.each("dilation"), False, [0, 0], problem.groups)


def nhwc(value):
    """NumPy's array of a result in NCHW."""
    return to_numpy(value.permute(0, 2, 3, 1))


def hwio(value):
    """NumPy's array of a result in OIHW."""
    return to_numpy(value.permute(2, 3, 1, 0))


def to_numpy(value):
    return (value if value.dtype == torch.float64 else value.float()).numpy()


def padded(problem, input):
    pads = [(axis.before, axis.after) for axis in problem.axes]
    return np.pad(input, [(0, 0), *pads, (0, 0)])


def can_prepare(dtype):
    """Whether oneDNN has the type on this CPU."""
    return torch.backends.mkldnn.is_available() and {
        "f32": True, "f64": False,
        "bf16": torch.ops.mkldnn._is_mkldnn_bf16_supported(),
        "f16": torch.ops.mkldnn._is_mkldnn_fp16_supported(),
    }[dtype]


class TorchPeer(Peer):
    memory_format = torch.contiguous_format

    def __init__(self, threads):
        super().__init__(threads)
        torch.set_num_threads(threads)
        torch.set_num_interop_threads(1)
        torch.set_grad_enabled(False)

    def image(self, array, dtype):
        return self._tensor(array.transpose(0, 3, 1, 2), dtype)

    def filter(self, array, dtype):
        return self._tensor(array.transpose(3, 2, 0, 1), dtype)

    def _tensor(self, array, dtype):
        return torch.from_numpy(array).to(TYPES[dtype]).contiguous(
            memory_format=self.memory_format)

    def forward(self, problem, dtype, filter, input):
        arguments = (self.image(input, dtype), self.filter(filter, dtype),
                     None, *attributes(problem))
        return Execution(
            lambda: torch.ops.aten.convolution(*arguments), nhwc)

    def input_gradient(self, problem, dtype, filter, out_backprop):
        arguments = (
            self.image(out_backprop, dtype),
            # Only its shape and format are read.
            self.image(np.zeros(problem.shapes["input"]), dtype),
            self.filter(filter, dtype), None, *attributes(problem),
            (True, False, False))
        return Execution(
            lambda: torch.ops.aten.convolution_backward(*arguments)[0], nhwc)

    def filter_gradient(self, problem, dtype, input, out_backprop):
        arguments = (
            self.image(out_backprop, dtype), self.image(input, dtype),
            # Only its shape and format are read.
            self.filter(np.zeros(problem.shapes["filter"]), dtype),
            None, *attributes(problem), (False, True, False))
        return Execution(
            lambda: torch.ops.aten.convolution_backward(*arguments)[1], hwio)


class ChannelsLastPeer(TorchPeer):
    memory_format = torch.channels_last

    def forward(self, problem, dtype, filter, input):
        plain = super().forward(problem, dtype, filter, input)
        if not can_prepare(dtype):
            return plain
        return fastest([plain, self._prepared(problem, dtype, filter, input)])

    def _prepared(self, problem, dtype, filter, input):
        """What torch.compile makes of a frozen model: the filter's layout is
        the one that oneDNN likes best."""
        image = self.image(input, dtype)
        options = (problem.each("before"), problem.each("stride"),
                   problem.each("dilation"), problem.groups)
        weights = torch._C._nn.mkldnn_reorder_conv2d_weight(
            self.filter(filter, dtype).to_mkldnn(), *options, image.shape)
        return Execution(
            lambda: torch.ops.mkldnn._convolution_pointwise(
                image, weights, None, *options, "none", [], ""), nhwc)


class TruthPeer(TorchPeer):
    """In float64, with the pads as pixels of the input: any pads work."""

    def forward(self, problem, dtype, filter, input):
        return super().forward(
            problem.padded, "f64", filter, padded(problem, input))

    def input_gradient(self, problem, dtype, filter, out_backprop):
        execution = super().input_gradient(
            problem.padded, "f64", filter, out_backprop)
        height, width = (
            slice(axis.before, axis.before + axis.input)
            for axis in problem.axes)
        return Execution(
            execution.run,
            lambda value: execution.result(value)[:, height, width])

    def filter_gradient(self, problem, dtype, input, out_backprop):
        return super().filter_gradient(
            problem.padded, "f64", padded(problem, input), out_backprop)

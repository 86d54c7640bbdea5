"""PyTorch: ATen's convolution_backward, for the input alone."""

import torch

from peerlib.worker import Execution, Peer, Unsupported

TYPES = {
    "f16": torch.float16, "bf16": torch.bfloat16, "f32": torch.float32,
    "f64": torch.float64,
}


def backward(out_backprop, input, filter, problem, pads):
    return torch.ops.aten.convolution_backward(
        out_backprop, input, filter, None, problem.each("stride"), pads,
        problem.each("dilation"), False, [0, 0], problem.groups,
        (True, False, False))[0]


def from_nhwc(array, dtype, memory_format=torch.contiguous_format):
    return torch.from_numpy(array.transpose(0, 3, 1, 2)).to(dtype).contiguous(
        memory_format=memory_format)


def from_hwio(array, dtype, memory_format=torch.contiguous_format):
    return torch.from_numpy(array.transpose(3, 2, 0, 1)).to(dtype).contiguous(
        memory_format=memory_format)


class TorchPeer(Peer):
    memory_format = torch.contiguous_format

    def __init__(self, threads):
        super().__init__(threads)
        torch.set_num_threads(threads)
        torch.set_num_interop_threads(1)
        torch.set_grad_enabled(False)

    def load(self, problem, dtype, filter, out_backprop):
        if not all(axis.is_symmetric for axis in problem.axes):
            raise Unsupported("asymmetric padding")
        dtype = TYPES[dtype]
        pads = problem.each("before")
        gradient = from_nhwc(out_backprop, dtype, self.memory_format)
        weights = from_hwio(filter, dtype, self.memory_format)
        # Only its shape and format are read.
        input = torch.zeros(
            (problem.batch, problem.cin, *problem.each("input")), dtype=dtype
        ).contiguous(memory_format=self.memory_format)

        def run():
            return backward(gradient, input, weights, problem, pads)

        def result(value):
            value = value.permute(0, 2, 3, 1)
            return (value if value.dtype == torch.float64
                    else value.float()).numpy()

        return Execution(run, result)


class ChannelsLastPeer(TorchPeer):
    memory_format = torch.channels_last


class TruthPeer(TorchPeer):
    """The gradient in float64, by padding the input itself: any pads work."""

    def load(self, problem, dtype, filter, out_backprop):
        gradient = from_nhwc(out_backprop, torch.float64)
        weights = from_hwio(filter, torch.float64)
        sizes = [axis.input + axis.before + axis.after for axis in problem.axes]
        input = torch.zeros(
            (problem.batch, problem.cin, *sizes), dtype=torch.float64)
        height, width = (
            slice(axis.before, axis.before + axis.input)
            for axis in problem.axes)

        def run():
            return backward(gradient, input, weights, problem, [0, 0])

        return Execution(
            run, lambda value: value[:, :, height, width].permute(
                0, 2, 3, 1).numpy())

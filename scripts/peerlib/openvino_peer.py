"""OpenVINO: its convolutions, forward and back, the filter a constant.

Its operations are in NCHW. Where a graph transposes from NHWC and back,
kernels that compute in NHWC spare the copies; the faster of both counts.
"""

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from peerlib.worker import Execution, Peer, Unsupported, fastest

TYPES = {"f16": ov.Type.f16, "bf16": ov.Type.bf16, "f32": ov.Type.f32}

# Where the dimensions come from.
TO_NCHW = 0, 3, 1, 2
TO_NHWC = 0, 2, 3, 1


def tensor(array, element_type):
    """A tensor of the values, whatever NumPy thinks of the type."""
    tensor = ov.Tensor(element_type, ov.Shape(array.shape))
    if element_type == ov.Type.bf16:
        bits = np.ascontiguousarray(array, np.float32).view(np.uint32)
        tensor.data.view(np.uint16)[...] = bits >> 16
    else:
        tensor.data[...] = array
    return tensor


def to_numpy(value):
    """The inverse."""
    data = value.data
    if value.element_type == ov.Type.bf16:
        bits = data.view(np.uint16).astype(np.uint32) << 16
        data = bits.view(np.float32)
    return data


def weights(problem, filter):
    """OIHW of HWIO, and with groups GOIHW."""
    filter = filter.transpose(3, 2, 0, 1)
    if problem.groups == 1:
        return filter
    return filter.reshape(
        problem.groups, problem.cout // problem.groups, *filter.shape[1:])


def transposed(node, places):
    return ops.transpose(node, np.array(places))


class OpenVINOPeer(Peer):
    def __init__(self, threads):
        super().__init__(threads)
        self.core = ov.Core()

    def forward(self, problem, dtype, filter, input):
        return self._fastest(
            ops.convolution if problem.groups == 1 else ops.group_convolution,
            problem, dtype, filter, input)

    def input_gradient(self, problem, dtype, filter, out_backprop):
        return self._fastest(
            ops.convolution_backprop_data if problem.groups == 1
            else ops.group_convolution_backprop_data,
            problem, dtype, filter, out_backprop,
            output_padding=problem.each("unreached"))

    def _fastest(self, operation, problem, dtype, filter, image,
                 **attributes):
        if dtype not in TYPES:
            raise Unsupported(f"no {dtype}")
        constant = ops.constant(
            tensor(weights(problem, filter), TYPES[dtype]))

        def convolved(node):
            return operation(
                node, constant, strides=problem.each("stride"),
                pads_begin=problem.each("before"),
                pads_end=problem.each("after"),
                dilations=problem.each("dilation"), **attributes)

        return fastest([
            self._execution(
                convolved, dtype, image.transpose(TO_NCHW),
                lambda value: to_numpy(value).transpose(TO_NHWC)),
            self._execution(
                lambda node: transposed(
                    convolved(transposed(node, TO_NCHW)), TO_NHWC),
                dtype, image, to_numpy),
        ])

    def _execution(self, function, dtype, image, result):
        source = tensor(image, TYPES[dtype])
        data = ops.parameter(source.shape, TYPES[dtype])
        model = ov.Model([function(data)], [data])
        compiled = self.core.compile_model(model, "CPU", {
            "INFERENCE_PRECISION_HINT": dtype,
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
            "INFERENCE_NUM_THREADS": self.threads,
            # The process has its cores already.
            "ENABLE_CPU_PINNING": False,
        })
        target = ov.Tensor(TYPES[dtype], compiled.output(0).shape)
        request = compiled.create_infer_request()
        request.set_input_tensor(source)
        request.set_output_tensor(target)

        def run():
            request.infer(share_outputs=True)
            return target

        return Execution(run, result)

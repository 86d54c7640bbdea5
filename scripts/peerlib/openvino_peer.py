"""OpenVINO: ConvolutionBackpropData, NCHW, the filter a constant."""

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from peerlib.worker import Execution, Peer, Unsupported

TYPES = {"f16": ov.Type.f16, "bf16": ov.Type.bf16, "f32": ov.Type.f32}


def tensor(array, element_type):
    """A tensor of the values, whatever NumPy thinks of the type."""
    tensor = ov.Tensor(element_type, ov.Shape(array.shape))
    if element_type == ov.Type.bf16:
        bits = np.ascontiguousarray(array, np.float32).view(np.uint32)
        tensor.data.view(np.uint16)[...] = bits >> 16
    else:
        tensor.data[...] = array
    return tensor


class OpenVINOPeer(Peer):
    def __init__(self, threads):
        super().__init__(threads)
        self.core = ov.Core()

    def input_gradient(self, problem, dtype, filter, out_backprop):
        if dtype not in TYPES:
            raise Unsupported(f"no {dtype}")
        element_type = TYPES[dtype]
        model = self.model(problem, filter, element_type)
        compiled = self.core.compile_model(model, "CPU", {
            "INFERENCE_PRECISION_HINT": dtype,
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
            "INFERENCE_NUM_THREADS": self.threads,
            # The process has its cores already.
            "ENABLE_CPU_PINNING": False,
        })
        request = compiled.create_infer_request()
        gradient = tensor(out_backprop.transpose(0, 3, 1, 2), element_type)
        output = ov.Tensor(
            element_type, ov.Shape(
                [problem.batch, problem.cin, *problem.each("input")]))
        request.set_input_tensor(gradient)
        request.set_output_tensor(output)

        def run():
            request.infer(share_outputs=True)
            return output

        def result(value):
            data = value.data
            if element_type == ov.Type.bf16:
                bits = data.view(np.uint16).astype(np.uint32) << 16
                data = bits.view(np.float32)
            return data.transpose(0, 2, 3, 1)

        return Execution(run, result)

    def model(self, problem, filter, element_type):
        data = ops.parameter(
            [problem.batch, problem.cout, *problem.each("output")],
            element_type)
        weights = filter.transpose(3, 2, 0, 1)
        operation = ops.convolution_backprop_data
        if problem.groups > 1:
            operation = ops.group_convolution_backprop_data
            weights = weights.reshape(
                problem.groups, problem.cout // problem.groups,
                *weights.shape[1:])
        node = operation(
            data, ops.constant(tensor(weights, element_type)),
            strides=problem.each("stride"),
            pads_begin=problem.each("before"),
            pads_end=problem.each("after"),
            dilations=problem.each("dilation"),
            output_padding=problem.each("unreached"))
        return ov.Model([node], [data])

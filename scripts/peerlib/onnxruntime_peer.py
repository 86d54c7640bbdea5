"""ONNX Runtime: Conv and ConvTranspose, NCHW, the filter an initializer."""

import numpy as np
import onnxruntime
from onnx import helper, numpy_helper

from peerlib.worker import Execution, Peer, Unsupported

TYPES = {"f16": np.float16, "f32": np.float32, "f64": np.float64}


def nchw(array, numpy_type):
    return np.ascontiguousarray(array.transpose(0, 3, 1, 2), numpy_type)


def model(operation, problem, filter, image, result, attributes):
    """A graph of one operation, for arrays as ONNX has them."""
    element_type = helper.np_dtype_to_tensor_dtype(image.dtype)
    node = helper.make_node(
        operation, ["image", "filter"], ["result"],
        strides=problem.each("stride"), dilations=problem.each("dilation"),
        kernel_shape=problem.each("kernel"), group=problem.groups,
        pads=problem.each("before") + problem.each("after"), **attributes)
    graph = helper.make_graph(
        [node], "graph",
        [helper.make_tensor_value_info("image", element_type, image.shape)],
        [helper.make_tensor_value_info("result", element_type, result.shape)],
        [numpy_helper.from_array(filter, "filter")])
    # Of a format that not only the newest runtime reads.
    return helper.make_model(
        graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])


class ONNXRuntimePeer(Peer):
    def forward(self, problem, dtype, filter, input):
        return self._execution(
            "Conv", problem, dtype, filter, input, "output")

    def input_gradient(self, problem, dtype, filter, out_backprop):
        return self._execution(
            "ConvTranspose", problem, dtype, filter, out_backprop, "input",
            output_padding=problem.each("unreached"))

    def _execution(self, operation, problem, dtype, filter, image, result,
                   **attributes):
        if dtype not in TYPES:
            raise Unsupported(f"no {dtype}")
        numpy_type = TYPES[dtype]
        filter = np.ascontiguousarray(
            filter.transpose(3, 2, 0, 1), numpy_type)
        image = nchw(image, numpy_type)
        result = nchw(np.zeros(problem.shapes[result]), numpy_type)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(
            model(operation, problem, filter, image, result, attributes)
            .SerializeToString(),
            options, providers=["CPUExecutionProvider"])
        source, target = (
            onnxruntime.OrtValue.ortvalue_from_numpy(array)
            for array in (image, result))
        binding = session.io_binding()
        binding.bind_ortvalue_input("image", source)
        binding.bind_ortvalue_output("result", target)

        def run():
            session.run_with_iobinding(binding)
            return target

        return Execution(
            run, lambda value: value.numpy().transpose(0, 2, 3, 1))

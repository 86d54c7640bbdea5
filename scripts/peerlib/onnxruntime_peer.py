"""ONNX Runtime: ConvTranspose, NCHW, the filter an initializer."""

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from peerlib.worker import Execution, Peer, Unsupported

TYPES = {
    "f16": (TensorProto.FLOAT16, np.float16),
    "f32": (TensorProto.FLOAT, np.float32),
    "f64": (TensorProto.DOUBLE, np.float64),
}


class ONNXRuntimePeer(Peer):
    def input_gradient(self, problem, dtype, filter, out_backprop):
        if dtype not in TYPES:
            raise Unsupported(f"no {dtype}")
        element_type, numpy_type = TYPES[dtype]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        model = self.model(problem, filter.astype(numpy_type), element_type)
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), options,
            providers=["CPUExecutionProvider"])
        gradient, output = (
            onnxruntime.OrtValue.ortvalue_from_numpy(array) for array in (
                np.ascontiguousarray(
                    out_backprop.transpose(0, 3, 1, 2), numpy_type),
                np.zeros(self.result_shape(problem), numpy_type)))
        binding = session.io_binding()
        binding.bind_ortvalue_input("dy", gradient)
        binding.bind_ortvalue_output("dx", output)

        def run():
            session.run_with_iobinding(binding)
            return output

        return Execution(
            run, lambda value: value.numpy().transpose(0, 2, 3, 1))

    def result_shape(self, problem):
        return [problem.batch, problem.cin, *problem.each("input")]

    def model(self, problem, filter, element_type):
        node = helper.make_node(
            "ConvTranspose", ["dy", "w"], ["dx"],
            strides=problem.each("stride"), dilations=problem.each("dilation"),
            kernel_shape=problem.each("kernel"), group=problem.groups,
            pads=problem.each("before") + problem.each("after"),
            output_padding=problem.each("unreached"))
        shape = [problem.batch, problem.cout, *problem.each("output")]
        graph = helper.make_graph(
            [node], "gradient",
            [helper.make_tensor_value_info("dy", element_type, shape)],
            [helper.make_tensor_value_info(
                "dx", element_type, self.result_shape(problem))],
            [numpy_helper.from_array(
                np.ascontiguousarray(filter.transpose(3, 2, 0, 1)), "w")])
        # Of a format that not only the newest runtime reads.
        return helper.make_model(
            graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])

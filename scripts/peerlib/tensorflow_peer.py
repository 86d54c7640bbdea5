"""TensorFlow: Conv2DBackpropInput and its depthwise sister, in NHWC.

Whether oneDNN serves them is decided by the environment, before the import.
"""

import tensorflow as tf

from peerlib.worker import Execution, Peer, Unsupported, fastest

TYPES = {
    "f16": tf.float16, "bf16": tf.bfloat16, "f32": tf.float32,
    "f64": tf.float64,
}


def padding(problem):
    """TensorFlow's word for the pads, or the pads themselves."""
    if not any(problem.each("before") + problem.each("after")):
        return {"padding": "VALID"}
    if all(is_same(axis) for axis in problem.axes):
        return {"padding": "SAME"}
    pads = [pad for axis in problem.axes for pad in (axis.before, axis.after)]
    return {"padding": "EXPLICIT", "explicit_paddings": [0, 0, *pads, 0, 0]}


def is_same(axis):
    need = max(0, axis.covered - axis.input)
    return (axis.output == -(-axis.input // axis.stride)
            and axis.before == need // 2)


class TensorFlowPeer(Peer):
    def __init__(self, threads):
        super().__init__(threads)
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)

    def load(self, problem, dtype, filter, out_backprop):
        dtype = TYPES[dtype]
        attributes = {
            "strides": [1, *problem.each("stride"), 1],
            "dilations": [1, *problem.each("dilation"), 1],
        } | padding(problem)
        sizes = tf.constant(problem.result_shape, tf.int32)
        if problem.is_depthwise:
            operation = tf.raw_ops.DepthwiseConv2dNativeBackpropInput
            filter = filter.transpose(0, 1, 3, 2)
        elif problem.groups > 1:
            raise Unsupported("groups")
        else:
            operation = tf.raw_ops.Conv2DBackpropInput
        weights = tf.cast(tf.constant(filter), dtype)
        gradient = tf.cast(tf.constant(out_backprop), dtype)

        def compute(weights, gradient):
            return operation(
                input_sizes=sizes, filter=weights, out_backprop=gradient,
                **attributes)

        def result(value):
            return (value if dtype == tf.float64
                    else tf.cast(value, tf.float32)).numpy()

        graph = tf.function(compute).get_concrete_function(weights, gradient)
        return fastest(
            Execution(lambda function=function: function(weights, gradient),
                      result)
            for function in (compute, graph))

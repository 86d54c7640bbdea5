"""TensorFlow: Conv2D and its gradients, and the depthwise ones, in NHWC.

Whether oneDNN serves them is decided by the environment, before the import.
"""

import tensorflow as tf

from peerlib.worker import Execution, Peer, fastest

TYPES = {
    "f16": tf.float16, "bf16": tf.bfloat16, "f32": tf.float32,
    "f64": tf.float64,
}


def attributes(problem):
    return {
        "strides": [1, *problem.each("stride"), 1],
        "dilations": [1, *problem.each("dilation"), 1],
    } | padding(problem)


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


def depthwise(filter):
    """The filter of a depthwise problem as TensorFlow has it."""
    return filter.transpose(0, 1, 3, 2)


def tensor(array, dtype):
    return tf.cast(tf.constant(array), TYPES[dtype])


def to_numpy(value):
    return (value if value.dtype == tf.float64
            else tf.cast(value, tf.float32)).numpy()


def eager(compute, *operands):
    return Execution(lambda: compute(*operands), to_numpy)


def graph(compute, *operands):
    return eager(
        tf.function(compute).get_concrete_function(*operands), *operands)


def ways(compute, *operands):
    return [eager(compute, *operands), graph(compute, *operands)]


class TensorFlowPeer(Peer):
    def __init__(self, threads):
        super().__init__(threads)
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)

    def forward(self, problem, dtype, filter, input):
        operation = tf.raw_ops.Conv2D
        if problem.is_depthwise:
            operation = tf.raw_ops.DepthwiseConv2dNative
            filter = depthwise(filter)
        options = attributes(problem)

        def compute(input, filter):
            return operation(input=input, filter=filter, **options)

        def frozen(input):
            """oneDNN keeps the filter of a constant in its own layout."""
            return compute(input, tensor(filter, dtype))

        operands = tensor(input, dtype), tensor(filter, dtype)
        return fastest(
            [*ways(compute, *operands), graph(frozen, operands[0])])

    def input_gradient(self, problem, dtype, filter, out_backprop):
        operation = tf.raw_ops.Conv2DBackpropInput
        if problem.is_depthwise:
            operation = tf.raw_ops.DepthwiseConv2dNativeBackpropInput
            filter = depthwise(filter)
        sizes = tf.constant(problem.shapes["input"], tf.int32)
        options = attributes(problem)

        def compute(filter, out_backprop):
            return operation(
                input_sizes=sizes, filter=filter, out_backprop=out_backprop,
                **options)

        return fastest(ways(
            compute, tensor(filter, dtype), tensor(out_backprop, dtype)))

    def filter_gradient(self, problem, dtype, input, out_backprop):
        operation = tf.raw_ops.Conv2DBackpropFilter
        kh, kw, depth, channels = sizes = problem.shapes["filter"]
        if problem.is_depthwise:
            operation = tf.raw_ops.DepthwiseConv2dNativeBackpropFilter
            sizes = kh, kw, channels, depth
        sizes = tf.constant(sizes, tf.int32)
        options = attributes(problem)

        def compute(input, out_backprop):
            return operation(
                input=input, filter_sizes=sizes, out_backprop=out_backprop,
                **options)

        execution = fastest(ways(
            compute, tensor(input, dtype), tensor(out_backprop, dtype)))
        if problem.is_depthwise:
            return Execution(
                execution.run, lambda value: depthwise(to_numpy(value)))
        return execution

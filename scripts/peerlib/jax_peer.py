"""JAX: XLA's CPU back end, NHWC; the input's gradient is said in two ways."""

import jax
import jax.numpy as jnp
import numpy as np

from peerlib.worker import Execution, Peer, fastest

TYPES = {
    "f16": jnp.float16, "bf16": jnp.bfloat16, "f32": jnp.float32,
    "f64": jnp.float64,
}

NUMBERS = ("NHWC", "HWIO", "NHWC")


def convolution(problem):
    """The forward convolution of a filter and an input."""
    pads = [(axis.before, axis.after) for axis in problem.axes]

    def forward(filter, input):
        return jax.lax.conv_general_dilated(
            input, filter, problem.each("stride"), pads,
            rhs_dilation=problem.each("dilation"), dimension_numbers=NUMBERS,
            feature_group_count=problem.groups)

    return forward


def transpose(linear, shape, out_backprop):
    """The gradient of a linear function's argument, as jax.vjp makes it."""
    argument = jax.ShapeDtypeStruct(shape, out_backprop.dtype)
    return jax.linear_transpose(linear, argument)(out_backprop)[0]


def dilated(problem):
    """A convolution of the dilated gradient with a rotated filter."""
    pads = []
    for axis in problem.axes:
        before = axis.window - 1 - axis.before
        extent = (axis.output - 1) * axis.stride + 1
        pads.append(
            (before, axis.input - extent - before + axis.window - 1))

    def gradient(weights, out_backprop):
        return jax.lax.conv_general_dilated(
            out_backprop, weights, (1, 1), pads,
            lhs_dilation=problem.each("stride"),
            rhs_dilation=problem.each("dilation"),
            dimension_numbers=NUMBERS, feature_group_count=problem.groups)

    return gradient


def rotated(problem, filter):
    """The filter reversed, its channels exchanged within each group."""
    kh, kw, cin, cout = filter.shape
    depth = cout // problem.groups
    grouped = filter.reshape(kh, kw, cin, problem.groups, depth)
    return np.ascontiguousarray(
        grouped.transpose(0, 1, 4, 3, 2).reshape(
            kh, kw, depth, problem.cin)[::-1, ::-1])


def execution(function, dtype, *operands):
    function = jax.jit(function)
    operands = [jnp.asarray(array, TYPES[dtype]) for array in operands]
    return Execution(
        lambda: function(*operands).block_until_ready(),
        lambda value: np.asarray(
            value if dtype == "f64" else value.astype(jnp.float32)))


class JaxPeer(Peer):
    def __init__(self, threads):
        super().__init__(threads)
        jax.config.update("jax_platforms", "cpu")
        jax.config.update("jax_enable_x64", True)

    def forward(self, problem, dtype, filter, input):
        return execution(convolution(problem), dtype, filter, input)

    def input_gradient(self, problem, dtype, filter, out_backprop):
        forward = convolution(problem)

        def transposed(filter, out_backprop):
            return transpose(
                lambda input: forward(filter, input), problem.shapes["input"],
                out_backprop)

        return fastest([
            execution(transposed, dtype, filter, out_backprop),
            execution(dilated(problem), dtype, rotated(problem, filter),
                      out_backprop),
        ])

    def filter_gradient(self, problem, dtype, input, out_backprop):
        forward = convolution(problem)

        def transposed(input, out_backprop):
            return transpose(
                lambda filter: forward(filter, input),
                problem.shapes["filter"], out_backprop)

        return execution(transposed, dtype, input, out_backprop)

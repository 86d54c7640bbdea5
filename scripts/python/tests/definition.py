"""The operations from their definition, in float64."""

import numpy as np


def pads(size, kernel, stride, dilation, padding, pair=None):
    """Padding before, and the size of the output."""
    covered = (kernel - 1) * dilation + 1
    if padding == "SAME":
        out = -(-size // stride)
        return max(0, (out - 1) * stride + covered - size) // 2, out
    before, after = pair or (0, 0)
    return before, int((size + before + after - covered + stride) / stride)


class Problem:
    """A convolution, its tensors in the order of a data format."""

    def __init__(
            self, image, kernel, channels, strides=(1, 1), dilations=(1, 1),
            padding="SAME", batch=2, groups=1, data_format="NHWC", seed=0,
            pairs=None):
        self.strides, self.dilations = strides, dilations
        self.data_format, self.groups = data_format, groups
        before, out = zip(*(
            pads(image[i], kernel[i], strides[i], dilations[i], padding,
                 pairs and pairs[i]) for i in range(2)))
        self.before = before
        cin, cout = channels
        self.filter_shape = (*kernel, cin // groups, cout)
        self.input_shape = self.order(batch, *image, cin)
        self.output_shape = self.order(batch, *out, cout)
        self.padding = (
            padding if pairs is None else self.order((0, 0), *pairs, (0, 0)))
        draw = np.random.default_rng(seed)
        self.input, self.filter, self.output = (
            draw.integers(-4, 5, shape).astype(np.float64) for shape in
            (self.input_shape, self.filter_shape, self.output_shape))

    def order(self, batch, height, width, channels):
        if self.data_format == "NHWC":
            return (batch, height, width, channels)
        return (batch, channels, height, width)

    def arguments(self):
        return {
            "strides": list(self.order(1, *self.strides, 1)),
            "dilations": list(self.order(1, *self.dilations, 1)),
            "padding": self.padding, "data_format": self.data_format}

    def _nhwc(self, array):
        return (array if self.data_format == "NHWC"
                else array.transpose(0, 2, 3, 1))

    def results(self):
        """The input gradient, the output, the filter gradient."""
        x, dy = self._nhwc(self.input), self._nhwc(self.output)
        dx, y = np.zeros_like(x), np.zeros_like(dy)
        dw = np.zeros_like(self.filter)
        kh, kw, cin, cout = self.filter_shape
        for group in range(self.groups):
            ins = slice(group * cin, (group + 1) * cin)
            outs = slice(
                group * cout // self.groups, (group + 1) * cout // self.groups)
            for oh in range(dy.shape[1]):
                for ow in range(dy.shape[2]):
                    for r in range(kh):
                        for c in range(kw):
                            v = (oh * self.strides[0] - self.before[0]
                                 + r * self.dilations[0])
                            u = (ow * self.strides[1] - self.before[1]
                                 + c * self.dilations[1])
                            if not (0 <= v < x.shape[1]
                                    and 0 <= u < x.shape[2]):
                                continue
                            w = self.filter[r, c, :, outs]
                            dx[:, v, u, ins] += dy[:, oh, ow, outs] @ w.T
                            y[:, oh, ow, outs] += x[:, v, u, ins] @ w
                            dw[r, c, :, outs] += (
                                x[:, v, u, ins].T @ dy[:, oh, ow, outs])
        if self.data_format == "NCHW":
            dx, y = (np.ascontiguousarray(array.transpose(0, 3, 1, 2))
                     for array in (dx, y))
        return dx, y, dw


PROBLEMS = [
    Problem((6, 5), (3, 3), (4, 8)),
    Problem((9, 8), (3, 2), (4, 6), (2, 3), padding="VALID"),
    Problem((7, 9), (3, 3), (6, 4), dilations=(2, 1), groups=2,
            data_format="NCHW"),
    Problem((8, 7), (4, 5), (3, 5), (2, 1), pairs=[(1, 2), (0, 3)],
            padding="EXPLICIT", data_format="NCHW"),
    Problem((5, 6), (1, 1), (16, 16), groups=16),
]

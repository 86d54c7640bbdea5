"""Problems: geometry, random data, types; shared by driver and workers."""

import dataclasses
import re

import numpy as np


@dataclasses.dataclass(frozen=True)
class Axis:
    """One image axis; `dilation` counts from 1, unlike the descriptor's."""

    input: int
    output: int
    kernel: int
    stride: int
    dilation: int
    before: int

    @property
    def window(self):
        return (self.kernel - 1) * self.dilation + 1

    @property
    def covered(self):
        """Extent of all windows, from the first padded pixel on."""
        return (self.output - 1) * self.stride + self.window

    @property
    def after(self):
        return max(0, self.covered - self.input - self.before)

    @property
    def unreached(self):
        """Pixels at the far end that no window covers."""
        return max(0, self.input + self.before - self.covered)

    @property
    def is_symmetric(self):
        """Whether one number for both pads gives the same windows."""
        size = self.input + 2 * self.before - self.window
        return size >= 0 and size // self.stride + 1 == self.output


@dataclasses.dataclass(frozen=True)
class Problem:
    """A descriptor as `convbench list` writes it: every number is there."""

    name: str
    descriptor: str
    groups: int
    batch: int
    cin: int
    cout: int
    h: Axis
    w: Axis

    @classmethod
    def parse(cls, text):
        descriptor, _, name = text.strip().partition('n"')
        numbers = {
            key: int(value)
            for key, value in re.findall(r"([a-z]+)(\d+)", descriptor)}

        def axis(letter):
            return Axis(
                input=numbers[f"i{letter}"], output=numbers[f"o{letter}"],
                kernel=numbers[f"k{letter}"], stride=numbers[f"s{letter}"],
                dilation=numbers[f"d{letter}"] + 1,
                before=numbers[f"p{letter}"])

        return cls(
            name=name.rstrip('"') or descriptor, descriptor=descriptor,
            groups=numbers.get("g", 1), batch=numbers["mb"],
            cin=numbers["ic"], cout=numbers["oc"], h=axis("h"), w=axis("w"))

    @property
    def axes(self):
        return self.h, self.w

    def each(self, attribute):
        """An attribute of height and width."""
        return [getattr(axis, attribute) for axis in self.axes]

    @property
    def is_depthwise(self):
        return self.groups == self.cin == self.cout and self.groups > 1

    @property
    def filter_shape(self):
        return (*self.each("kernel"), self.cin // self.groups, self.cout)

    @property
    def out_backprop_shape(self):
        return (self.batch, *self.each("output"), self.cout)

    @property
    def result_shape(self):
        return (self.batch, *self.each("input"), self.cin)

    @property
    def flops(self):
        """Nominal: windows over padding count."""
        return 2 * int(np.prod(self.out_backprop_shape)) * int(
            np.prod(self.filter_shape[:3]))

    def random_data(self, seed):
        """Filter and out_backprop in float64, NHWC."""
        rng = np.random.default_rng(seed)
        return (rng.standard_normal(self.filter_shape),
                rng.standard_normal(self.out_backprop_shape))


# What NumPy stores of a type; it has no bfloat16, whose bits are kept as <u2.
STORED = {"f16": "<f2", "f32": "<f4", "f64": "<f8", "bf16": "<u2"}


def to_stored(values, dtype):
    if dtype != "bf16":
        return values.astype(STORED[dtype])
    bits = values.astype(np.float32).view(np.uint32)
    rounded = bits + 0x7FFF + ((bits >> 16) & 1)
    return (rounded >> 16).astype("<u2")


def from_stored(values):
    """Numbers of NumPy's own types again."""
    if values.dtype != np.dtype("<u2"):
        return values
    return (values.astype(np.uint32) << 16).view(np.float32)

"""Problems: geometry, random data, types; shared by driver and workers."""

import dataclasses
import math
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
    def shapes(self):
        """By the name of a tensor: the filter's is HWIO, an image's NHWC."""
        output = (self.batch, *self.each("output"), self.cout)
        return {
            "filter": (
                *self.each("kernel"), self.cin // self.groups, self.cout),
            "input": (self.batch, *self.each("input"), self.cin),
            "output": output,
            "out_backprop": output,
        }

    @property
    def padded(self):
        """The same windows where the pads are pixels of the input."""
        h, w = (
            dataclasses.replace(
                axis, input=axis.before + axis.input + axis.after, before=0)
            for axis in self.axes)
        return dataclasses.replace(self, h=h, w=w)

    @property
    def flops(self):
        """Nominal, of every operation: windows over padding count."""
        return 2 * math.prod(self.shapes["output"]) * math.prod(
            self.shapes["filter"][:3])

    def random_data(self, names, seed):
        """Tensors of these names in float64."""
        rng = np.random.default_rng(seed)
        return {name: rng.standard_normal(self.shapes[name])
                for name in names}


def to_layout(array, name, layout):
    """A tensor in an order of the dimensions; a filter has but one."""
    if name == "filter" or layout == "nhwc":
        return array
    return np.ascontiguousarray(array.transpose(0, 3, 1, 2))


def from_layout(array, name, layout):
    """The inverse."""
    if name == "filter" or layout == "nhwc":
        return array
    return array.transpose(0, 2, 3, 1)


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

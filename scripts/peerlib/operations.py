"""The maps of a convolution that are compared, one in a run.

Only the standard library here: the driver's arguments are read with it.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Operation:
    """What a map takes and gives, as `Problem.shapes` names the tensors."""

    operands: tuple
    result: str


OPERATIONS = {
    "input-gradient": Operation(("filter", "out_backprop"), "input"),
    "forward": Operation(("filter", "input"), "output"),
    "filter-gradient": Operation(("input", "out_backprop"), "filter"),
}

DEFAULT = "input-gradient"

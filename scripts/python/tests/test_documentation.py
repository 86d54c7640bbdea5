"""The Python of the documentation's page runs."""

import pathlib
import re

import numpy as np

PAGE = (pathlib.Path(__file__).resolve().parents[3]
        / "Sources/Convolutions/Convolutions.docc/FromPython.md")


def test_page(capsys):
    first, plan, spawned, sizes, function = re.findall(
        r"```python\n(.*?)```", PAGE.read_text(), re.S)
    names = {"__name__": "__main__"}
    exec(first, names)
    printed, = re.findall(r"# (\[.*\])", first)
    assert capsys.readouterr().out.strip() == printed

    import ml_dtypes
    names["filter"] = np.ones((3, 3, 64, 64), ml_dtypes.bfloat16)
    names["dy"] = np.ones((8, 56, 56, 64), ml_dtypes.bfloat16)
    exec(plan, names)
    assert names["plan"].algorithm in capsys.readouterr().out
    assert names["dx"][0, 1, 1, 0] == 9 * 64

    names["dx"] = None
    exec(spawned, names)
    assert names["dx"][0, 1, 1, 0] == 9 * 64
    exec(sizes, names)
    printed, = re.findall(r"# (range.*)", sizes)
    assert capsys.readouterr().out.strip() == printed

    # The class stands in the example, with comments.
    example = PAGE.parents[3] / "scripts/python/examples/digits.py"
    lines = {line.strip() for line in example.read_text().split("\n")}
    assert all(line.strip() in lines for line in function.split("\n"))

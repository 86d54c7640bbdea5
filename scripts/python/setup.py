"""Puts the library that `swift build` made into the package.

    swift build -c release --product ConvolutionsC
    pip install scripts/python

CONVOLUTIONS_LIBRARY names another file.
"""

import os
import pathlib
import shutil

from setuptools import Distribution, setup
from setuptools.command.build_py import build_py

NAMES = ("libConvolutionsC.so", "libConvolutionsC.dylib")


def library():
    named = os.environ.get("CONVOLUTIONS_LIBRARY")
    build = pathlib.Path(__file__).resolve().parents[2] / ".build" / "release"
    paths = [pathlib.Path(named)] if named else [build / name for name in NAMES]
    for path in paths:
        if path.is_file():
            return path
    raise SystemExit(
        f"{' and '.join(map(str, paths))}: there is no such file; first: "
        "swift build -c release --product ConvolutionsC")


class BuildWithLibrary(build_py):
    def run(self):
        super().run()
        source = library()
        target = pathlib.Path(self.build_lib, "convolutions", source.name)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)


class Binary(Distribution):
    """A wheel of one platform."""

    def has_ext_modules(self):
        return True


setup(cmdclass={"build_py": BuildWithLibrary}, distclass=Binary)

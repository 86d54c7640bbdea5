"""Puts faults of the C kernels behind a switch: beside the tables of kernels that
the library picks from there is one a fault, of kernels with it."""

import pathlib
import shutil

FOLDER = pathlib.Path("Sources/CConvolutionKernels")
HEADER = FOLDER / "include" / "CConvolutionKernels.h"

SWITCH = """
// Whether the fault of this number is to be there.
extern int conv_planted;
static inline int conv_is_planted(int number) {
  return conv_planted == number;
}
"""

SELECTION = """\
#include <stdlib.h>
#include "CConvolutionKernels.h"
%s
int conv_planted;
// Behind the constructor of dispatch.c.
__attribute__((constructor)) static void choose(void) {
  const char *number = getenv("CONVOLUTIONS_PLANTED");
  conv_planted = number ? atoi(number) : 0;
  switch (conv_planted) {
%s
  }
}
"""


def plant(root, planted):
    """Writes the tables.

    planted: path, from `root`, and text of the file by the fault's number; of
    files in kernels/ alone."""
    folder = root / FOLDER
    isa = this_isa()
    source = (folder / f"{isa}.c").read_text()
    declarations, cases = [], []
    for number, (path, text) in planted.items():
        kernels = folder / f"kernels__{number}"
        shutil.copytree(folder / "kernels", kernels)
        (kernels / pathlib.Path(path).name).write_text(text)
        table = f"planted__{number}"
        (folder / f"{table}.c").write_text(
            source.replace(f"conv_kernels_{isa}", f"conv_kernels_{table}")
            .replace('"kernels/', f'"{kernels.name}/'))
        declarations.append(
            f"extern const struct conv_kernels conv_kernels_{table};")
        cases.append(
            f"  case {number}: conv_kernels = &conv_kernels_{table}; break;")
    (folder / "planted.c").write_text(
        SELECTION % ("\n".join(declarations), "\n".join(cases)))
    header = root / HEADER
    text = header.read_text()
    place = text.rindex("#endif")
    header.write_text(text[:place] + SWITCH.lstrip() + "\n" + text[place:])


def this_isa():
    """The best table of this processor."""
    try:
        flags = pathlib.Path("/proc/cpuinfo").read_text()
    except OSError:
        flags = ""
    return (
        "avx512" if "avx512bw" in flags else "avx2" if "avx2" in flags
        else "baseline")

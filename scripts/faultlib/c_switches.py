"""Puts faults of the C loops behind a switch: a file is compiled once as it is
and once a fault, its functions under other names, and the functions that the
library knows call those of one version."""

import functools
import pathlib
import re
import subprocess

FOLDER = pathlib.Path("Sources/CConvolutionKernels")
HEADER = FOLDER / "include" / "CConvolutionKernels.h"

SWITCH = """
// Whether the fault of this number is to be there.
extern int conv_planted;
static inline int conv_is_planted(int number) {
  return conv_planted == number;
}
"""

SELECTION = """
int conv_planted;
__attribute__((constructor)) static void choose(void) {
  const char *number = getenv("CONVOLUTIONS_PLANTED");
  conv_planted = number ? atoi(number) : 0;
  switch (conv_planted) {
%s
  }
}
"""


def plant(root, planted, clang):
    """Writes the files of all versions.

    planted: path, from `root`, and text of the file by the fault's number."""
    one_version(root / FOLDER / "dispatch.h")
    functions = declarations(root, clang)
    for number, (path, text) in planted.items():
        path = pathlib.Path(path)
        if path.suffix == ".c":
            write(root, path, text, number, functions)
            continue
        # A header: with every file that has it.
        other = f"{path.stem}__{number}.h"
        (root / FOLDER / other).write_text(text)
        for file in sorted((root / FOLDER).glob("*.c")):
            source = file.read_text()
            changed = source.replace(
                f'#include "{path.name}"', f'#include "{other}"')
            if changed != source and "__" not in file.name and (
                    code(root, changed, clang) != code(root, source, clang)):
                write(root, file.relative_to(root), changed, number, functions)
    for file in sorted((root / FOLDER).glob("*.c")):
        if "__" not in file.name:
            file.write_text(renamed(file.read_text(), 0, functions))
    (root / FOLDER / "planted.c").write_text(chooser(functions, planted))
    header = root / HEADER
    text = header.read_text()
    place = text.rindex("#endif")
    header.write_text(text[:place] + SWITCH.lstrip() + "\n" + text[place:])


def one_version(header):
    """Compiles for this CPU alone: a third of the work, and functions whose
    address is known before the loader has picked a version."""
    try:
        flags = pathlib.Path("/proc/cpuinfo").read_text()
    except OSError:
        flags = ""
    version = "-v4" if "avx512bw" in flags else "-v3" if "avx2" in flags else ""
    target = f'target("arch=x86-64{version}"),'
    header.write_text(re.sub(
        r"target_clones\([^)]*\),",
        lambda match: target.ljust(len(match.group())), header.read_text()))


@functools.cache
def code(root, text, clang):
    """What a file comes to, before it is optimised."""
    return subprocess.run(
        [clang, "-x", "c", "-S", "-emit-llvm", "-O0", "-Xclang",
         "-disable-llvm-passes", "-I", str(root / FOLDER), "-I",
         str(root / FOLDER / "include"), "-o", "-", "-"],
        input=text, check=True, stdout=subprocess.PIPE, text=True).stdout


def declarations(root, clang):
    """Result, name and parameters of each function of the header."""
    text = subprocess.run(
        [clang, "-E", "-P", str(root / HEADER)], check=True,
        stdout=subprocess.PIPE, text=True).stdout
    return re.findall(
        r"\b(void|int)\s+(conv_\w+)\s*\(([^)]*)\)\s*;", text)


def write(root, path, text, number, functions):
    file = root / path.with_name(f"{path.stem}__{number}.c")
    file.write_text(renamed(text, number, functions))


def renamed(text, number, functions):
    return "".join(
        f"#define {name} {name}__{number}\n" for _, name, _ in functions) + text


def chooser(functions, planted):
    lines = ["#include <stdlib.h>", '#include "CConvolutionKernels.h"']
    for result, name, parameters in functions:
        names = ", ".join(
            re.findall(r"(\w+)\s*(?:,|$)", parameters)
            if parameters != "void" else [])
        lines.append(f"{result} {name}__0({parameters});")
        lines += [
            f"__attribute__((weak)) {result} {name}__{number}({parameters});"
            for number in planted]
        lines.append(
            f"static {result} (*{name}_chosen)({parameters}) = {name}__0;")
        word = "return " if result == "int" else ""
        lines.append(
            f"{result} {name}({parameters}) "
            f"{{ {word}{name}_chosen({names}); }}")
    cases = []
    for number in planted:
        cases.append(f"  case {number}:")
        cases += [
            f"    if ({name}__{number}) {name}_chosen = {name}__{number};"
            for _, name, _ in functions]
        cases.append("    break;")
    return "\n".join(lines) + "\n" + SELECTION % "\n".join(cases)

#!/usr/bin/env python3
"""Looks at the compiled inner loops of the products with panels.

Compiles the C kernels as a release build does, and in each block of sums finds
the loops that multiply. Fails where one of them touches the stack, converts or
moves single numbers, or has fewer or more multiply-adds than its block's rows and
panels come to: then the compiler has spilled or not unrolled.

    scripts/inner_loops.py            what is wrong
    scripts/inner_loops.py --all      a line a block
"""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDER = ROOT / "Sources" / "CConvolutionKernels"
# Bytes of a vector, as the sources of the sets have it.
SETS = {"avx512": 64, "avx2": 32}
LINE = 64


def main():
    tools = pathlib.Path(shutil.which("swift")).resolve().parent
    wrong = count = 0
    for isa, width in SETS.items():
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / f"{isa}.o"
            subprocess.run(
                [tools / "clang", "-O2", "-fPIC", "-fno-omit-frame-pointer",
                 "-I", FOLDER / "include", "-c",
                 FOLDER / f"{isa}.c", "-o", file], check=True)
            text = subprocess.run(
                [tools / "llvm-objdump", "-d", "--no-show-raw-insn", file],
                check=True, stdout=subprocess.PIPE, text=True).stdout
        for name, body in functions(text):
            match = re.fullmatch(r"(?:block|pixels)_(\d+)x(\d+)_(f32|f64)", name)
            if not match:
                continue
            rows, panels = int(match.group(1)), int(match.group(2))
            count += 1
            faults = list(look(body, rows * panels * LINE // width))
            wrong += bool(faults)
            if faults or "--all" in sys.argv[1:]:
                print(f"{isa} {name}: {'; '.join(faults) or 'good'}")
    print(f"blocks: {count}, wrong: {wrong}")
    return 1 if wrong or not count else 0


def functions(text):
    """Names and instructions, (address, text)."""
    for part in text.split("\n\n"):
        match = re.search(r"^[0-9a-f]+ <(\S+)>:$", part, re.M)
        if match:
            yield match.group(1), [
                (int(line.group(1), 16), line.group(2)) for line in re.finditer(
                    r"^\s*([0-9a-f]+):\s+(.+)$", part, re.M)]


def look(body, sums):
    """What is wrong with the loops that multiply."""
    loops = []
    for address, text in body:
        jump = re.match(r"j\w+\s+(?:0x)?([0-9a-f]+)", text)
        if jump and int(jump.group(1), 16) <= address:
            loops.append((int(jump.group(1), 16), address))
    inner = [
        (first, last) for first, last in loops
        if not any(
            other != (first, last) and first <= other[0] and other[1] <= last
            for other in loops)]
    best = 0
    for first, last in inner:
        instructions = [
            text for address, text in body if first <= address <= last]
        products = sum("vfmadd" in text for text in instructions)
        if products == 0:
            continue
        if products % sums:
            yield f"{products} multiply-adds for {sums} sums"
        stack = sum(
            bool(re.search(r"\(%r[sb]p", text)) for text in instructions)
        if stack:
            yield f"{stack} accesses to the stack in {len(instructions)}"
        single = [text for text in instructions if re.match(
            r"vfmadd\w+s[sd]\b|vmovs[sd]\b", text)]
        if single:
            yield f"single numbers: {single[0]}"
        best = max(best, products // sums)
    if best == 0:
        yield "no loop multiplies"


if __name__ == "__main__":
    sys.exit(main())

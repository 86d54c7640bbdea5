#!/usr/bin/env python3
"""Looks at whether every kernel is compiled for the types that sums are taken in.

Of each algorithm that Candidates.swift names, a release build of convbench must
have the work specialised for Float and for Double: code for all types is slower by
a factor of 1.2 to 2, and nothing else shows it.

    scripts/specialized.py [PROGRAM]   else .build/release/convbench
"""

import collections
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PLAN = ROOT / "Sources" / "Convolutions" / "Plan" / "Candidates.swift"
TYPES = ("Sf", "Sd")


def main():
    program = sys.argv[1] if len(sys.argv) > 1 else (
        ROOT / ".build" / "release" / "convbench")
    kernels = set(re.findall(r"(\w+)<Compute>\.cut\(", PLAN.read_text()))
    tools = pathlib.Path(shutil.which("swift")).resolve().parent
    names = subprocess.run(
        [tools / "llvm-nm", program], check=True, stdout=subprocess.PIPE,
        text=True).stdout
    found = collections.defaultdict(set)
    for name in names.split():
        # A closure of BoundKernel's init, specialised for a kernel of a type.
        match = re.search(
            r"BoundKernelV\w*fU_AA\d+([A-Z]\w+?)VyS([fd])G_TG", name)
        if match:
            found[match.group(1)].add("S" + match.group(2))
    wrong = [k for k in sorted(kernels) if found[k] != set(TYPES)]
    for kernel in wrong:
        print(f"{kernel}: specialised for {sorted(found[kernel]) or 'no type'}")
    print(f"kernels: {len(kernels)}, not specialised: {len(wrong)}")
    return 1 if wrong or not kernels else 0


if __name__ == "__main__":
    sys.exit(main())

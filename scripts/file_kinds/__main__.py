"""Checks what `convbench` reads from and writes to, kind by kind.

    python3 scripts/file_kinds PATH/TO/convbench

Results through links, to files of several names, to FIFOs, devices and open
files; operands from FIFOs, standard input and `<(command)`; full disks, limits
and signals. What stands at a path stays what it is; where something is wrong,
one line says so and nothing is written. Some kinds take root, which is said.
"""

import os
import shutil
import struct
import sys
import tempfile

import failures
import operands
import others
import results
import support


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    given = sys.argv[1]
    with tempfile.TemporaryDirectory() as root:
        os.chmod(root, 0o755)
        # Where every user may run it.
        convbench = shutil.copy(given, os.path.join(root, "convbench"))
        for name, shape in [
                ("f.npy", (2, 2, 1, 1)), ("dy.npy", (1, 1, 2, 1)),
                ("wide_f.npy", (1, 1, 16, 2)), ("wide_dy.npy", (1, 64, 64, 2))]:
            support.write(os.path.join(root, name), support.npy(shape))

        def make(name):
            return support.Folder(convbench, root, name)

        small = support.npy((1, 2, 3, 1), struct.pack("<6f", 1, 4, 4, 3, 10, 8))
        results.check_files(make, small)
        results.check_streams(make, small)
        results.check_refusals(make, small)
        failures.check_no_room(make)
        failures.check_signals(make)
        operands.check_operands(make, small)
        others.check_bench(make)
        others.check_shards(make, small)
    print(f"{support.COUNTS[True]} passed, {support.COUNTS[False]} failed")
    sys.exit(1 if support.COUNTS[False] else 0)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Checks `convbench apply` against NumPy, from file to file.

    scripts/npy_round_trip.py PATH/TO/convbench

Inputs are written by NumPy, the result is read by NumPy and compared with a
small loop from the definition, in every type and layout; then files that are
wrong must give exit status 1 and no output file.
"""

import os
import struct
import subprocess
import sys
import tempfile

import numpy as np

PASSED, FAILED = 0, 0


def check(name, ok, detail=""):
    global PASSED, FAILED
    if ok:
        PASSED += 1
    else:
        FAILED += 1
        print(f"failed: {name} {detail}")


# bfloat16, which NumPy does not have: the upper half of a float32.

def to_bfloat16(values):
    bits = np.asarray(values, np.float32).view(np.uint32)
    rounded = bits + 0x7FFF + ((bits >> 16) & 1)
    return (rounded >> 16).astype(np.uint16)


def from_bfloat16(bits):
    return (bits.astype(np.uint32) << 16).view(np.float32)


def gradient(sizes, filter, dy, strides, pads, dilations):
    """The definition in float64; NHWC, strides and so on (height, width)."""
    batch, height, width, channels = sizes
    kh, kw, cin, cout = filter.shape
    groups = channels // cin
    depth = cout // groups
    result = np.zeros(sizes)
    for oh in range(dy.shape[1]):
        for ow in range(dy.shape[2]):
            for r in range(kh):
                for c in range(kw):
                    y = oh * strides[0] - pads[0][0] + r * dilations[0]
                    x = ow * strides[1] - pads[1][0] + c * dilations[1]
                    if not (0 <= y < height and 0 <= x < width):
                        continue
                    for g in range(groups):
                        o = slice(g * depth, (g + 1) * depth)
                        i = slice(g * cin, (g + 1) * cin)
                        taps = filter[r, c, :, o].T
                        result[:, y, x, i] += dy[:, oh, ow, o] @ taps
    return result


def pads_of(padding, size, kernel, stride, dilation, axis):
    window = (kernel - 1) * dilation + 1
    if padding == "SAME":
        out = -(-size // stride)
        need = max(0, (out - 1) * stride + window - size)
        pair = (need // 2, need - need // 2)
    elif padding == "VALID":
        pair = (0, 0)
    else:
        pair = padding[axis]
    return pair, (size + sum(pair) - window) // stride + 1


CASES = [
    # sizes NHWC, kernel, cout, groups, strides, dilations, padding
    ((2, 6, 7, 3), (3, 3), 4, 1, (1, 1), (1, 1), "SAME"),
    ((2, 9, 8, 4), (3, 2), 6, 2, (2, 1), (1, 2), "VALID"),
    ((1, 7, 7, 2), (2, 3), 3, 1, (2, 3), (1, 1), ((1, 2), (0, 3))),
    ((3, 5, 5, 8), (1, 1), 16, 1, (1, 1), (1, 1), "VALID"),
    ((1, 20, 20, 32), (3, 3), 32, 1, (1, 1), (2, 2), "SAME"),
]

# name, type of the computation, how to store, how to read back, tolerance
TYPES = [
    ("f2", [], lambda a: a.astype("<f2"), lambda a: a, 2.0**-10),
    ("f4", [], lambda a: a.astype("<f4"), lambda a: a, 1e-5),
    ("f8", [], lambda a: a.astype("<f8"), lambda a: a, 1e-13),
    ("u2", ["--dtype", "bfloat16"], to_bfloat16, from_bfloat16, 2.0**-7),
    ("V2", ["--dtype", "bfloat16"], lambda a: to_bfloat16(a).view("V2"),
     lambda a: from_bfloat16(a.view("<u2")), 2.0**-7),
]


class Runner:
    def __init__(self, binary, directory):
        self.binary = binary
        self.directory = directory

    def path(self, name):
        return os.path.join(self.directory, name)

    def apply(self, *arguments):
        return subprocess.run(
            [self.binary, "apply", *arguments], capture_output=True, text=True)


def check_values(run):
    rng = np.random.default_rng(1)
    for number, case in enumerate(CASES):
        sizes, kernel, cout, groups, strides, dilations, padding = case
        pairs, outs = zip(*(
            pads_of(padding, sizes[axis + 1], kernel[axis], strides[axis],
                    dilations[axis], axis) for axis in (0, 1)))
        filter = rng.uniform(-1, 1, (*kernel, sizes[3] // groups, cout))
        dy = rng.uniform(-1, 1, (sizes[0], *outs, cout))
        for name, flags, store, load, tolerance in TYPES:
            stored = store(filter), store(dy)
            expected = gradient(
                sizes, *(load(a).astype(np.float64) for a in stored), strides,
                pairs, dilations)
            for layout in ("NHWC", "NCHW"):
                check_case(run, f"case {number} {name} {layout}", layout,
                           sizes, stored, expected, case, flags, load,
                           tolerance)


def check_case(run, name, layout, sizes, stored, expected, case, flags, load,
               tolerance):
    _, _, _, _, strides, dilations, padding = case
    nchw = layout == "NCHW"

    def order(values):
        return [values[i] for i in (0, 3, 1, 2)] if nchw else list(values)

    def text(values):
        return ",".join(str(v) for v in order(values))

    filter, dy = stored
    if nchw:
        dy = np.ascontiguousarray(dy.transpose(0, 3, 1, 2))
    np.save(run.path("filter.npy"), filter)
    np.save(run.path("dy.npy"), dy)
    if isinstance(padding, str):
        pads = padding
    else:
        pads = ",".join(f"{a},{b}" for a, b in order(
            [(0, 0), padding[0], padding[1], (0, 0)]))
    output = run.path("dx.npy")
    process = run.apply(
        "--input-sizes", text(sizes), "--filter", run.path("filter.npy"),
        "--out-backprop", run.path("dy.npy"), "--output", output,
        "--strides", text((1, *strides, 1)),
        "--dilations", text((1, *dilations, 1)), "--padding", pads,
        "--data-format", layout, *flags)
    check(name + " status", process.returncode == 0, process.stderr)
    if process.returncode != 0:
        return
    result = np.load(output)
    os.remove(output)
    check(name + " type", result.dtype == filter.dtype, result.dtype)
    check(name + " shape", list(result.shape) == order(sizes), result.shape)
    values = load(result).astype(np.float64)
    if nchw:
        values = values.transpose(0, 2, 3, 1)
    error = abs(values - expected).max() / abs(expected).max()
    check(name + " values", error <= tolerance, error)


def npy(descr="'<f4'", order="False", shape="(1, 1, 1, 1)", payload=b"\0" * 4,
        version=(1, 0), header=None):
    if header is None:
        header = (f"{{'descr': {descr}, 'fortran_order': {order}, "
                  f"'shape': {shape}, }}\n")
    text = header.encode("latin1")
    length = struct.pack("<H" if version[0] == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes(version) + length + text + payload


GOOD = npy()

BAD = {
    "empty": b"",
    "magic alone": b"\x93NUMPY",
    "other magic": b"\x89PNG\r\n" + GOOD[6:],
    "truncated in length": GOOD[:9],
    "truncated in header": GOOD[:40],
    "truncated in data": GOOD[:-1],
    "without data": GOOD[:-4],
    "oversized": GOOD + b"\0",
    "version 0": npy(version=(0, 0)),
    "version 4": npy(version=(4, 0)),
    "version 1.1": npy(version=(1, 1)),
    "Fortran order": npy(order="True", shape="(1, 1, 1, 1)"),
    "big-endian": npy(descr="'>f4'"),
    "integers": npy(descr="'<i4'"),
    "complex": npy(descr="'<c8'", payload=b"\0" * 8),
    "objects": npy(descr="'|O'"),
    "structure": npy(descr="[('a', '<f4')]"),
    "undeclared bfloat16": npy(descr="'<u2'", payload=b"\0" * 2),
    "rank 0": npy(shape="()"),
    "rank 3": npy(shape="(1, 1, 1)"),
    "rank 5": npy(shape="(1, 1, 1, 1, 1)"),
    "other type than the other": npy(descr="'<f8'", payload=b"\0" * 8),
    "other sizes": npy(shape="(1, 1, 1, 2)", payload=b"\0" * 8),
    "negative size": npy(shape="(1, 1, 1, -1)"),
    "immense size": npy(shape="(1, 1, 1, 9223372036854775807)"),
    "size beyond 64 bits": npy(shape="(1, 1, 1, 99999999999999999999)"),
    "overflowing product": npy(shape="(4294967296, 4294967296, 2, 1)"),
    "header garbage": npy(header="hello"),
    "header without shape": npy(
        header="{'descr': '<f4', 'fortran_order': False}"),
    "header with a key twice": npy(
        header="{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, "
               "'shape': (1, 1, 1, 1)}"),
    "header with another key": npy(
        header="{'descr': '<f4', 'fortran_order': False, "
               "'shape': (1, 1, 1, 1), 'x': 1}"),
    "header that does not end": npy(
        header="{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1"),
    "header with a tail": npy(
        header="{'descr': '<f4', 'fortran_order': False, "
               "'shape': (1, 1, 1, 1)} tail"),
    "header not text": npy(header="\xff\xfe\xfd"),
    "header length of 4 GB": b"\x93NUMPY\x02\x00\xff\xff\xff\xff{}",
}


def check_bad_files(run):
    good, bad, output = (run.path(n) for n in ("good.npy", "bad.npy", "dx.npy"))
    with open(good, "wb") as file:
        file.write(GOOD)

    def attempt(name, filter, dy, *flags, status=1, words=None):
        before = set(os.listdir(run.directory))
        process = run.apply(
            "--input-sizes", "1,1,1,1", "--filter", filter, "--out-backprop",
            dy, "--output", output, "--padding", "VALID", *flags)
        check(name + " status", process.returncode == status,
              (process.returncode, process.stderr))
        if status != 0:
            check(name + " message", (words or "") in process.stderr
                  and process.stderr.strip() != "", process.stderr)
            after = set(os.listdir(run.directory))
            check(name + " leaves no file", after == before, after - before)
        elif os.path.exists(output):
            os.remove(output)

    for name, content in BAD.items():
        with open(bad, "wb") as file:
            file.write(content)
        attempt(name + " (filter)", bad, good, words="bad.npy")
        attempt(name + " (out_backprop)", good, bad, words="bad.npy")
    os.remove(bad)
    attempt("missing file", bad, good, words="bad.npy")
    attempt("directory", run.directory, good)
    attempt("declared otherwise", good, good, "--dtype", "bfloat16")
    attempt("good", good, good, status=0)
    attempt("two filters", good, good, "--filters", good, status=2)
    for version in (2, 3):
        with open(bad, "wb") as file:
            file.write(npy(version=(version, 0)))
        attempt(f"version {version}", bad, good, status=0)
    for descr in ("'=f4'", '"<f4"'):
        with open(bad, "wb") as file:
            file.write(npy(descr=descr))
        attempt(f"descr {descr}", bad, good, status=0)

    # A file that is there already survives a failure.
    with open(output, "wb") as file:
        file.write(b"precious")
    with open(bad, "wb") as file:
        file.write(GOOD[:-1])
    attempt("existing output", bad, good)
    with open(output, "rb") as file:
        check("existing output is kept", file.read() == b"precious")
    os.remove(output)
    output = run.path("missing/dx.npy")
    attempt("output in no directory", good, good)
    output = run.path("folder")
    os.mkdir(output)
    attempt("output is a directory", good, good)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as directory:
        run = Runner(os.path.abspath(sys.argv[1]), directory)
        check_values(run)
        check_bad_files(run)
    print(f"{PASSED} passed, {FAILED} failed")
    sys.exit(1 if FAILED else 0)


if __name__ == "__main__":
    main()

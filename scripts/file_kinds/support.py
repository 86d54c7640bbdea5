"""What the checks share."""

import contextlib
import os
import stat
import struct
import subprocess
import time


NOBODY = 65534
# Somebody who cannot harm /dev, whatever convbench does.
OTHER = ({"user": NOBODY, "group": NOBODY, "extra_groups": []}
         if os.geteuid() == 0 else {})
COUNTS = {True: 0, False: 0}


def check(name, ok, detail=""):
    COUNTS[bool(ok)] += 1
    if not ok:
        print(f"failed: {name} {detail}")


def npy(shape, payload=None):
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}"
    text += " " * (-(len(text) + 11) % 64) + "\n"
    count = 1
    for size in shape:
        count *= size
    if payload is None:
        payload = struct.pack(f"<{count}f", *(i % 13 + 1 for i in range(count)))
    return (b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text))
            + text.encode() + payload)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)


def slowly(data, file, parts=7):
    """Writes in pieces that end anywhere, and closes."""
    with contextlib.suppress(BrokenPipeError), open(file, "wb", 0) as out:
        step = len(data) // parts + 1
        for start in range(0, len(data), step):
            out.write(data[start:start + step])
            time.sleep(0.002)


class Folder:
    """A folder for a check, with operands beside it."""

    def __init__(self, convbench, root, name):
        self.convbench = convbench
        self.root = root
        self.path = os.path.join(root, name)
        os.mkdir(self.path)
        os.chmod(self.path, 0o777)
        self.before = None

    def at(self, name):
        return os.path.join(self.path, name)

    def operand(self, name):
        return os.path.join(self.root, name)

    def arguments(self, output, large=False, **options):
        """Of a small problem, or one of 256 KB."""
        sizes, filter, dy = (
            ("1,64,64,16", "wide_f.npy", "wide_dy.npy") if large
            else ("1,2,3,1", "f.npy", "dy.npy"))
        options = {
            "input-sizes": sizes, "filter": self.operand(filter),
            "out-backprop": self.operand(dy), "output": output,
            "padding": "VALID", **options}
        return [self.convbench, "apply"] + [
            word for key, value in options.items() for word in
            (f"--{key}", value)]

    def apply(self, output, large=False, options=None, **how):
        how.setdefault("stdin", subprocess.DEVNULL)
        how.setdefault("stdout", subprocess.PIPE)
        return subprocess.run(
            self.arguments(output, large, **(options or {})),
            stderr=subprocess.PIPE, cwd=self.path, timeout=60, **how)

    def refused(self, name, output, words, **how):
        """One line, before the operands are looked at, and nothing changes."""
        options = {"filter": self.operand("missing.npy"),
                   **how.pop("options", {})}
        before = listing(self.path)
        ran = self.apply(output, options=options, **how)
        said = ran.stderr.decode()
        check(name, ran.returncode == 1 and not ran.stdout
              and said.count("\n") == 1 and words in said, (ran, words))
        check(name + ": nothing changed", listing(self.path) == before)


def listing(folder):
    """Names, inodes, modes, owners and contents."""
    entries = []
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        status = entry.stat(follow_symlinks=False)
        kind = stat.S_IFMT(status.st_mode)
        content = (read(entry.path) if kind == stat.S_IFREG
                   else os.readlink(entry.path) if kind == stat.S_IFLNK
                   else None)
        entries.append((entry.name, status.st_ino, status.st_mode,
                        status.st_uid, status.st_gid, content))
    return entries


def same_file(path, before):
    after = os.stat(path)
    return (after.st_ino, after.st_mode) == (before.st_ino, before.st_mode)

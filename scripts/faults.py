#!/usr/bin/env python3
"""Plants faults in the library, one after the other, and runs the fast tests:
each fault must be caught.

The faults are listed in scripts/faults/*.txt:

    [name] what it stands for
    path of the source file
      a line that stays
    - a line that goes
    + a line that comes

Lines are compared without their indentation and without the backslash of a
macro; each list of lines must be in its file once.

The faults are planted in a copy of HEAD, which is built apart: the working tree
is not touched. Exit status 1 if a fault is missed or its lines are not found.

    scripts/faults.py                   all of them
    scripts/faults.py pad-off-by-one …  these
    scripts/faults.py --list            names and meanings, by file
    scripts/faults.py --check           whether all can still be planted
"""

import argparse
import dataclasses
import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
LISTS = sorted((ROOT / "scripts" / "faults").glob("*.txt"))
VERIFY = ".build/debug/convbench verify --suite exact --cases"


@dataclasses.dataclass
class Fault:
    name: str
    meaning: str
    path: str
    lines: list  # pairs of a sign, " ", "-" or "+", and a text

    def planted(self, text):
        """The source with the fault in it."""
        source = text.split("\n")
        plain = [bare(line) for line in source]
        old = [line for sign, line in self.lines if sign != "+"]
        places = [
            place for place in range(len(plain) - len(old) + 1)
            if plain[place:place + len(old)] == old
        ]
        if len(places) != 1:
            raise LookupError(
                f"{self.name}: its lines are {len(places)} times in "
                f"{self.path}")
        place = places[0]
        macro = " \\" if source[place].endswith("\\") else ""
        changed = []
        for sign, line in self.lines:
            if sign == "+":
                changed.append(line + macro)
                continue
            if sign == " ":
                changed.append(source[place])
            place += 1
        source[places[0]:place] = changed
        return "\n".join(source)


def bare(line):
    return line.strip().removesuffix("\\").strip()


def read_faults():
    faults = []
    for file in LISTS:
        blocks = re.sub(r"(?m)^#.*\n", "", file.read_text()).split("\n\n")
        for block in filter(None, (block.strip("\n") for block in blocks)):
            head, path, *lines = block.split("\n")
            name, meaning = re.fullmatch(r"\[(\S+)\] (.+)", head).groups()
            pairs = [(line[0], bare(line[1:])) for line in lines]
            assert {sign for sign, _ in pairs} <= set(" -+"), name
            faults.append(Fault(name, meaning, path, pairs))
    names = [fault.name for fault in faults]
    assert len(set(names)) == len(names), "two faults have one name"
    return faults


# What says why a command failed.
TELLING = re.compile(r"Fatal error: .*|signal code \d+|error: .*|.*corrupt.*")


class BuildFailure(Exception):
    pass


class Copy:
    """The tree of HEAD, to plant faults in."""

    def __init__(self, folder, prefix, limit):
        self.folder = pathlib.Path(folder)
        self.prefix = prefix
        self.limit = limit
        archive = subprocess.run(
            ["git", "archive", "HEAD"], cwd=ROOT, check=True,
            stdout=subprocess.PIPE)
        subprocess.run(
            ["tar", "x", "-C", str(self.folder)], input=archive.stdout,
            check=True)

    def run(self, command, core=None, until=None, limit=None):
        """Runs a command to its end, or to a line that `until` finds.

        Returns its status, None where it did not end, and what was found in
        its output, or its telling lines."""
        environment = dict(os.environ)
        for name in ["OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"]:
            environment.pop(name, None)
        if core:
            environment["OPENBLAS_CORETYPE"] = core
        # A crash is known without its stack, which takes a minute.
        environment["SWIFT_BACKTRACE"] = "enable=no"
        process = subprocess.Popen(
            self.prefix + command.split(), cwd=self.folder, env=environment,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors="replace", start_new_session=True)
        # The session is the command's own: nothing else ends with it.
        signal.signal(
            signal.SIGALRM,
            lambda *_: os.killpg(process.pid, signal.SIGKILL))
        limit = limit or self.limit
        signal.alarm(limit)
        start = time.monotonic()
        last = []
        found = None
        for line in process.stdout:
            telling = TELLING.search(line)
            if telling:
                last = last[-40:] + [telling.group(0)]
            found = until and until(line)
            if found:
                os.killpg(process.pid, signal.SIGKILL)
                break
        status = process.wait()
        signal.alarm(0)
        if not found and time.monotonic() - start >= limit:
            return None, last
        return status, found or last

    def catcher(self, cases, cores):
        """Who finds something wrong, or None: convbench on each core first,
        which takes seconds, where the tests take minutes."""
        self.build("--product convbench")
        for core in cores:
            status, found = self.run(
                f"{VERIFY} {cases}", core, failed_case, self.limit // 5)
            if status != 0:
                return f"convbench verify{on(core)}: {what(status, found)}"
        self.build("--build-tests")
        for core in cores:
            status, found = self.run(
                "swift test --skip-build", core, failed_test)
            if status != 0:
                return f"swift test{on(core)}: {what(status, found)}"
        return None

    def build(self, what):
        status, output = self.run(f"swift build {what}")
        if status != 0:
            raise BuildFailure("\n".join(output))


def on(core):
    return f" on {core}" if core else ""


def failed_case(line):
    if not line.startswith("failed: "):
        return None
    options = re.findall(r"--(suite|dtype|layout|algorithm) (\S+)", line)
    return " ".join(value for _, value in options) or line.strip()


def failed_test(line):
    match = re.search(
        r'✘ Test (.+?) (?:with .*)?recorded an issue.* at (\w+)\.swift', line)
    return match and f"{match.group(2)}.{match.group(1)}"


def what(status, found):
    if isinstance(found, str):
        return found
    if status is None:
        return "no end"
    if status < 0:
        return signal.Signals(-status).name
    return found[-1][:200] if found else f"status {status}"


def other_cores():
    """The AVX2 kernels of OpenBLAS, where they are not the ones it takes."""
    try:
        info = pathlib.Path("/proc/cpuinfo").read_text()
    except OSError:
        return []
    return ["Haswell"] if "avx2" in info else []


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="faults; all if missing")
    parser.add_argument("--list", action="store_true", help="list them")
    parser.add_argument(
        "--check", action="store_true", help="only plant them, in memory")
    parser.add_argument(
        "--cases", type=int, default=1000,
        help="cases of convbench verify (1000)")
    parser.add_argument(
        "--under", default="", metavar="COMMAND",
        help="what each build and test runs under, such as 'nice'")
    parser.add_argument(
        "--no-baseline", action="store_true",
        help="do not first show that HEAD passes")
    parser.add_argument(
        "--limit", type=int, default=300, metavar="SECONDS",
        help="what takes longer does not end, which is caught too (300)")
    parser.add_argument(
        "--folder", help="an empty folder for the copy; temporary if missing")
    arguments = parser.parse_args()

    faults = read_faults()
    unknown = set(arguments.names) - {fault.name for fault in faults}
    if unknown:
        parser.error(f"no such fault: {', '.join(sorted(unknown))}")
    if arguments.names:
        faults = [fault for fault in faults if fault.name in arguments.names]
    if arguments.list:
        for fault in faults:
            print(f"{fault.path}: {fault.name}: {fault.meaning}")
        print(f"faults: {len(faults)}")
        return 0

    with tempfile.TemporaryDirectory(prefix="faults-") as temporary:
        copy = Copy(
            arguments.folder or temporary, shlex.split(arguments.under),
            arguments.limit)
        lost = []
        for fault in faults:
            try:
                fault.planted((copy.folder / fault.path).read_text())
            except LookupError as error:
                lost.append(error)
        for error in lost:
            print(f"lost    {error}")
        if arguments.check or lost:
            print(f"faults: {len(faults)}, lost: {len(lost)}")
            return 1 if lost else 0
        return run(
            copy, faults, arguments.cases, not arguments.no_baseline)


def run(copy, faults, cases, baseline):
    cores = [None] + other_cores()
    if baseline:
        start = time.monotonic()
        catcher = copy.catcher(cases, cores)
        if catcher:
            print(f"without a fault there is one: {catcher}")
            return 1
        say("no fault, no catcher", start)

    caught = 0
    for fault in faults:
        start = time.monotonic()
        file = copy.folder / fault.path
        text = file.read_text()
        file.write_text(fault.planted(text))
        try:
            catcher = copy.catcher(cases, cores)
        except BuildFailure as failure:
            say(f"MISSED  {fault.name}: it does not build:\n{failure}", start)
            continue
        finally:
            file.write_text(text)
        if catcher:
            caught += 1
            say(f"caught  {fault.name}: {catcher}", start)
        else:
            say(f"MISSED  {fault.name}: {fault.meaning}", start)
    missed = len(faults) - caught
    print(f"faults: {len(faults)}, caught: {caught}, missed: {missed}")
    return 1 if missed else 0


def say(text, start):
    print(f"{text} ({time.monotonic() - start:.0f} s)", flush=True)


if __name__ == "__main__":
    sys.exit(main())

"""What was found of each fault, when, and on which sources."""

import dataclasses
import datetime
import hashlib
import subprocess

from .lists import FOLDER, ROOT

FILE = FOLDER / "results.tsv"
HEADER = """\
# scripts/faults.py writes this: a line a fault, with the hash of the sources it
# was planted in, that of the fault itself, and what noticed it.
"""
# What a fault may be in, and what it is noticed by; not the documentation.
SOURCES = [
    "Package.swift", "Modules", "Sources/CConvolutionKernels",
    "Sources/CConvolutions", "Sources/Convolutions", "Sources/ConvolutionsC",
    "Sources/convbench", "scripts/python/src"]
SUFFIXES = (".swift", ".c", ".h", ".modulemap", ".py")


@dataclasses.dataclass
class Result:
    name: str
    caught: bool
    date: str
    sources: str
    digest: str
    check: str  # the check's name, ": " and what it said; "none"

    def line(self):
        return "\t".join([
            self.name, "caught" if self.caught else "missed", self.date,
            self.sources, self.digest, self.check])


def sources_hash():
    """Of the sources of HEAD, whose copy the faults are planted in."""
    listing = subprocess.run(
        ["git", "ls-tree", "-r", "HEAD", "--", *SOURCES], cwd=ROOT, check=True,
        stdout=subprocess.PIPE, text=True).stdout
    kept = [line for line in listing.splitlines() if line.endswith(SUFFIXES)]
    return hashlib.sha256("\n".join(kept).encode()).hexdigest()[:12]


def read_results():
    """The results by the names of the faults."""
    if not FILE.exists():
        return {}
    results = {}
    for line in FILE.read_text().splitlines():
        if line.startswith("#"):
            continue
        name, caught, date, sources, digest, check = line.split("\t")
        results[name] = Result(
            name, caught == "caught", date, sources, digest, check)
    return results


def write_result(faults, fault, sources, check):
    """Adds the line of a fault, at once: what is interrupted goes on later."""
    results = read_results()
    results[fault.name] = Result(
        fault.name, check is not None, datetime.date.today().isoformat(),
        sources, fault.digest, " ".join((check or "none").split()))
    lines = [
        results[fault.name].line() for fault in faults
        if fault.name in results]
    other = FILE.with_suffix(".new")
    other.write_text(HEADER + "".join(f"{line}\n" for line in lines))
    other.replace(FILE)


def is_current(fault, result, sources):
    return (
        result is not None and result.sources == sources
        and result.digest == fault.digest)


def print_status(faults):
    """By sources: how many faults were run on them. Returns whether the list is
    run whole, and all are caught."""
    results = read_results()
    lines = [
        results[fault.name] for fault in faults
        if fault.name in results
        and results[fault.name].digest == fault.digest]
    present = sources_hash()
    for sources in sorted({line.sources for line in lines} | {present}):
        these = [line for line in lines if line.sources == sources]
        dates = sorted({line.date for line in these}) or ["never"]
        missed = sum(not line.caught for line in these)
        print(
            f"{sources}{', the present sources' if sources == present else ''}"
            f": {len(these)} of {len(faults)}, missed {missed}, "
            f"{' to '.join(dict.fromkeys([dates[0], dates[-1]]))}")
    whole = len(lines) == len(faults) and len(
        {line.sources for line in lines}) == 1
    print(f"run whole: {'yes' if whole else 'no'}")
    for line in lines:
        if not line.caught:
            print(f"missed: {line.name}")
    return whole and all(line.caught for line in lines)

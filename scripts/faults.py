#!/usr/bin/env python3
"""Plants faults in the library and runs the tests on each: all must be caught.

The faults are listed in scripts/faults/*.txt:

    [name] what it stands for
    path of the source file
      a line that stays
    - a line that goes
    + a line that comes

Lines are compared without their indentation and without the backslash of a
macro; each list of lines must be in its file once.

A copy of HEAD is built once, with all the faults, each behind a switch that an
environment variable turns on; the working tree is not touched. A fault that
cannot be switched, outside a function, is built alone. Then each fault costs a
run of the checks, until the first that notices it: exact verification, the unit
tests, other suites, the C interface, Python. The check that noticed it the last
time comes first. With no fault on all of them must pass, which is shown first.

scripts/faults/results.tsv keeps a line a fault. A fault whose line was found on
the present sources is not run again: what is interrupted goes on. The list
counts as run whole when all its lines are of the same sources.

Exit status 1 if a fault is missed or its lines are not found.

    scripts/faults.py                   all that are not up to date
    scripts/faults.py pad-off-by-one …  these, in any case
    scripts/faults.py --status          how many are, and whether run whole
    scripts/faults.py --list            names and meanings, by file
    scripts/faults.py --check           whether all can still be planted
"""

import argparse
import concurrent.futures
import os
import pathlib
import shlex
import sys
import tempfile
import threading
import time

from faultlib.checks import checks_of, other_cores, what
from faultlib.lists import ROOT, read_faults
from faultlib.results import (
    is_current, print_status, read_results, sources_hash, write_result)
from faultlib.tree import BuildFailure, Tree


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="faults; all if missing")
    parser.add_argument("--list", action="store_true", help="list them")
    parser.add_argument(
        "--check", action="store_true", help="only plant them, in memory")
    parser.add_argument(
        "--status", action="store_true", help="what was found, on what sources")
    parser.add_argument(
        "--again", action="store_true", help="also those that are up to date")
    parser.add_argument(
        "--cases", type=int, default=1000,
        help="cases of convbench verify, and more of some (1000)")
    parser.add_argument(
        "--jobs", type=int, default=1, help="faults at a time (1)")
    parser.add_argument(
        "--under", default="", metavar="COMMAND",
        help="what each build and test runs under, such as 'nice'")
    parser.add_argument(
        "--python", default=str(ROOT / ".build/python/bin/python"),
        type=os.path.abspath,
        help="a Python with what scripts/python.sh installs")
    parser.add_argument(
        "--no-baseline", action="store_true",
        help="do not first show that HEAD passes")
    parser.add_argument(
        "--limit", type=int, default=300, metavar="SECONDS",
        help="a check that takes longer does not end, which is caught too "
        "(300)")
    parser.add_argument(
        "--folder",
        help="a folder for the copy, whose build is used again; temporary if "
        "missing")
    arguments = parser.parse_args()

    faults = read_faults()
    unknown = set(arguments.names) - {fault.name for fault in faults}
    if unknown:
        parser.error(f"no such fault: {', '.join(sorted(unknown))}")
    if arguments.list:
        for fault in faults:
            print(f"{fault.path}: {fault.name}: {fault.meaning}")
        print(f"faults: {len(faults)}")
        return 0
    if arguments.status:
        return 0 if print_status(faults) else 1

    with tempfile.TemporaryDirectory(prefix="faults-") as temporary:
        tree = Tree(
            pathlib.Path(arguments.folder or temporary).resolve(), faults,
            shlex.split(arguments.under), arguments.python)
        lost = tree.lost()
        for error in lost:
            print(f"lost    {error}")
        if arguments.check or lost:
            print(f"faults: {len(faults)}, lost: {len(lost)}")
            return 1 if lost else 0
        if not pathlib.Path(arguments.python).exists():
            parser.error(
                f"no {arguments.python}: run 'scripts/python.sh --install', "
                "or name one with --python")
        return Run(tree, faults, arguments).run()


class Run:
    def __init__(self, tree, faults, arguments):
        self.tree = tree
        self.faults = faults
        self.arguments = arguments
        self.sources = sources_hash()
        self.results = read_results()
        self.lock = threading.Lock()
        self.trusting = threading.Lock()
        self.trusted = set()

    def wanted(self, fault):
        names = self.arguments.names
        return fault.name in names if names else (
            self.arguments.again or not is_current(
                fault, self.results.get(fault.name), self.sources))

    def run(self):
        wanted = [fault for fault in self.faults if self.wanted(fault)]
        say(f"sources {self.sources}, faults to run: {len(wanted)} of "
            f"{len(self.faults)}")
        if not wanted:
            return self.end()
        self.tree.prepare()
        with concurrent.futures.ThreadPoolExecutor(
                self.arguments.jobs) as pool:
            # The tests, which take the longest to build, for the rest alone.
            rest = [
                fault for fault in pool.map(self.without_tests, wanted)
                if fault]
            list(pool.map(self.with_tests, rest))
        # Known by then: what has no switch, and what the compiler refused.
        for fault in filter(self.tree.is_apart, wanted):
            with self.tree.alone(fault):
                try:
                    self.run_checks(fault, self.checks(fault), alone=True)
                except BuildFailure as failure:
                    say(f"MISSED  {fault.name}: it does not build:\n{failure}")
        return self.end()

    def without_tests(self, fault):
        """The fault, where the tests are still to be run."""
        checks = self.checks(fault)
        count = self.first_of_tests(checks)
        done = count and self.run_checks(
            fault, checks[:count], last=count == len(checks))
        return None if done else fault

    def with_tests(self, fault):
        checks = self.checks(fault)
        self.run_checks(fault, checks[self.first_of_tests(checks):])

    def first_of_tests(self, checks):
        return next(
            (index for index, check in enumerate(checks)
             if check.needs == "tests"), len(checks))

    def end(self):
        results = read_results()
        missed = [
            fault.name for fault in self.faults
            if is_current(fault, results.get(fault.name), self.sources)
            and not results[fault.name].caught]
        print_status(self.faults)
        return 1 if missed else 0

    def checks(self, fault):
        before = self.results.get(fault.name)
        return checks_of(
            fault, before and before.check, self.arguments.cases,
            other_cores())

    def run_checks(self, fault, checks, last=True, alone=False):
        """Whether it is known what comes of the fault, as it is where these
        are the last checks."""
        start = time.monotonic()
        catcher = None
        for check in checks:
            self.tree.require(check.needs)
            if self.tree.is_apart(fault) != alone:
                return True
            self.trust(check)
            catcher = self.catches(check, fault)
            if catcher:
                break
        if catcher is None and not last:
            return False
        with self.lock:
            write_result(self.faults, fault, self.sources, catcher)
            say(f"caught  {fault.name}: {catcher}" if catcher
                else f"MISSED  {fault.name}: {fault.meaning}", start)
        return True

    def trust(self, check):
        """Shows that a check passes where no fault is on, before its first
        use."""
        with self.trusting:
            if check.command in self.trusted or self.arguments.no_baseline:
                return
            start = time.monotonic()
            catcher = self.catches(check, None)
            if catcher:
                raise SystemExit(f"without a fault there is one: {catcher}")
            say(f"no fault, passed: {check.name}", start)
            self.trusted.add(check.command)

    def catches(self, check, fault):
        """What a check notices, or None."""
        status, found = self.tree.run(
            check.command, check.core, check.finds, self.arguments.limit, fault)
        if status == 0 and not isinstance(found, str):
            return None
        return f"{check.name}: {what(status, found)}"


def say(text, start=None):
    took = f" ({time.monotonic() - start:.0f} s)" if start else ""
    print(text + took, flush=True)


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Times convbench and other CPU libraries, layer by layer, strictly in turn.

    scripts/peers.py --threads 1,2
    scripts/peers.py mb8ic64ih56oc64oh56kh3ph1 --dtype f32,bf16 --rounds 3
    scripts/peers.py --op filter-gradient

One operation is compared (--op), by default the gradient of the input.

The peers are PyTorch (contiguous and channels last), TensorFlow (with and
without oneDNN), JAX, OpenVINO and ONNX Runtime, each in its best form. They
are installed into a virtual environment, and convbench is built. Every result
is checked against PyTorch's in float64; a wrong one is not counted and makes
the exit status 1.

With --isa avx2 everybody is asked for AVX2 kernels at most; who does not obey
such a wish takes no part.
"""

import argparse
import datetime
import os
import signal
import subprocess
import sys
import tempfile

from peerlib import environment
from peerlib.contenders import PEER_NAMES, PEERS, variants
from peerlib.operations import DEFAULT, OPERATIONS


def words(text):
    return text.split(",")


def choices(*allowed):
    def parse(text):
        values = words(text)
        for value in values:
            if value not in allowed:
                raise argparse.ArgumentTypeError(
                    f"'{value}' is none of {', '.join(allowed)}")
        return values
    return parse


def counts(text):
    return [count(word) for word in words(text)]


def positive(text):
    value = float(text)
    if not 0 < value < float("inf"):
        raise ValueError
    return value


def count(text):
    value = int(text)
    if value < 1:
        raise ValueError
    return value


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    cores = len(os.sched_getaffinity(0))
    add = parser.add_argument
    add("problems", nargs="*", metavar="PROBLEM",
        help="problem descriptors, as convbench has them")
    add("--problem", action="append", default=[], help="one more of them")
    add("--set", help="sets of problems (default: headline)")
    add("--file", help="file of descriptors, one a line")
    add("--op", choices=OPERATIONS, default=DEFAULT,
        help=f"what is computed (default: {DEFAULT})")
    add("--dtype", type=choices("f32", "f64", "f16", "bf16"), default=["f32"],
        help="types of the scalars (default: f32)")
    add("--threads", type=counts, default=[1, 2][:cores],
        help="numbers of threads (default: 1,2)")
    add("--layout", type=choices("nhwc", "nchw"), default=["nhwc"],
        help="our orders of the dimensions (default: nhwc)")
    add("--accuracy", type=choices("standard", "tight"), default=["standard"],
        help="our accuracies (default: standard)")
    add("--algorithm", type=words, default=["auto"],
        help="our algorithms (default: auto)")
    add("--peers", type=choices(*PEER_NAMES), default=PEER_NAMES,
        help=f"who takes part (default: {','.join(PEER_NAMES)})")
    add("--peers-only", action="store_true", help="without convbench's times")
    add("--rounds", type=count, default=7,
        help="turns of each contender (default: 7)")
    add("--retries", type=int, default=1,
        help="how often what other processes disturbed is measured again "
        "(default: 1)")
    add("--turn-ms", type=positive, default=30,
        help="least milliseconds of a turn (default: 30)")
    add("--timeout", type=positive, default=120,
        help="seconds after which a contender is given up (default: 120)")
    add("--isa", choices=environment.LOWERED, metavar="SET",
        help="instruction set that nobody may go beyond: avx2 "
        "(default: each takes the CPU's best)")
    add("--seed", type=int, default=1, help="of the data (default: 1)")
    add("--json", metavar="FILE", help="where to write everything as JSON")
    add("--output", metavar="FILE", help="where to write a Markdown table")
    add("--venv", metavar="DIR",
        default=os.path.join(environment.ROOT, ".build", "peers"),
        help="virtual environment (default: .build/peers)")
    add("--convbench", metavar="PATH", help="do not build, use this one")
    add("--keep-openblas-env", action="store_true",
        help="leave OPENBLAS_CORETYPE and OPENBLAS_L2_SIZE as they are")
    options = parser.parse_args()
    if max(options.threads) > cores:
        parser.error(f"--threads: there are {cores} cores")
    return options


def chosen_problems(options, convbench):
    from peerlib.problem import Problem
    command = [convbench, "list", *options.problems, *options.problem]
    for name in ("set", "file"):
        if value := getattr(options, name):
            command += [f"--{name}", value]
    listed = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if listed.returncode != 0:
        sys.exit(listed.returncode)
    return [Problem.parse(line) for line in listed.stdout.splitlines()]


def make_contenders(options, ours, convbench, variables, peers, folder):
    """The contenders by number of threads and name, and the truth."""
    from peerlib.process import Contender
    cores = sorted(os.sched_getaffinity(0))

    def contender(name, command, variables, threads):
        log = os.path.join(folder, f"{name}-{threads}.log")
        return Contender(name, command, variables, cores[:threads], log,
                         options.timeout)

    def peer(name, threads):
        return contender(
            name, [sys.executable, "-m", "peerlib.worker", name, options.op,
                   str(threads)],
            environment.peer_environment(PEERS[name], threads, variables),
            threads)

    def own(name, threads):
        # The default is left out for a convbench that has no other.
        operation = [] if options.op == DEFAULT else ["--op", options.op]
        return contender(
            name, [convbench, "turns", *operation, "--threads", str(threads),
                   *ours[name].arguments], variables, threads)

    contenders = {
        threads: {name: own(name, threads) for name in ours}
        | {name: peer(name, threads) for name in peers}
        for threads in options.threads}
    return contenders, peer("truth", len(cores))


def compare(options, convbench, variables, peers):
    """Runs everything.

    Returns the report, what went wrong in lines, and whether it is whole.
    """
    from peerlib.comparison import Comparison
    from peerlib.report import Report, header
    problems = chosen_problems(options, convbench)
    ours = {} if options.peers_only else variants(
        options.layout, options.accuracy, options.algorithm)
    packages = {package for name in ["truth", *peers]
                for package in PEERS[name].packages}
    facts = {"operation": options.op} | environment.facts(
        convbench, variables) | {
        "versions": environment.versions(packages),
        "date": datetime.datetime.now().astimezone().isoformat(
            timespec="seconds"),
        "isa_limit": options.isa,
        "rounds": options.rounds, "turn_ms": options.turn_ms,
        "seed": options.seed,
    }
    for line in header(facts):
        environment.say(line)
    # Whoever ends the run gets what is there, and no process stays.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    whole = True
    with tempfile.TemporaryDirectory(prefix="peers-") as folder:
        contenders, truth = make_contenders(
            options, ours, convbench, variables, peers, folder)
        comparison = Comparison(
            OPERATIONS[options.op], contenders, truth,
            {name: variant.layout for name, variant in ours.items()}, folder,
            options.rounds, options.turn_ms, options.seed)
        try:
            comparison.run(problems, options.dtype, options.retries)
        except KeyboardInterrupt:
            environment.say("interrupted; this is what is there")
            whole = False
        finally:
            for group in [*contenders.values(), {"truth": truth}]:
                for contender in group.values():
                    contender.close()
    report = Report(comparison.rows, ours, peers, facts)
    return report, report.problems + comparison.failures, whole


def main():
    options = parse_arguments()
    environment.enter(options.venv)
    packages = ["numpy", "torch"] + [
        package for name in options.peers for package in PEERS[name].packages]
    missing = environment.install(dict.fromkeys(packages))
    if {"numpy", "torch"} & set(missing):
        sys.exit("peers: without numpy and torch nothing can be checked")
    peers = [name for name in options.peers
             if not set(PEERS[name].packages) & set(missing)]
    for name in set(options.peers) - set(peers):
        environment.say(f"without {name}: it cannot be installed here")
    if options.isa:
        for name in [name for name in peers if not PEERS[name].obeys_isa]:
            environment.say(f"without {name}: it takes the CPU's best kernels")
            peers.remove(name)
    convbench = options.convbench or environment.build()
    variables = environment.contenders_environment(
        options.keep_openblas_env, options.isa)

    report, failures, whole = compare(
        options, os.path.abspath(convbench), variables, peers)
    for line in failures:
        environment.say(line)
    if not report.lines:
        sys.exit("peers: nothing was measured")
    print(*report.header, report.caption, report.table, *report.figures,
          sep="\n")
    for path, text in ((options.json, report.json),
                       (options.output, report.markdown)):
        if path:
            with open(path, "w") as file:
                file.write(text)
    sys.exit(130 if not whole else 1 if failures else 0)


if __name__ == "__main__":
    main()

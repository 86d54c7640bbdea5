"""The other end of a peer's process: one peer, one problem at a time.

    python -m peerlib.worker NAME OPERATION THREADS

Requests are lines of JSON on standard input, answers lines on standard output;
`convbench turns` speaks the same:

    {"op": "load", "problem": DESCRIPTOR, "dtype": "f32", "filter": FILE,
     "out_backprop": FILE, "result": FILE}
    {"op": "time", "milliseconds": 30}
    {"op": "drop"}

The operation's operands are files under their names; its result is written.
"""

import gc
import importlib
import json
import os
import re
import sys
import time

import numpy as np

from peerlib.contenders import PEERS
from peerlib.operations import OPERATIONS
from peerlib.problem import Problem, from_stored

# A problem whose first call takes longer, in seconds, needs no second one to
# be warm.
LONG_CALL = 1.0


class Unsupported(Exception):
    """The library cannot serve a problem; the message says why."""


class Execution:
    """A problem ready to run.

    `run` computes once and returns when the result is there; `result` brings
    what it returned to NumPy, NHWC.
    """

    def __init__(self, run, result):
        self.run = run
        self.result = result


class Peer:
    """A library. Its package is imported when the peer is made, not before.

    Each operation is a method, which makes an execution, or raises Unsupported
    or the library's error. The operands are HWIO and NHWC; bfloat16 comes as
    float32.
    """

    def __init__(self, threads):
        self.threads = threads

    def forward(self, problem, dtype, filter, input):
        raise Unsupported("no convolution")

    def input_gradient(self, problem, dtype, filter, out_backprop):
        raise Unsupported("no gradient of the input")

    def filter_gradient(self, problem, dtype, input, out_backprop):
        raise Unsupported("no gradient of the filter")


def fastest(executions):
    """The fastest of ways to compute the same, after a warm-up each."""
    def best(execution):
        execution.run()
        times = [seconds(execution.run)]
        while len(times) < 5 and sum(times) < 0.1:
            times.append(seconds(execution.run))
        return min(times)

    return min(executions, key=best)


def seconds(run):
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def brief(error):
    """The first line of a library's message that says something."""
    text = re.sub(r"\{\{.*?\}\}", "", str(error))
    lines = [line.strip() for line in text.splitlines()]
    text = next((line for line in lines if line), type(error).__name__)
    return text if len(text) <= 200 else text[:199] + "…"


class Session:
    def __init__(self, peer, operation):
        self.operation = OPERATIONS[operation]
        self.make = getattr(peer, operation.replace("-", "_"))
        self.execution = None

    def answer(self, request):
        match request["op"]:
            case "load":
                return self.load(request)
            case "time":
                return self.time(request["milliseconds"])
            case "drop":
                self.execution = None
                gc.collect()
                return {}

    def load(self, request):
        self.execution = None
        problem = Problem.parse(request["problem"])
        operands = {
            name: from_stored(np.load(request[name]))
            for name in self.operation.operands}
        execution = self.make(problem, request["dtype"], **operands)
        start = time.perf_counter()
        result = execution.run()
        warm = time.perf_counter() - start
        values = np.asarray(execution.result(result))
        if values.shape != problem.shapes[self.operation.result]:
            raise Unsupported(f"its result has the shape {values.shape}")
        if values.dtype != np.float64:
            values = values.astype(np.float32)
        np.save(request["result"], np.ascontiguousarray(values))
        del result, values
        if warm < LONG_CALL:
            warm = seconds(execution.run)
        self.execution = execution
        return {"warm_ms": 1e3 * warm}

    def time(self, milliseconds):
        if self.execution is None:
            raise Unsupported("no problem is loaded")
        run = self.execution.run
        clock = time.perf_counter
        start = clock()
        end = start + milliseconds / 1e3
        best, calls = float("inf"), 0
        while True:
            before = clock()
            run()
            after = clock()
            best = min(best, after - before)
            calls += 1
            if after >= end:
                return {"best_ms": 1e3 * best, "calls": calls}


def serve(make_session):
    # Libraries print to standard output; the protocol has a copy to itself.
    output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    session = None
    for line in sys.stdin:
        try:
            if session is None:
                session = make_session()
                # What an import made lives on; collections need not look at it.
                gc.freeze()
            reply = {"ok": True} | session.answer(json.loads(line))
        except Exception as error:  # A library's refusal is an answer.
            reply = {"ok": False, "reason": brief(error)}
        print(json.dumps(reply), file=output, flush=True)


def main():
    name, operation, threads = sys.argv[1:]
    module, _, peer_class = PEERS[name].implementation.partition(":")

    def make_session():
        peer = getattr(
            importlib.import_module(f"peerlib.{module}"), peer_class)
        return Session(peer(int(threads)), operation)

    serve(make_session)


if __name__ == "__main__":
    main()

"""What a call from Python costs over the same plan in Swift, in microseconds.

    python overhead.py PATH/TO/convbench

Small problems, on one thread, both sides in turn; the least time of each.
"""

import json
import subprocess
import sys
import time

import numpy as np

import convolutions

PROBLEMS = [
    ("mb1ic1ih4oc1oh4kh1ph0", [1, 4, 4, 1], [1, 1, 1, 1], [1, 4, 4, 1]),
    ("mb1ic8ih8oc8oh8kh3ph1", [1, 8, 8, 8], [3, 3, 8, 8], [1, 8, 8, 8]),
    ("mb1ic32ih14oc32oh14kh3ph1", [1, 14, 14, 32], [3, 3, 32, 32],
     [1, 14, 14, 32]),
]
ROUNDS, CALLS = 7, 1000


def least(call):
    start = time.perf_counter()
    for _ in range(CALLS):
        call()
    return (time.perf_counter() - start) / CALLS * 1e6


def swift(convbench, descriptor):
    output = subprocess.run(
        [convbench, "bench", descriptor, "--threads", "1", "--dtype", "f32",
         "--layout", "nhwc", "--accuracy", "standard",
         "--min-time", "0.05", "--format", "json"], check=True,
        capture_output=True, text=True).stdout
    row, = json.loads(output)["rows"]
    return row["min_ms"] * 1e3


def main(convbench):
    print(f"{'problem':28} {'Swift':>8} {'plan':>8} {'over':>6} "
          f"{'function':>9} {'over':>6}")
    worst = 0
    for descriptor, *sizes in PROBLEMS:
        filter, output = (np.ones(size, np.float32) for size in sizes[1:])
        out = np.empty(sizes[0], np.float32)
        plan = convolutions.InputGradientPlan(
            *sizes, padding="SAME", threads=1)
        prepared = plan.prepare(filter)
        times = np.array([
            [swift(convbench, descriptor),
             least(lambda: plan.execute(prepared, output, out)),
             least(lambda: convolutions.conv2d_backprop_input(
                 sizes[0], filter, output, [1, 1, 1, 1], "SAME"))]
            for _ in range(ROUNDS)]).min(axis=0)
        over = times[1:] - times[0]
        worst = max(worst, over[0])
        print(f"{descriptor:28} {times[0]:8.2f} {times[1]:8.2f} "
              f"{over[0]:6.2f} {times[2]:9.2f} {over[1]:6.2f}")
    print(f"a plan's call costs at most {worst:.1f} us more than in Swift")


if __name__ == "__main__":
    main(*sys.argv[1:])

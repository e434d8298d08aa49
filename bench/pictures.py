"""Seconds for a picture and the memory that drawing takes, against the number of steps.

    python bench/pictures.py [--pipeline doodle] [--steps 5,10,20,40]

Each row is a process of its own. Seconds: the first picture, with loading, and the median of the next five.
Memory: the highest resident size of the process.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys

ONE = """
import json, resource, statistics, sys, tempfile, time
from moss_agent.plugin_host import discover
pipeline, steps = sys.argv[1], int(sys.argv[2])
draw = discover()["Text2Image"]
seconds = []
with tempfile.TemporaryDirectory() as folder:
    for seed in range(6):
        begin = time.perf_counter()
        draw("a fox", pipeline=pipeline, steps=steps, seed=seed, directory=folder)
        seconds.append(time.perf_counter() - begin)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([seconds[0], statistics.median(seconds[1:]), peak / 1024]))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pipeline", default="doodle", help="doodle, a folder, or a name on the hub")
    parser.add_argument("--steps", default="5,10,20,40", help="numbers of steps, with commas between them")
    arguments = parser.parse_args()
    print("| steps | first picture, s | next pictures, s | memory, MiB |\n|---|---|---|---|")
    for steps in arguments.steps.split(","):
        command = [sys.executable, "-c", ONE, arguments.pipeline, steps]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        first, later, memory = json.loads(done.stdout.splitlines()[-1])
        print(f"| {steps} | {first:.2f} | {later:.2f} | {memory:.0f} |", flush=True)


if __name__ == "__main__":
    main()

"""How long a call of the calculator and of the equation solver takes, and what their isolation costs.

    python bench/exact_plugins.py [ROWS.jsonl]

ROWS holds one JSON object per line with `tool` (Calculate or Solve) and `argument`; without it the
arguments below are used. "worker" is a call as the agent makes it, in a worker process that can be
killed; "inside" the same function in this process. Both are warm. The last table is the first call of a
fresh runner: at once, and after its warm-up.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from statistics import median

from moss_agent.errors import PluginError
from moss_agent.plugin_host import PluginRunner, discover, select

ARGUMENTS = {
    "Calculate": [
        "37*89", "(1500/20)*1.5", "15% of 80", "2^100", "sqrt(2)*sin(pi/5)", "p=(5+6+7)/2; sqrt(p*(p-5)*(p-6)*(p-7))",
        "0.1+0.2-0.3", "10!/(3!*7!)", "12.5*4=50", "300万元/40万人", "2024-03-01 - 2024-02-01", "factorial(200)",
    ],
    "Solve": [
        "x+y=35; 2x+4y=94", "x^2=144", "3x=160", "0.5x=65", "x+y=7; xy=12", "a*x^2+b*x+c=0; x", "|x-3|=5",
        "log(x)=2", "2*sin(x)=1", "x^2-5x+6<0", "x=cos(x)", "x+y+z=6; x-y=1; z=2x",
    ],
}  # fmt: skip
ROUNDS = 5  # over the arguments


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="?", type=Path, metavar="ROWS.jsonl")
    arguments = read(path) if (path := parser.parse_args().rows) else ARGUMENTS
    plugins = discover()
    heads = ["worker median", "p95", "inside median", "p95", "isolation"]
    print(f"{'ms per call':<12}{'calls':>6}" + "".join(f"{head:>15}" for head in heads))
    with closing(PluginRunner(select(plugins, ARGUMENTS))) as runner:
        for name in ARGUMENTS:
            worker = milliseconds(lambda a, name=name: runner.run(name, [a]), arguments[name])
            inside = milliseconds(lambda a, name=name: plugins[name](a), arguments[name])
            cost = median(worker) - median(inside)
            figures = [median(worker), p95(worker), median(inside), p95(inside), cost]
            print(f"{name:<12}{len(worker):>6}" + "".join(f"{figure:>15.2f}" for figure in figures))
    print(f"\n{'first call':<12}{'at once, ms':>12}{'warmed up, ms':>15}")
    for name in ARGUMENTS:
        print(f"{name:<12}{first_call(name, wait=0):>12.0f}{first_call(name, wait=10):>15.0f}")


def read(path: Path) -> dict[str, list[str]]:
    """The arguments of a file, by tool."""
    rows = [json.loads(line) for line in path.read_bytes().splitlines()]
    return {name: [row["argument"] for row in rows if row["tool"] == name] for name in ARGUMENTS}


def milliseconds(call: Callable[[str], object], arguments: Sequence[str]) -> list[float]:
    """How long each call takes, after one round that warms up."""
    return [took for _ in range(1 + ROUNDS) for took in timed(call, arguments)][len(arguments) :]


def timed(call: Callable[[str], object], arguments: Sequence[str]) -> Iterator[float]:
    for argument in arguments:
        started = time.perf_counter()
        with suppress(PluginError):
            call(argument)
        yield 1000 * (time.perf_counter() - started)


def p95(times: Sequence[float]) -> float:
    return sorted(times)[int(0.95 * len(times))]


def first_call(name: str, wait: float) -> float:
    """Milliseconds of the first call of a fresh runner, `wait` seconds after its warm-up began."""
    with closing(PluginRunner(select(discover(), ARGUMENTS))) as runner:
        if wait:
            runner.warm_up()
            time.sleep(wait)
        return next(timed(lambda a: runner.run(name, [a]), [ARGUMENTS[name][0]]))


if __name__ == "__main__":
    main()

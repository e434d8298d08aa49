"""How long a user waits before anything begins: `python bench/startup.py` prints a table.

Each row is the median of 10 runs in fresh processes; the first row is the interpreter itself, which the
others contain.
"""

from __future__ import annotations

import subprocess
import sys
import time
from statistics import median

RUNS = 10
CASES = {
    "python -c pass": (["-c", "pass"], None),
    "import moss_agent": (["-c", "import moss_agent"], 0.15),
    "moss-agent --help": (["-m", "moss_agent", "--help"], 0.3),
    "moss-agent --version": (["-m", "moss_agent", "--version"], 0.3),
}


def main() -> None:
    print(f"{'':22}{'median':>9}{'slowest':>9}{'limit':>9}")
    for name, (arguments, limit) in CASES.items():
        seconds = [measure(arguments) for _ in range(RUNS)]
        bound = f"{limit:.3f} s" if limit else ""
        print(f"{name:22}{median(seconds):7.3f} s{max(seconds):7.3f} s{bound:>9}")


def measure(arguments: list[str]) -> float:
    """Seconds that one process takes."""
    started = time.perf_counter()
    subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()

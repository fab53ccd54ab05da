"""The time to import every core name beyond `import torch`, in processes taken in turn.

Run `python tests/benchmarks/bench_import.py`.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

NAMES = "import altasks as al\nfor name in al.__all__: getattr(al, name)\n"


def seconds(code: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=9)
    repeats = parser.parse_args().repeats
    codes = {
        "nothing": "pass",
        "altasks": "import altasks",
        "torch": "import torch",
        "all names": NAMES,
    }
    for code in codes.values():
        seconds(code)  # fills the file cache and writes the bytecode
    times: dict[str, list[float]] = {name: [] for name in codes}
    for _ in range(repeats):
        for name, code in codes.items():
            times[name].append(seconds(code))
    for name, values in times.items():
        print(f"{name:>10}: median {statistics.median(values):.3f} s, min {min(values):.3f} s")
    ratios = [a / b for a, b in zip(times["all names"], times["torch"], strict=True)]
    print(f"all names / torch, in pairs: median {statistics.median(ratios):.3f} (target <= 1.2)")


if __name__ == "__main__":
    main()

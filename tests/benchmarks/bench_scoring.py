"""Scoring a million cheap samples: is time linear, and is memory the result's?

Run `python tests/benchmarks/bench_scoring.py`. Each size runs in a process of its own, so that its
peak memory is its own; the floor is what the ids, values and order of that many samples take.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time

SIZES = (100_000, 1_000_000)


class Cheap:
    """A sample is an int; its two members are made up from it."""

    default_acquisition = "bald"

    def size(self, sample):
        return sample % 7

    def predict(self, samples):
        import torch

        import altasks as al

        x = (torch.tensor(samples, dtype=torch.float32)[:, None] * 0.37) % 1  # n x 1
        p = torch.stack([x, x.flip(0)], 1)  # n x 2 x 1
        return al.Categorical.from_logits(torch.cat([p, -p], 2))


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def one(size: int) -> None:
    import torch

    import altasks as al

    torch.set_num_threads(1)
    pool = range(size)
    al.score(Cheap(), range(1000), batch_size=256, progress=False)  # everything is imported now
    before = peak_mb()
    start = time.perf_counter()
    scores = al.score(Cheap(), pool, batch_size=256, progress=False)
    seconds = time.perf_counter() - start
    # The result: an id (49 to 56 bytes and a pointer) and a float64 each.
    floor = (sum(map(sys.getsizeof, scores.ids)) + 8 * size + 8 * size) / 2**20
    print(json.dumps({"size": size, "s": seconds, "extra": peak_mb() - before, "floor": floor}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", type=int)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    if args.one:
        one(args.one)
        return
    best: dict[int, dict[str, float]] = {}
    for _ in range(args.repeats):
        for size in SIZES:
            done = subprocess.run(
                [sys.executable, __file__, "--one", str(size)],
                capture_output=True,
                text=True,
                check=True,
            )
            row = json.loads(done.stdout)
            if size not in best or row["s"] < best[size]["s"]:
                best[size] = row
    print(f"{'samples':>10} {'seconds':>8} {'us/sample':>10} {'peak MB':>8} {'result MB':>10}")
    for size, row in best.items():
        print(
            f"{size:>10} {row['s']:>8.2f} {1e6 * row['s'] / size:>10.2f} {row['extra']:>8.0f} "
            f"{row['floor']:>10.0f}"
        )
    small, large = (best[size] for size in SIZES)
    print(f"time ratio for 10x the pool: {large['s'] / small['s']:.2f} (target <= 11)")
    print(f"peak above the result: {large['extra'] - large['floor']:.0f} MB (target <= 200)")


if __name__ == "__main__":
    main()

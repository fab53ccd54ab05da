"""A store of a million samples and 50,000 labels: open, status, ask, tell; eight askers.

    python tests/benchmarks/bench_store.py
    python tests/benchmarks/bench_store.py --samples 20000 --labels 1000

The task scores a sample in no time, and the time it takes for all is taken off. Each step runs in a
process that has just opened the store, and the fastest of the repeats counts. Half of the labels
were asked, 100 a round, the others were given. The askers are processes that open the store, wait
for each other, and ask three times each; what is counted is how often each scored the pool.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np


class Cheap:
    """A trained committee whose draws belong to the round; a sample is a number."""

    default_acquisition = "bald"
    joint_draws = True

    def __init__(self) -> None:
        self.spent = 0.0
        self.scored = 0

    def start_round(self, round: int) -> None:
        self.round = round

    def predict(self, samples: Any) -> Any:
        import torch

        import altasks as al

        began = time.perf_counter()
        x = (torch.tensor(samples, dtype=torch.float32)[:, None] * 0.37 + self.round) % 1  # n x 1
        p = torch.stack([x, x.flip(0)], 1)  # n x 2 x 1
        made = al.Categorical.from_logits(torch.cat([p, -p], 2))
        self.scored += len(samples)
        self.spent += time.perf_counter() - began
        return made

    def fit(self, samples: Any, labels: Any, *, seed: int, **_: Any) -> None:
        del samples, labels, seed

    def save(self, directory: Any) -> None:
        Path(directory, "task.json").write_text("{}")

    def load(self, directory: Any) -> None:
        Path(directory, "task.json").read_text()


def pool_of(count: int) -> dict[str, int]:
    return {f"sample-{i:07d}": i for i in range(count)}


def build(path: Path, samples: int, labels: int) -> None:
    """Write the store, through its own methods."""
    import altasks as al
    from altasks.loop.base import AskedSample

    pool = pool_of(samples)
    every = list(pool)
    names = [every[i] for i in np.random.default_rng(0).permutation(samples)[:labels].tolist()]
    asked = names[: labels // 2]
    with al.ActiveLoop(Cheap(), pool, store=path, progress=False) as loop:
        for number, start in enumerate(range(0, len(asked), 100), 1):
            batch = asked[start : start + 100]
            loop.store.record_ask(
                number, [AskedSample(name, 0.5) for name in batch], {"wanted": 100}
            )
        for start in range(0, labels, 5000):
            loop.store.tell(dict.fromkeys(names[start : start + 5000], "yes"), replace=False)
        loop.fit()


def measure(path: Path, samples: int) -> dict[str, float]:
    """Open the store and take each step's time, in seconds; scoring is taken off."""
    import altasks as al

    pool = pool_of(samples)
    al.score(Cheap(), list(range(64)), "bald", progress=False)  # everything is imported now
    al.ActiveLoop(Cheap(), {"a": 1, "b": 2}, progress=False).ask(1)
    found = {}
    task = Cheap()
    began = time.perf_counter()

    def step(name: str, off: float = 0.0) -> None:
        nonlocal began
        found[name] = time.perf_counter() - began - off
        began = time.perf_counter()

    loop = al.ActiveLoop(task, pool, store=path, batch_size=1024, progress=False)
    step("open")
    assert "labelled" in repr(loop)
    assert loop.pending is not None
    step("status")
    from altasks.loop import selection

    scored = [0.0]
    original = selection.Selector.score

    def timed(self: Any, *arguments: Any) -> Any:
        start = time.perf_counter()
        made = original(self, *arguments)
        scored[0] += time.perf_counter() - start
        return made

    selection.Selector.score = timed  # type: ignore[method-assign]
    began = time.perf_counter()
    first = loop.ask(100)
    step("ask", scored[0])
    second = loop.ask(100)
    step("ask again")
    loop.tell(dict.fromkeys(first.ids, "no"))
    step("tell 100")
    scores = np.linspace(0, 1, samples)
    began = time.perf_counter()
    third = loop.ask(100, scores=scores)
    step("ask(scores=)")
    found["(scoring)"] = scored[0]
    loop.tell(dict.fromkeys([*second.ids, *third.ids], "no"))
    return found


def ask(path: Path, samples: int, start: float) -> dict[str, float]:
    """Open the store, wait for `start`, ask three times; return how often the pool was scored."""
    import altasks as al

    task = Cheap()
    loop = al.ActiveLoop(task, pool_of(samples), store=path, batch_size=1024, progress=False)
    time.sleep(max(0.0, start - time.time()))
    asked = [loop.ask(10).ids for _ in range(3)]
    return {"passes": task.scored / samples, "asked": len({one for ids in asked for one in ids})}


def run(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, __file__, *arguments], stdout=subprocess.PIPE, text=True
    )


def result(process: subprocess.Popen[str]) -> dict[str, float]:
    out, _ = process.communicate()
    if process.returncode:
        raise SystemExit(process.returncode)
    found: dict[str, float] = json.loads(out.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--samples", type=int, default=1_000_000)
    parser.add_argument("--labels", type=int, default=50_000)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--askers", type=int, default=8)
    parser.add_argument("--asking-samples", type=int, default=20_000, help="pool of the askers")
    parser.add_argument("--step", nargs="+", help="(used by itself)")
    args = parser.parse_args()
    if args.step:
        what, path, *rest = args.step
        made = (
            measure(Path(path), args.samples)
            if what == "measure"
            else ask(Path(path), args.samples, float(rest[0]))
        )
        print(json.dumps(made))
        return
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "store.db")
        build(path, args.samples, args.labels)
        best: dict[str, float] = {}
        for _ in range(args.repeats):
            arguments = ["--samples", str(args.samples), "--step", "measure", str(path)]
            for step, seconds in result(run(*arguments)).items():
                best[step] = min(best.get(step, seconds), seconds)
        few = Path(name, "few.db")
        build(few, args.asking_samples, args.asking_samples // 20)
        start = str(time.time() + 30)
        arguments = ["--samples", str(args.asking_samples), "--step", "ask", str(few), start]
        askers = [run(*arguments) for _ in range(args.askers)]
        passes = [result(one)["passes"] for one in askers]
    print(f"{args.samples:,} samples, {args.labels:,} labels")
    for step, seconds in best.items():
        print(f"{step:14} {seconds:7.3f} s")
    total = best["open"] + best["status"] + best["ask"]
    print(f"open, status and ask {total:.2f} s (target: below 2)")
    print(f"tell of 100 {1000 * best['tell 100']:.0f} ms (target: below 100)")
    print(f"{args.askers} askers at once scored the pool {max(passes):.2f} times each, at most (1)")


if __name__ == "__main__":
    main()

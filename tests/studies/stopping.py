"""Where does each stopping rule stop, and what is left on the table? A head on frozen features.

    python tests/studies/stopping.py                        # topics of chatterbot-corpus, digits
    python tests/studies/stopping.py --snips FOLDER

Each run (a set and a seed) is a loop with the default strategy to a budget far along its curve;
after each fit every rule is asked whether it would stop. A run is a row in
`docs/results/stopping.jsonl`, keyed by its configuration and the version of the code; a row that is
there is not run again. The thresholds are the rules' defaults and one looser each; none was chosen
on these sets.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from efficiency_heads import MEASURED, Features, Rows, chatterbot, digits, snips

import altasks as al
from altasks.report.results import ResultRows, code_version

REPO = Path(__file__).resolve().parents[2]
#: Set -> the labels before the first fit, those of each round, and those in all.
BUDGETS = {"chatterbot": (24, 24, 600), "digits": (20, 20, 600), "snips": (20, 20, 600)}
RULES: dict[str, Any] = {
    "StabilisingPredictions(0.99)": al.StabilisingPredictions(),
    "StabilisingPredictions(0.97)": al.StabilisingPredictions(0.97),
    "ClassificationChange(0)": al.ClassificationChange(),
    "ClassificationChange(0.01)": al.ClassificationChange(0.01),
    "OverallUncertainty(0.05)": al.OverallUncertainty(),
    "OverallUncertainty(0.1)": al.OverallUncertainty(0.1),
    "Plateau(rounds=3)": al.Plateau(),
    "Plateau(rounds=3, gain=0.005)": al.Plateau(gain=0.005),
}


class Measured(Rows):
    """The head, which tells its accuracy on the rows that are held out."""

    def evaluate(self, rows: Any, labels: Any) -> dict[str, float]:
        """Return the accuracy on rows."""
        guess = (self.points[np.array(rows)] @ self.weight).argmax(1).numpy()
        return {"accuracy": float((guess == np.array(labels)).mean())}


def run(name: str, data: Features, seed: int) -> dict[str, Any]:
    """Run the default to the budget; return its curve and where each rule would have stopped."""
    start, batch, budget = BUDGETS[name]
    every = np.concatenate([data.points, data.test_points])
    task = Measured(every, int(data.labels.max()) + 1, passes=1, dropout=0.3, seed=seed)
    size = len(data.points)
    loop = al.ActiveLoop(
        task, list(range(size)), strategy="uncertainty_herding", cold_start="typiclust", seed=seed,
        batch_size=4096, progress=False,
    )  # fmt: skip
    curve: dict[str, list[float]] = {"labels": [], "accuracy": []}
    stopped: dict[str, int] = {}
    test = list(range(size, len(every))), data.test_labels.tolist()
    # The first ask is the start; later ones are the rest, by batches.
    for most, step in ((start, start), (budget, batch)):
        for done in loop.run(al.Simulated(data.labels.tolist()), most, step, test=test):
            curve["labels"].append(done.labelled)
            curve["accuracy"].append(done.metrics["accuracy"])
            for rule, made in RULES.items():
                if rule not in stopped and loop.should_stop(made):
                    stopped[rule] = done.labelled
    return {**curve, "stopped": stopped}


def config(name: str, seed: int) -> dict[str, Any]:
    """Return what a run is the result of."""
    return {"study": "stopping", "set": name, "budget": list(BUDGETS[name]), "seed": seed}


def table(results: ResultRows, name: str, seeds: int) -> str:
    """Return a Markdown table: where a rule stopped, and the accuracy that was still to come."""
    rows = [results.get(config(name, seed)) for seed in range(seeds)]
    if not all(rows):
        return f"{name}: no complete runs yet"
    last = np.mean([row["accuracy"][-1] for row in rows if row])
    lines = [
        f"| {name}: {last:.3f} at {BUDGETS[name][2]} | seeds that stopped | labels then "
        "| accuracy then | of the budget's accuracy left on the table | labels not asked for |",
        "|---|---|---|---|---|---|",
    ]
    for rule in RULES:
        at, then, left = [], [], []
        for row in rows:
            if row and rule in row["stopped"]:
                at.append(row["stopped"][rule])
                then.append(row["accuracy"][row["labels"].index(at[-1])])
                left.append(row["accuracy"][-1] - then[-1])
        if at:
            lines.append(
                f"| `{rule}` | {len(at)} | {np.mean(at):.0f} ({min(at)} to {max(at)}) "
                f"| {np.mean(then):.3f} | {np.mean(left):.3f} ({min(left):.3f} to {max(left):.3f}) "
                f"| {1 - np.mean(at) / BUDGETS[name][2]:.0%} |"
            )
        else:
            lines.append(f"| `{rule}` | 0 | | | | |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Run what is missing, then print a table for each set."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--snips", type=Path, help="a folder with a folder for each intent")
    parser.add_argument("--sets", nargs="+", choices=list(BUDGETS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=REPO / "docs/results/stopping.jsonl")
    parser.add_argument("--table", action="store_true", help="run nothing; print what is there")
    args = parser.parse_args(arguments)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    torch.set_num_threads(args.threads)
    measured = (*MEASURED, "altasks.loop.stopping.rules", "altasks.loop.stopping.agreement")
    results = ResultRows(args.out, code=code_version(*measured))
    makers: dict[str, Any] = {"chatterbot": chatterbot, "digits": digits}
    if args.snips:
        makers["snips"] = lambda: snips(args.snips)
    for name in args.sets or (list(BUDGETS) if args.table else list(makers)):
        missing = [seed for seed in range(args.seeds) if results.get(config(name, seed)) is None]
        if missing and not args.table:
            data = makers[name]()
            for seed in missing:
                results.add(config(name, seed), run(name, data, seed))
        print(table(results, name, args.seeds), flush=True)


if __name__ == "__main__":
    main()

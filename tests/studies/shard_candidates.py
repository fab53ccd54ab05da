"""What do strategies lose that see only the candidates of each shard? banking77, MiniLM and a head.

    python tests/studies/shard_candidates.py

A loop picks batches from the whole pool, or from what four shards keep: so many samples each, the
best by score, drawn ones, or half of each. Each run (a strategy, what it sees, a seed) is a row in
`docs/results/shard_candidates.jsonl`; a row that is there is not run again. The data is that of
`efficiency_banking77.py`.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from efficiency_banking77 import REPO, Head, read

import altasks as al
from altasks._internal.random import derive_rng
from altasks.report.results import ResultRows, code_version
from altasks.scoring import Scores
from altasks.scoring.shards.candidates import candidate_rows
from altasks.strategies import Candidates

STRATEGIES = ("uncertainty_herding", "badge", "k_center", "typiclust")
#: Candidates of a shard for each sample of a batch, and which; None: the whole pool.
VIEWS = (None, *((times, by) for times in (1, 10) for by in ("score", "drawn", "both")))
MEASURED = (
    *("altasks.scoring.score", "altasks.scoring.shards.candidates", "altasks.predictions"),
    *(f"altasks.strategies.{name}" for name in (*STRATEGIES, "_coverage", "_kmeans", "_radius")),
)


def seen(scores: Scores, view: Any, args: argparse.Namespace, seed: int) -> Scores:
    """Return what a strategy sees: all, or the candidates of each shard."""
    if view is None:
        return scores
    times, by = view
    kept = []
    for shard in range(args.shards):  # rows of the pool are in no order
        rows = np.arange(shard, len(scores), args.shards)
        mine = candidate_rows(scores.take(rows), times * args.batch, by, seed)
        kept.append(rows[mine])
    return scores.take(np.sort(np.concatenate(kept)))


def run(args: argparse.Namespace, data: Any, name: str, view: Any, seed: int) -> dict[str, Any]:
    """Run a loop and return its curve of accuracies."""
    size = len(data.texts)
    points = np.concatenate([data.points, data.test_points])
    task: Any = Head(points, len(data.names), passes=5, dropout=0.3, seed=seed)
    taken = derive_rng(seed, "start").permutation(size)[: args.start].tolist()
    accuracy = []
    for number in range(args.rounds + 1):
        rows = np.array(taken)
        task.fit(rows, data.labels[rows])
        accuracy.append(task.accuracy(data.test_labels, size))
        if number == args.rounds:
            break
        gone = set(taken)
        free = {str(row): row for row in range(size) if row not in gone}
        scores = al.score(
            task, free, "margin", batch_size=1024, keep=("embeddings", "mean_probs"),
            progress=False, round=number,
        )  # fmt: skip
        shown = seen(scores, view, args, seed)
        strategy = al.get_strategy(name)()
        fields: dict[str, Any] = {}
        if "labelled_embeddings" in strategy.needs:
            labelled = task.embed(taken).numpy()
            fields = {"labelled_embeddings": labelled, "pending_embeddings": labelled[:0]}
        candidates = Candidates(
            shown.ids, shown.values, shown.embeddings, shown.mean_probs, **fields
        )
        picks = strategy.select(candidates, args.batch, rng=derive_rng(seed, "ask", number))
        taken += [free[one] for one in picks]
    return {"accuracy": accuracy, "seen": len(shown), "of": len(scores)}


def config(args: argparse.Namespace, name: str, view: Any, seed: int) -> dict[str, Any]:
    """Return what a run is the result of."""
    given = ("pool", "shards", "start", "batch", "rounds")
    kept = {"candidates": None, "by": None} if view is None else dict(
        zip(("candidates", "by"), view, strict=True)
    )  # fmt: skip
    return {
        "study": "shard_candidates", "strategy": name, **kept, "seed": seed,
        **{key: getattr(args, key) for key in given},
    }  # fmt: skip


def interval(differences: Any) -> str:
    """Return the mean and its 95% interval by Student's t (of five pairs, 2.776)."""
    from scipy.stats import t

    count = len(differences)
    half = t.ppf(0.975, count - 1) * np.std(differences, ddof=1) / count**0.5
    return f"{np.mean(differences):+.4f} ± {half:.4f}"


def main(arguments: list[str] | None = None) -> None:
    """Run what is missing, then print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=REPO.parent / "shared/data/text/banking77")
    parser.add_argument("--work", type=Path, help="keeps embeddings; a temporary folder")
    parser.add_argument("--out", type=Path, default=REPO / "docs/results/shard_candidates.jsonl")
    for option, default in (
        *(("pool", 4000), ("shards", 4), ("start", 80), ("batch", 20), ("rounds", 5)),
        ("seeds", 5),
    ):
        parser.add_argument(f"--{option}", type=int, default=default)
    args = parser.parse_args(arguments)
    data = read(args.data, args.work or Path(tempfile.mkdtemp()), args.pool)
    results = ResultRows(args.out, code=code_version(*MEASURED))
    arms = [("random", None), *((name, view) for name in STRATEGIES for view in VIEWS)]
    for name, view in arms:
        for seed in range(args.seeds):
            key = config(args, name, view, seed)
            if results.get(key) is None:
                results.add(key, run(args, data, name, view, seed))
        print(name, view, flush=True)
    print("| strategy | candidates a shard | by | share seen | accuracy | minus the whole's |")
    print("|---|---|---|---|---|---|")
    for name, view in arms:
        rows = [results.get(config(args, name, view, seed)) for seed in range(args.seeds)]
        means = [float(np.mean(row["accuracy"][1:])) for row in rows]
        like = STRATEGIES[0] if name == "random" else name
        whole = [results.get(config(args, like, None, seed)) for seed in range(args.seeds)]
        base = [float(np.mean(row["accuracy"][1:])) for row in whole]
        loss = "" if name != "random" and view is None else interval(np.subtract(means, base))
        times, by = view or ("all", "")
        share = rows[0]["seen"] / rows[0]["of"]
        many = times if view is None else f"{times} x batch"
        print(f"| {name} | {many} | {by} | {share:.1%} | {np.mean(means):.4f} | {loss} |")


if __name__ == "__main__":
    main()

"""How fast are the methods that look at gradients? One command, three tables.

    python tests/benchmarks/bench_gradients.py --peer-python OTHER/bin/python

1. `expected_gradient_length` against `entropy` on the same array, called in turns in one process.
2. Against other libraries, on sizes they can finish. OTHER is an environment with
   `scikit-activeml` and `small-text`; a peer that it lacks is left out, and said to be. small-text
   takes one backward pass per sample and class through the whole model, here a single linear layer,
   and sums the absolute values of a gradient where the paper takes its length, so the scores can't
   be compared. scikit-activeml has no expected gradient length for classes; its
   `MonteCarloEER("log_loss")` retrains a classifier per sample and class, here scikit-learn's
   ridge-penalised logistic regression, which is what our `ExpectedErrorReduction("refit")` refits:
   the picks must be the same.
3. How `VarianceReduction`, `ExpectedErrorReduction` and `FisherMatching` grow with the pool: each
   size in a process of its own, and the ratio to the size before.

Seconds are those of the process, not of the clock on the wall, so that neighbours on the machine
don't count. `--small` only shows that everything works. Rows also go to `--out`, as JSON lines.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

POOLS = (12_500, 25_000, 50_000)
WIDTH, CLASSES, BATCH, LABELLED = 384, 20, 100, 200
#: What is timed on pools: name -> how it is made.
GROWING = ("variance trace", "variance regression", "error step", "matching")
#: peer case -> (full size, small size)
PEERS = {
    "small-text": ({"n": 500, "d": 64, "classes": 10}, {"n": 20, "d": 8, "classes": 3}),
    "scikit-activeml": ({"n": 100, "d": 5, "classes": 3}, {"n": 12, "d": 2, "classes": 3}),
}
WANTED = {"entropy": 3, "small-text": 50, "scikit-activeml": 50}


def softmax(logits: np.ndarray) -> np.ndarray:
    raised = np.exp(logits - logits.max(1, keepdims=True))
    return raised / raised.sum(1, keepdims=True)


def pool_of(n: int, d: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs of a linear layer and its probabilities, in float32."""
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((n, d)).astype(np.float32)
    probs = softmax(2 * inputs @ rng.standard_normal((d, classes)) / np.sqrt(d))
    return inputs, probs.astype(np.float32)


def against_entropy(small: bool, repeats: int) -> dict:
    """Time both in turns on the same prediction."""
    import torch

    import altasks as al

    n, classes, width = (2_000, 10, 16) if small else (100_000, 100, WIDTH)
    generator = torch.Generator().manual_seed(0)
    probs = torch.softmax(2 * torch.randn(n, classes, generator=generator), 1)
    features = torch.randn(n, width, generator=generator)
    prediction = al.Categorical(probs, features=features)
    taken: dict[str, list[float]] = {"entropy": [], "expected_gradient_length": []}
    for turn in range(repeats + 1):
        for name, times in taken.items():
            start = time.process_time()
            al.get_acquisition(name)(prediction)
            if turn:  # the first call warms up
                times.append(time.process_time() - start)
    mine, other = (
        statistics.median(taken[name]) for name in ("expected_gradient_length", "entropy")
    )
    size = {"n": n, "classes": classes, "d": width}
    return {"what": "entropy", **size, "seconds": mine, "other": other, "ratio": mine / other}


def labels_of(size: dict) -> np.ndarray:
    """Return labels for the labelled rows of scikit-activeml's case: each class, then any."""
    rng = np.random.default_rng(1)
    extra = rng.integers(size["classes"], size=3 * size["classes"])
    return np.concatenate([np.arange(size["classes"]), extra])


def ridge_classifier():
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=1.0, fit_intercept=False, tol=1e-8, max_iter=5_000)


def ours_small_text(size: dict) -> tuple[float, list]:
    import altasks as al

    inputs, probs = pool_of(size["n"], size["d"], size["classes"])
    prediction = al.Categorical(probs, features=inputs)
    al.expected_gradient_length(prediction)
    start = time.process_time()
    al.expected_gradient_length(prediction)
    return time.process_time() - start, []


def theirs_small_text(size: dict) -> tuple[float, list]:
    from types import SimpleNamespace

    import torch
    from small_text.integrations.pytorch.query_strategies import ExpectedGradientLength

    inputs, _ = pool_of(size["n"], size["d"], size["classes"])
    made = ExpectedGradientLength(size["classes"], device="cpu")
    fitted = SimpleNamespace(model=torch.nn.Linear(size["d"], size["classes"]))
    criterion = torch.nn.CrossEntropyLoss(reduction="none")
    found = np.zeros(size["n"])
    start = time.process_time()
    for first in range(0, size["n"], made.batch_size):
        block = torch.from_numpy(inputs[first : first + made.batch_size])
        made.compute_gradient_lengths(fitted, criterion, found, first, block)
    return time.process_time() - start, []


def ours_scikit_activeml(size: dict) -> tuple[float, list]:
    import altasks as al

    y = labels_of(size)
    inputs, _ = pool_of(size["n"] + len(y), size["d"], size["classes"])
    wide = np.concatenate([inputs, np.ones((len(inputs), 1))], 1)
    probs = ridge_classifier().fit(wide[: len(y)], y).predict_proba(wide[len(y) :])
    candidates = al.Candidates(
        [str(row) for row in range(size["n"])],
        np.zeros(size["n"]),
        embeddings=inputs[len(y) :],
        mean_probs=probs,
        labelled_embeddings=inputs[: len(y)],
        pending_embeddings=inputs[:0],
    )
    made = al.ExpectedErrorReduction("refit", ridge=1.0, sample=None)
    made.select(candidates.take(np.arange(2)), 1, rng=np.random.default_rng(0))
    start = time.process_time()
    picks = made.select(candidates, 1, rng=np.random.default_rng(0))
    return time.process_time() - start, [int(name) for name in picks]


def theirs_scikit_activeml(size: dict) -> tuple[float, list]:
    from skactiveml.classifier import SklearnClassifier
    from skactiveml.pool import MonteCarloEER

    y = labels_of(size)
    inputs, _ = pool_of(size["n"] + len(y), size["d"], size["classes"])
    wide = np.concatenate([inputs, np.ones((len(inputs), 1))], 1)
    known = np.full(len(wide), np.nan)
    known[: len(y)] = y
    model = SklearnClassifier(ridge_classifier(), classes=list(range(size["classes"])))
    query = MonteCarloEER(method="log_loss", random_state=0)
    start = time.process_time()
    picks = query.query(wide, known, model, X_eval=wide[len(y) :])
    return time.process_time() - start, [int(row) - len(y) for row in picks]


def growing(name: str, n: int, d: int, classes: int, batch: int) -> tuple[float, list]:
    """Time one strategy on a pool."""
    import altasks as al

    inputs, probs = pool_of(n + LABELLED, d, classes)
    known = slice(0, LABELLED)
    labels = probs[known].argmax(1)
    labels[::2] = (labels[::2] + 1) % classes
    strategy = {
        "variance trace": lambda: al.VarianceReduction("trace"),
        "variance regression": lambda: al.VarianceReduction("regression"),
        "error step": lambda: al.ExpectedErrorReduction("step"),
        "matching": lambda: al.FisherMatching((inputs[known], probs[known], labels)),
    }[name]()
    every = {
        "embeddings": inputs[LABELLED:],
        "mean_probs": probs[LABELLED:],
        "labelled_embeddings": inputs[known],
        "pending_embeddings": inputs[:0],
    }
    ids = [str(row) for row in range(n)]
    fields = {field: every[field] for field in strategy.needs}
    candidates = al.Candidates(ids, np.zeros(n), **fields)
    few = candidates.take(np.arange(50))
    strategy.select(few, 2, rng=np.random.default_rng(0))
    start = time.process_time()
    strategy.select(candidates, batch, rng=np.random.default_rng(0))
    return time.process_time() - start, []


def child(work: str, arguments: list) -> None:
    """Do one piece of work and print it as JSON."""
    import warnings

    warnings.simplefilter("ignore")
    found = globals()[work](*arguments)
    if not isinstance(found, dict):
        found = dict(zip(("seconds", "picks"), found, strict=True))
    print("RESULT " + json.dumps(found))


def launch(python: str, work: str, arguments: list, options) -> dict | str:
    """Run `child` in a process of its own; return its result, or why there is none."""
    threads = {
        f"{library}_NUM_THREADS": str(options.threads) for library in ("OMP", "OPENBLAS", "MKL")
    }
    root = str(Path(__file__).parents[2])
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [python, __file__, "--child", work, json.dumps(arguments)],
            capture_output=True,
            text=True,
            check=False,
            cwd=folder,
            env={**os.environ, **threads, **({} if "theirs" in work else {"PYTHONPATH": root})},
        )
    for line in done.stdout.splitlines():
        if line.startswith("RESULT "):
            return json.loads(line.removeprefix("RESULT "))
    return (done.stderr.strip().splitlines() or ["no output"])[-1]


def best(python: str, work: str, arguments: list, options) -> dict | str:
    """Return the run with the median time of several."""
    found = [launch(python, work, arguments, options) for _ in range(options.repeats)]
    wrong = [one for one in found if isinstance(one, str)]
    return wrong[0] if wrong else sorted(found, key=lambda one: one["seconds"])[len(found) // 2]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer-python", default=sys.executable)
    parser.add_argument("--small", action="store_true", help="only show that it works")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, help="append rows as JSON lines")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child[0], json.loads(options.child[1]))
        return

    def keep(row: dict) -> None:
        if options.out:
            with options.out.open("a") as file:
                file.write(json.dumps({**row, "threads": options.threads}) + "\n")

    print("| expected gradient length | seconds | entropy, s | ratio | at most |")
    print("|---|---|---|---|---|")
    repeats = max(5, options.repeats)
    row = launch(sys.executable, "against_entropy", [options.small, repeats], options)
    if isinstance(row, str):
        raise SystemExit(f"expected_gradient_length: {row}")
    print(
        f"| {row['n']:,} x {row['classes']}, d {row['d']} | {row['seconds']:.4f} |"
        f" {row['other']:.4f} | {row['ratio']:.2f} | {WANTED['entropy']} |\n",
        flush=True,
    )
    keep(row)

    print("| what | setting | altasks, s | peer | peer, s | ratio | at least | same picks |")
    print("|---|---|---|---|---|---|---|---|")
    names = {
        "small-text": "expected gradient length",
        "scikit-activeml": "error reduction by refitting",
    }
    for peer, sizes in PEERS.items():
        size = sizes[1] if options.small else sizes[0]
        work = peer.replace("-", "_")
        mine = best(sys.executable, f"ours_{work}", [size], options)
        if isinstance(mine, str):
            raise SystemExit(f"{peer}: altasks failed: {mine}")
        theirs = best(options.peer_python, f"theirs_{work}", [size], options)
        setting = ", ".join(f"{key} {value:,}" for key, value in size.items())
        start = f"| {names[peer]} | {setting} | {mine['seconds']:.5f} | {peer} |"
        if isinstance(theirs, str):
            print(f"{start} {theirs} | | | |")
            continue
        ratio = theirs["seconds"] / mine["seconds"]
        same = "another norm" if not mine["picks"] else str(mine["picks"] == theirs["picks"])
        print(
            f"{start} {theirs['seconds']:.3f} | {ratio:.0f} | {WANTED[peer]} | {same} |",
            flush=True,
        )
        keep({"what": peer, **size, "seconds": mine["seconds"], "ratio": ratio, "same": same})

    d, classes, batch = (16, 4, 5) if options.small else (WIDTH, CLASSES, BATCH)
    pools = (250, 500, 1_000) if options.small else POOLS
    print(f"\n| strategy (d {d}, {classes} classes, batch {batch}) | pool | seconds | ratio |")
    print("|---|---|---|---|")
    for name in GROWING:
        before = None
        for n in pools:
            found = launch(sys.executable, "growing", [name, n, d, classes, batch], options)
            if isinstance(found, str):
                raise SystemExit(f"{name}: {found}")
            seconds = found["seconds"]
            growth = "" if before is None else f"{seconds / before:.2f}"
            print(f"| {name} | {n:,} | {seconds:.2f} | {growth} |", flush=True)
            keep({"what": name, "n": n, "d": d, "classes": classes, "seconds": seconds})
            before = seconds


if __name__ == "__main__":
    main()

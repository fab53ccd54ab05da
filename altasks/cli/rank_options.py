"""The options of `altasks rank` that every task has."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Any

from altasks.cli.rankers.base import SAMPLES_AT_ONCE, RankOption


class Engine(StrEnum):
    """Who scores, if not this process; see `altasks.score`."""

    RAY = "ray"


#: Of every task. An option without a default has to be given.
SHARED: tuple[RankOption[Any], ...] = (
    RankOption("--task", str, "What the model does; see `altasks tasks`.", ...),
    RankOption("--pool", Path, "The samples: a table (.csv, .tsv, .jsonl), or a folder.", ...),
    RankOption("--out", Path, "The queue to write, JSON lines, best first.", ...),
    RankOption("--model", str, "A fine-tuned checkpoint: a folder, a file or a hub name.", None),
    RankOption("--number", int, "How many to pick.", 100, min=1),
    RankOption("--acquisition", str, "The acquisition function; the task's own by default.", None),
    RankOption("--strategy", str, "From scores to a batch; the task's own by default.", None),
    RankOption(
        "--id-column",
        str,
        "The column with the ids; 'id' if there is one, else row numbers.",
        None,
    ),
    RankOption(
        "--labelled",
        Path,
        "Samples to leave out: a table with ids, or one id a line. A queue is one. Strategies that"
        " read labelled samples read these, and those in it that the pool lacks.",
        None,
    ),
    RankOption(
        "--target",
        Path,
        "What the model will meet, read as --pool is, labelled or not: strategies that pick for a"
        " target (fisher_matching) read it.",
        None,
    ),
    RankOption("--skip-unreadable", bool, "Leave out files that can't be read.", False),
    RankOption(
        "--batch-size",
        int,
        f"Samples per call of the model; {SAMPLES_AT_ONCE} by default, for most tasks.",
        None,
        min=1,
    ),
    RankOption("--device", str, "'cpu', 'cuda', ...; where the model is by default.", None),
    RankOption("--seed", int, "Of dropout, ties and random strategies.", 0),
    RankOption("--engine", Engine, "Score by Ray, on its actors; else in this process.", None),
    RankOption("--address", str, "With --engine: of a running cluster, or 'auto'.", None),
    RankOption("--actors", int, "With --engine: how many hold the model.", None, min=1),
    RankOption("--num-gpus", float, "With --engine: GPUs for each actor.", 0.0, min=0),
    RankOption("--force", bool, "Overwrite --out.", False),
)

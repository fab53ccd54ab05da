"""The options of `altasks compare` that every task has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from altasks.cli.rankers.base import RankOption

#: Where the command writes unless another folder is named.
DEFAULT_OUT = Path("altasks-compare")

#: Of every task. An option without a default has to be given.
SHARED: tuple[RankOption[Any], ...] = (
    RankOption("--task", str, "What the model does; see `altasks tasks`.", ...),
    RankOption("--data", Path, "Labelled samples: a file or a folder.", ...),
    RankOption("--model", str, "The model to train: a folder, a file or a hub name.", None),
    RankOption(
        "--arm",
        list[str],
        "Once for each: 'margin', 'bald + power(beta=2)', ...; the task's own by default.",
        (),
    ),
    RankOption("--seeds", int, "How many paired repetitions.", 5, min=1),
    RankOption("--out", Path, "The folder of results; the same command goes on there.",
               DEFAULT_OUT),
    RankOption("--jobs", int, "How many runs go on at once, in processes.", 1, min=1),
    RankOption("--budget", int, "Labels in all; half of the samples by default.", None, min=2),
    RankOption("--batch", int, "Labels in each round; a tenth of the budget.", None, min=1),
    RankOption("--initial", float, "How much is asked first, as the batch; a batch.", None),
    RankOption("--cost-budget", float, "Instead: what all labels may cost, in words, ...", None),
    RankOption("--cost-batch", float, "What those of a round may cost.", None),
    RankOption("--per-cost", bool, "With a cost: pick by score per cost.", False),
    RankOption("--metric", str, "What to compare by; the task's own by default.", None),
    RankOption("--test", Path, "Labelled samples to measure on, read as --data.", None),
    RankOption("--test-share", float, "Without --test: the share each seed holds out.", 0.25),
    RankOption("--samples", int, "Use so many of --data, drawn at random.", None, min=4),
    RankOption("--no-all-labels", bool, "Don't fit to all labels, to see what they give.", False),
    RankOption("--format", str, "The reader of --data, where the task has several.", None),
    RankOption(
        "--reader-option", list[str], "NAME=VALUE of that reader, such as images=photos.", ()
    ),
    RankOption(
        "--test-option", list[str], "NAME=VALUE of the reader of --test, such as split=val.", ()
    ),
    RankOption("--label-column", list[str], "Of a table: the column with labels; 'label'.", ()),
    RankOption(
        "--id-column", str, "Of a table: the column with ids; 'id' or row numbers.", None
    ),
    RankOption(
        "--training-arg", list[str], "NAME=VALUE of the model's library: learning_rate=1e-3", ()
    ),
    RankOption("--batch-size", int, "Samples per call of the model.", None, min=1),
    RankOption("--device", str, "'cpu', 'cuda', ...; where the model is by default.", None),
)  # fmt: skip

"""The options of `altasks serve` that every task has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from altasks.cli.rankers.base import RankOption

#: Of every task. An option without a default has to be given.
SHARED: tuple[RankOption[Any], ...] = (
    RankOption("--label-studio", bool, "Speak Label Studio's ML backend protocol.", False),
    RankOption("--task", str, "What the model does; see `altasks tasks`.", ...),
    RankOption("--pool", Path, "The samples: a table (.csv, .tsv, .jsonl), or a folder.", ...),
    RankOption("--store", str, "Where labels are kept: the path of an SQLite file, or a URL.", ...),
    RankOption("--project", str, "The number of a project, or a title; made if there is none.",
               ...),
    RankOption("--url", str, "Of Label Studio; LABEL_STUDIO_URL, or port 8080 here.", None),
    RankOption("--model", str, "A fine-tuned checkpoint: a folder, a file or a hub name.", None),
    RankOption("--fit-every", int, "Fit after so many newly labelled samples.", 10, min=1),
    RankOption("--number", int, "Samples open in the project after each fit.", 100, min=1),
    RankOption("--acquisition", str, "The acquisition function; the task's own by default.", None),
    RankOption("--strategy", str, "From scores to a batch; the task's own by default.", None),
    RankOption("--id-column", str, "The column with the ids; 'id' if there is one, else row"
               " numbers.", None),
    RankOption("--control", str, "The tag to use, where a project has several that would do.",
               None),
    RankOption("--people", int, "How many label side by side, each in a tab.", 1, min=1),
    RankOption("--sync-every", float, "Seconds after which to look without being told.", 60.0,
               min=1),
    RankOption("--host", str, "Where to listen.", "127.0.0.1"),
    RankOption("--port", int, "Where to listen.", 9090, min=0),
    RankOption("--allow-network", bool, "Let other machines call; nothing is encrypted.", False),
    RankOption("--address", str, "By which Label Studio reaches it; http://HOST:PORT.", None),
    RankOption("--no-connect", bool, "Don't add it to the project's ML backends.", False),
    RankOption("--token-file", Path, "With the token callers need; else ALTASKS_SERVE_TOKEN, or a"
               " new one.", None),
    RankOption("--batch-size", int, "Samples per call of the model.", None, min=1),
    RankOption("--device", str, "'cpu', 'cuda', ...; where the model is by default.", None),
    RankOption("--seed", int, "Of the loop.", 0),
)  # fmt: skip

"""The keys of `altasks.toml`: what each is, and what may stand there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

#: The name of the file.
FILE = "altasks.toml"


@dataclass(frozen=True)
class Key:
    """One key.

    Attributes:
        kind: `"text"`, `"texts"`, `"whole"`, `"number"`, `"yes"` (true or false) or `"any"`.
        means: one line on it.
        min: the smallest number that is accepted.
    """

    kind: str
    means: str
    min: float | None = None


#: Of the file itself, in the order in which `altasks init` writes them.
TOP: Mapping[str, Key] = {
    "task": Key("text", "what the model does; `altasks tasks` lists all"),
    "model": Key("text", "the checkpoint that is trained: a folder, a file or a hub name"),
    "pool": Key("text", "the samples: a table (.csv, .tsv, .jsonl) or a folder"),
    "labels": Key("texts", "the classes, or kinds of entities, boxes, roles"),
    "multi_label": Key("yes", "whether a sample may have several classes, or none"),
    "test": Key("text", "labelled samples to measure each model on, which are not in the pool"),
    "store": Key("text", "the database: a file, or the URL of a PostgreSQL server"),
    "format": Key("text", "the reader of the pool, where it is no plain table or folder"),
    "id_column": Key("text", "of a table: the column with the ids"),
    "label_columns": Key("texts", "of a table: the column with labels; of numbers, one a target"),
    "seed": Key("whole", "of all that is drawn by chance", 0),
    "batch_size": Key("whole", "samples per call of the model", 1),
    "device": Key("text", "where the model is: 'cpu', 'cuda', ..."),
}

ASK: Mapping[str, Key] = {
    "number": Key("whole", "how many samples are open for labelling at once", 1),
    "initial": Key("whole", "how many are open before the first fit", 1),
    "acquisition": Key("text", "the acquisition function; the task's own by default"),
    "strategy": Key("text", "from scores to a batch; the task's own by default"),
    "cold_start": Key("text", "the strategy before the first fit; the task's own by default"),
    "random_share": Key("number", "which share of each batch is drawn at random", 0),
}

RUN: Mapping[str, Key] = {
    "budget": Key("whole", "how many labels in all", 1),
    "stop": Key("text", "a stopping rule, such as 'stabilising_predictions'"),
    "fit_after": Key("whole", "with a tool: new labels before the model is trained again", 1),
    "every": Key("number", "with a tool: seconds between two looks at it", 1),
}

#: Of every tool; each has more.
TOOL: Mapping[str, Key] = {
    "name": Key("text", "the tool: 'label_studio', 'kili' or 'simulated'"),
}

LABEL_STUDIO: Mapping[str, Key] = {
    "project": Key("any", "the title or number of the project"),
    "url": Key("text", "of the server"),
    "people": Key("whole", "how many label side by side", 1),
    "annotations": Key("whole", "how many people label each sample", 1),
    "control": Key("text", "the tag to use, where several would do"),
    "predictions": Key("yes", "whether people see what the model predicts"),
}

KILI: Mapping[str, Key] = {
    "project": Key("text", "the id of the project"),
    "url": Key("text", "of the GraphQL endpoint"),
    "job": Key("text", "the job to use, where several would do"),
    "levels": Key("whole", "into how many priorities a query is put", 1),
    "predictions": Key("yes", "whether people see what the model predicts"),
    "model_name": Key("text", "what the predictions are called"),
}

SIMULATED: Mapping[str, Key] = {
    "labels": Key("text", "a file with the labels that are held back"),
    "noise": Key("number", "the probability of a wrong answer", 0),
}

#: Tool -> its own keys. Of any other registered oracle, all are passed on.
TOOLS: Mapping[str, Mapping[str, Key]] = {
    "label_studio": LABEL_STUDIO,
    "kili": KILI,
    "simulated": SIMULATED,
}

#: Tables whose keys are known here.
TABLES: Mapping[str, Mapping[str, Key]] = {"ask": ASK, "run": RUN, "tool": TOOL}
#: Tables whose keys are known elsewhere: by the task's ranker, its reader, the library that trains.
OPEN_TABLES: Mapping[str, str] = {
    "options": "options of the task, as in `altasks compare --task NAME --help`",
    "reader": "further options of the pool's reader",
    "training": "settings of the library that trains",
}

#: A part of a key that looks like a secret -> the environment's variable for it.
SECRETS: Mapping[str, str] = {
    "token": "LABEL_STUDIO_API_KEY",
    "api_key": "LABEL_STUDIO_API_KEY or KILI_API_KEY",
    "apikey": "LABEL_STUDIO_API_KEY or KILI_API_KEY",
    "key": "KILI_API_KEY",
    "password": "PGPASSWORD",
    "secret": "the tool's own variable",
}

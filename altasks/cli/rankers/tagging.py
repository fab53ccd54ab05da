"""What `altasks rank` must know of NER: sentences in, spans out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from altasks.cli.rank_request import settings_of
from altasks.errors import InvalidInputError, invalid

if TYPE_CHECKING:
    from altasks.cli.rank_request import RankRequest
    from altasks.data import Pool

#: Files that are tables; any other is read as columns, one word a line.
_TABLES = (".csv", ".tsv", ".jsonl", ".ndjson")


def build_ner(request: RankRequest) -> Any:
    """Return the task for the options of the shell.

    Raises:
        InvalidInputError: for a checkpoint that is none of a tagger's, or `--truncate`.
    """
    from altasks.committees import MCDropout
    from altasks.tasks.ner.task import NER

    if request.truncate:
        raise invalid(
            "--truncate", "not to be given: long sentences are read whole, in windows", "it"
        )
    assert request.checkpoint is not None  # run_rank has seen to it
    committee = None
    passes = 20 if request.passes is None else request.passes
    if passes:
        committee = MCDropout(
            passes, layers=request.dropout_layers, p=request.dropout, seed=request.seed
        )
    try:
        return NER(
            request.checkpoint,
            **_saved_settings(Path(request.checkpoint)),
            committee=committee,
            device=request.device,
            batch_size=request.batch_size,
        )
    except InvalidInputError as error:
        if not str(error).startswith("labels:"):
            raise
        # Only a checkpoint without a head lacks labels; a head drawn at random ranks at random.
        raise invalid(
            "--model",
            "a checkpoint fine-tuned to tag words",
            "one without a head for that",
            where=request.checkpoint,
            hint="Fine-tune it first (ActiveLoop.fit), or take a folder that NER.save wrote.",
        ) from error


def _saved_settings(folder: Path) -> dict[str, Any]:
    """Return the tags and their scheme, if `NER.save` wrote the folder."""
    settings = settings_of(folder, "ner", "NER")
    return {"labels": settings["tags"], "scheme": settings["scheme"]} if settings else {}


def read_sentences(request: RankRequest) -> Pool:
    """Return the sentences of a table (texts, or lists of words) or of columns with tags."""
    from altasks.data import as_pool, read_conll
    from altasks.data.tables import read_table

    if request.pool.suffix.lower() not in _TABLES:
        if request.text_column is not None:
            raise invalid("--text-column", "not to be given: the first column has the words", "it")
        return read_conll(request.pool).pool()
    column = request.text_column
    if column is None and "tokens" in read_table(request.pool).columns:
        column = "tokens"
    return as_pool(request.pool, text_column=column, id_column=request.id_column)


def sentence_fields(sample: Any) -> dict[str, Any]:
    """Return what of a sentence goes into its row of the queue."""
    return {"text": sample} if isinstance(sample, str) else {"tokens": list(sample)}


def span_labels(description: Mapping[str, Any]) -> list[str]:
    """Return the labels of the spans that are predicted."""
    return [span["label"] for span in description["spans"]]


def doubtful_spans(description: Mapping[str, Any]) -> str:
    """Return the three spans the model is least sure of."""
    spans = sorted(description["spans"], key=lambda span: float(span["probability"]))[:3]
    shown = [f"{span['text']}: {span['label']} {span['probability']:.2f}" for span in spans]
    return ", ".join(shown) or "no span found"

"""What `altasks rank` must know of text classification: a table of texts in, classes out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from altasks.cli.rank_request import kind_of, settings_of
from altasks.errors import InvalidInputError, invalid

if TYPE_CHECKING:
    from altasks.cli.rank_request import RankRequest
    from altasks.data import Pool

#: Passes of MC dropout, unless said otherwise.
PASSES = 20


def build_text_classification(request: RankRequest) -> Any:
    """Return the task for the options of the shell.

    Raises:
        InvalidInputError: for a checkpoint without a trained head, or another task's.
    """
    from altasks.committees import MCDropout
    from altasks.tasks.text_classification.task import TextClassification

    committee = None
    if passes := PASSES if request.passes is None else request.passes:
        committee = MCDropout(
            passes, layers=request.dropout_layers, p=request.dropout, seed=request.seed
        )
    try:
        return TextClassification(
            request.checkpoint,
            **_saved_settings(Path(request.checkpoint)),
            committee=committee,
            device=request.device,
            batch_size=request.batch_size,
            too_long="truncate" if request.truncate else "error",
        )
    except InvalidInputError as error:
        if not str(error).startswith("labels:"):
            raise
        # Only a checkpoint without a head lacks labels; a head drawn at random ranks at random.
        raise invalid(
            "--model",
            "a checkpoint fine-tuned for classification",
            "one without a classification head",
            where=request.checkpoint,
            hint="Fine-tune it first (ActiveLoop.fit), or take a folder that "
            "TextClassification.save wrote.",
        ) from error


def _saved_settings(folder: Path) -> dict[str, Any]:
    """Return the labels and the kind of labels that a checkpoint was saved with."""
    if settings := settings_of(folder, "text-classification", "TextClassification"):
        return {"labels": settings["labels"], "multi_label": settings["multi_label"]}
    return kind_of(folder)


def read_texts(request: RankRequest) -> Pool:
    """Return the texts of a table."""
    from altasks.data import as_pool

    if request.pool.is_dir():  # --id-column may be that of --labelled
        return as_pool(request.pool)
    return as_pool(request.pool, text_column=request.text_column, id_column=request.id_column)


def text_classes(description: Mapping[str, Any]) -> list[str]:
    """Return the class or classes that are predicted."""
    predicted = description["predicted"]
    return [str(name) for name in (predicted if isinstance(predicted, list) else [predicted])]


def text_reason(description: Mapping[str, Any]) -> str:
    """Return the three likeliest classes."""
    likeliest = description["classes"][:3]
    return ", ".join(f"{entry['label']} {entry['probability']:.2f}" for entry in likeliest)

"""Ranking and comparing texts for classification: a table of texts in, classes out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from altasks.cli.rankers.base import CompareRequest, Ranker, RankOption, RankRequest
from altasks.cli.rankers.labelled_files import class_names, has_several, read_format, settings_in
from altasks.cli.rankers.options import (
    DROPOUT,
    DROPOUT_LAYERS,
    FROZEN_LAYERS,
    HEAD_DROPOUT,
    PASSES,
    READER_OPTION,
    TEXT_COLUMN,
    TRUNCATE,
    check_dropout,
    committee_for,
    frozen_layers,
    mc_dropout,
)
from altasks.cli.rankers.saved import kind_of, settings_of, trained_head
from altasks.errors import invalid

if TYPE_CHECKING:
    from altasks.data import LabelledPool, Pool


class TextClassificationRanker(Ranker):
    """Ranks the texts of a table, or the text files of a folder."""

    options: tuple[RankOption[Any], ...] = (
        TEXT_COLUMN, READER_OPTION, TRUNCATE, PASSES, DROPOUT, DROPOUT_LAYERS,
    )  # fmt: skip
    compare_options = (
        TEXT_COLUMN, TRUNCATE, PASSES, DROPOUT, HEAD_DROPOUT, FROZEN_LAYERS,
    )  # fmt: skip
    predicts = ("Categorical", "Bernoulli")

    def check(self, request: RankRequest) -> None:
        """Refuse dropout without passes."""
        super().check(request)
        check_dropout(request, PASSES)

    def read(self, request: RankRequest) -> Pool:
        """Return the texts of a table."""
        return read_texts(request)

    def build(self, request: RankRequest) -> Any:
        """Return the task around a fine-tuned checkpoint.

        Raises:
            InvalidInputError: for a checkpoint without a trained head, or another task's.
        """
        from altasks.tasks.text_classification.task import TextClassification

        head = "a classification head"
        with trained_head(request.checkpoint, "TextClassification", "for classification", head):
            return TextClassification(
                request.checkpoint,
                **_saved_settings(Path(request.checkpoint)),
                committee=mc_dropout(request, PASSES),
                device=request.device,
                batch_size=request.samples_at_once,
                too_long="truncate" if request.value(TRUNCATE) else "error",
            )

    def read_labelled(self, request: CompareRequest, path: Path) -> LabelledPool:
        """Return the texts of a table and their labels, of a column 'label' if none is named."""
        return read_format(
            path,
            request.task,
            format=request.format,
            usual="table",
            options=request.reader_options,
            columns={
                "text_column": request.value(TEXT_COLUMN),
                "label_column": request.label_column or "label",
                "id_column": request.id_column,
            },
        )

    def build_to_train(
        self, request: CompareRequest, data: LabelledPool, committee: Any = None
    ) -> Any:
        """Return the task around a checkpoint, whose head is made for these classes."""
        from altasks.tasks.text_classification.task import TextClassification

        return TextClassification(
            request.checkpoint,
            labels=class_names(data),
            multi_label=has_several(data),
            committee=committee_for(request, committee, PASSES),
            device=request.device,
            batch_size=request.samples_at_once,
            too_long="truncate" if request.value(TRUNCATE) else "error",
            frozen_layers=frozen_layers(request),
            training_args=request.training_args or None,
        )

    def fields(self, sample: Any) -> dict[str, Any]:
        """Return the text."""
        return text_fields(sample)

    def classes(self, description: Mapping[str, Any]) -> list[str]:
        """Return the class or classes that are predicted."""
        return predicted_classes(description)

    def reason(self, description: Mapping[str, Any]) -> str:
        """Return the three likeliest classes."""
        likeliest = description["classes"][:3]
        return ", ".join(f"{entry['label']} {entry['probability']:.2f}" for entry in likeliest)


def _saved_settings(folder: Path) -> dict[str, Any]:
    """Return the labels and the kind of labels that a checkpoint was saved with."""
    if settings := settings_of(folder, "text-classification", "TextClassification"):
        return {"labels": settings["labels"], "multi_label": settings["multi_label"]}
    return kind_of(folder)


def read_texts(request: RankRequest) -> Pool:
    """Return the texts of a table, or the files of a folder."""
    from altasks.data import as_pool

    if request.pool.is_dir():  # --id-column may be that of --labelled
        return as_pool(request.pool)
    options = settings_in(request.value(READER_OPTION), "--reader-option")
    if options.keys() - {"quoting"}:
        raise invalid("--reader-option", "quoting=csv or quoting=none", repr(min(options)))
    return as_pool(
        request.pool,
        text_column=request.value(TEXT_COLUMN),
        id_column=request.id_column,
        **options,
    )


def text_fields(sample: Any) -> dict[str, Any]:
    """Return a text as a field of the queue; a pair of texts is a list."""
    if isinstance(sample, Path):
        return {"path": str(sample)}
    return {"text": sample if isinstance(sample, str) else list(sample)}


def predicted_classes(description: Mapping[str, Any]) -> list[str]:
    """Return the class or classes that are predicted."""
    predicted = description["predicted"]
    return [str(name) for name in (predicted if isinstance(predicted, list) else [predicted])]

"""Ranking sentences for named entities: words in, spans out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from altasks.cli.rankers.base import CompareRequest, Ranker, RankOption, RankRequest
from altasks.cli.rankers.labelled_files import TABLES, read_format, settings_in
from altasks.cli.rankers.options import (
    DROPOUT,
    DROPOUT_LAYERS,
    FROZEN_LAYERS,
    HEAD_DROPOUT,
    PASSES,
    READER_OPTION,
    check_dropout,
    committee_for,
    frozen_layers,
    mc_dropout,
)
from altasks.cli.rankers.saved import settings_of, trained_head
from altasks.errors import invalid

if TYPE_CHECKING:
    from altasks.data import LabelledPool, Pool

#: Suffix of labelled sentences -> their format; any other file is read as CoNLL columns.
_FORMATS = {
    ".json": "label_studio", ".jsonl": "tagged_jsonl", ".ndjson": "tagged_jsonl",
    ".conllu": "conllu",
}  # fmt: skip

_TEXT_COLUMN: RankOption[str | None] = RankOption(
    "--text-column",
    str,
    "The column of a table with the sentence; 'tokens' (lists of words) or 'text' by default.",
    None,
)


class NERRanker(Ranker):
    """Ranks the sentences of a table or of a CoNLL file."""

    options: tuple[RankOption[Any], ...] = (
        _TEXT_COLUMN, READER_OPTION, PASSES, DROPOUT, DROPOUT_LAYERS,
    )  # fmt: skip
    compare_options = (PASSES, DROPOUT, HEAD_DROPOUT, FROZEN_LAYERS)
    project_options = (_TEXT_COLUMN, *compare_options)
    label_keys = ("label", "tags", "spans")
    predicts = ("Categorical",)
    fields_predicted = ("span",)

    def check(self, request: RankRequest) -> None:
        """Refuse dropout without passes."""
        super().check(request)
        check_dropout(request, PASSES)

    def read(self, request: RankRequest) -> Pool:
        """Return the sentences of a table (texts, or lists of words) or of columns with tags."""
        from altasks.data import as_pool, read
        from altasks.data.tables import read_table

        column = request.value(_TEXT_COLUMN)
        options = settings_in(request.value(READER_OPTION), "--reader-option")
        if request.pool.suffix.lower() not in TABLES:
            if column is not None:
                raise invalid(
                    "--text-column", "not to be given: the first column has the words", "it"
                )
            return read(request.pool, "conll", **options).pool
        if options:
            raise invalid(
                "--reader-option", "not to be given: a table has none", repr(min(options))
            )
        if column is None and "tokens" in read_table(request.pool).columns:
            column = "tokens"
        return as_pool(request.pool, text_column=column, id_column=request.id_column)

    def build(self, request: RankRequest) -> Any:
        """Return the task around a token classifier.

        Raises:
            InvalidInputError: for a checkpoint that is no tagger.
        """
        from altasks.tasks.ner.task import NER

        return tagger(NER, request)

    def read_labelled(self, request: CompareRequest, path: Path) -> LabelledPool:
        """Return tagged sentences, in the format that the file's suffix says."""
        usual = "snips" if path.is_dir() else _FORMATS.get(path.suffix.lower(), "conll")
        return read_format(
            path,
            request.task,
            format=request.format,
            usual=usual,
            options=request.reader_options,
            columns={"label_column": request.label_column, "id_column": request.id_column},
        )

    def build_to_train(
        self, request: CompareRequest, data: LabelledPool, committee: Any = None
    ) -> Any:
        """Return the task around a checkpoint, whose head is made for these labels."""
        from altasks.tasks.ner.task import NER

        return tagger_to_train(NER, request, data, committee)

    def fields(self, sample: Any) -> dict[str, Any]:
        """Return the text, or the words."""
        return {"text": sample} if isinstance(sample, str) else {"tokens": list(sample)}

    def labelled_fields(self, sample: Any, label: Any) -> dict[str, Any]:
        """Return words and tags, as the reader `tagged_jsonl` has them; of a text, its spans too.

        The tags of a text are those of its words, see `altasks.data.tagging.words`.
        """
        from altasks.data.tagging.tags import spans_of
        from altasks.data.tagging.words import word_offsets

        if not isinstance(sample, str):
            return {"tokens": list(sample), "tags": list(label)}
        words = word_offsets(sample)
        spans = [
            {"start": words[one.start][0], "end": words[one.end - 1][1], "label": one.label}
            for one in spans_of(label)
        ]
        return {"text": sample, "spans": spans}

    def classes(self, description: Mapping[str, Any]) -> list[str]:
        """Return the labels of the spans that are predicted."""
        return [span["label"] for span in description["spans"]]

    def reason(self, description: Mapping[str, Any]) -> str:
        """Return the three spans the model is least sure of."""
        return doubtful_spans(description["spans"]) or "no span found"


def tagger(adapter: Any, request: RankRequest) -> Any:
    """Return a task that tags words, `NER` or `SRL`, with the model of a request.

    Raises:
        InvalidInputError: for a checkpoint that is no tagger.
    """
    settings = settings_of(Path(request.checkpoint), adapter.name, adapter.__name__)
    saved = {"labels": settings["tags"], "scheme": settings["scheme"]} if settings else {}
    with trained_head(request.checkpoint, adapter.__name__, "to tag words", "a head for that"):
        return adapter(
            request.checkpoint,
            **saved,
            committee=mc_dropout(request, PASSES),
            device=request.device,
            batch_size=request.samples_at_once,
        )


def tagger_to_train(
    adapter: Any, request: CompareRequest, data: LabelledPool, committee: Any
) -> Any:
    """Return a task that learns to tag words, `NER` or `SRL`, with a head for the data's labels."""
    return adapter(
        request.checkpoint,
        labels=list(data.classes),
        committee=committee_for(request, committee, PASSES),
        device=request.device,
        batch_size=request.samples_at_once,
        frozen_layers=frozen_layers(request),
        training_args=request.training_args or None,
    )


def doubtful_spans(spans: list[Mapping[str, Any]]) -> str:
    """Return the three spans the model is least sure of."""
    doubtful = sorted(spans, key=lambda span: float(span["probability"]))[:3]
    return ", ".join(f"{one['text']}: {one['label']} {one['probability']:.2f}" for one in doubtful)

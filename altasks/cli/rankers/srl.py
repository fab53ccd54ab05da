"""Ranking sentences for semantic roles: words and predicates in, arguments out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from altasks.cli.rankers.base import CompareRequest, Ranker, RankOption, RankRequest
from altasks.cli.rankers.options import (
    DROPOUT,
    DROPOUT_LAYERS,
    FROZEN_LAYERS,
    HEAD_DROPOUT,
    PASSES,
    check_dropout,
)
from altasks.cli.rankers.plain import rows_of_table
from altasks.cli.rankers.tagging import doubtful_spans, tagger, tagger_to_train
from altasks.errors import invalid

if TYPE_CHECKING:
    from altasks.data import LabelledPool, Pool


class SRLRanker(Ranker):
    """Ranks the sentences of a JSON lines file, whose predicates are given."""

    options: tuple[RankOption[Any], ...] = (PASSES, DROPOUT, DROPOUT_LAYERS)
    compare_options = (PASSES, DROPOUT, HEAD_DROPOUT, FROZEN_LAYERS)
    label_keys = ("label", "frames")
    predicts = ("Categorical",)
    fields_predicted = ("span",)

    def check(self, request: RankRequest) -> None:
        """Refuse dropout without passes."""
        super().check(request)
        check_dropout(request, PASSES)

    def read(self, request: RankRequest) -> Pool:
        """Return the sentences of JSON lines with `tokens` and `verbs` (or `frames`).

        Raises:
            InvalidInputError: naming the file and what it lacks.
        """
        from altasks.data import Pool
        from altasks.data.tables import read_table

        if request.pool.suffix.lower() not in (".jsonl", ".ndjson"):
            raise invalid(
                "--pool",
                "JSON lines (.jsonl) with 'tokens' and 'verbs' or 'frames'",
                repr(str(request.pool)),
            )
        table = read_table(request.pool)
        columns = table.columns
        keys = [key for key in ("verbs", "frames") if key in columns]
        if "tokens" not in columns or not keys:
            raise invalid(
                "--pool",
                "the fields 'tokens' and 'verbs', the indices of the predicates (or 'frames')",
                ", ".join(map(repr, columns)) or "an empty file",
                where=str(request.pool),
            )
        rows = rows_of_table(table, request)

        def sentence(place: int) -> dict[str, Any]:
            row = rows.at(place)  # what a line leaves out reads as None
            return {key: row[key] for key in ("tokens", *keys) if row[key] is not None}

        return Pool(rows.ids, sentence, positional=rows.positional)

    def build(self, request: RankRequest) -> Any:
        """Return the task around a token classifier.

        Raises:
            InvalidInputError: for a checkpoint that is no tagger.
        """
        from altasks.tasks.srl.task import SRL

        return tagger(SRL, request)

    def build_to_train(
        self, request: CompareRequest, data: LabelledPool, committee: Any = None
    ) -> Any:
        """Return the task around a checkpoint, whose head is made for these roles."""
        from altasks.tasks.srl.task import SRL

        return tagger_to_train(SRL, request, data, committee)

    def fields(self, sample: Any) -> dict[str, Any]:
        """Return the words and the indices of the predicates."""
        verbs = sample.get("verbs")
        if verbs is None:
            verbs = [frame["verb"] for frame in sample["frames"]]
        return {"tokens": list(sample["tokens"]), "verbs": list(verbs)}

    def labelled_fields(self, sample: Any, label: Any) -> dict[str, Any]:
        """Return words and frames, as the reader `srl` has them."""
        return {"tokens": list(sample["tokens"]), "frames": list(label)}

    def classes(self, description: Mapping[str, Any]) -> list[str]:
        """Return the roles of the arguments that are predicted."""
        return [span["label"] for frame in description["frames"] for span in frame["spans"]]

    def reason(self, description: Mapping[str, Any]) -> str:
        """Return the three arguments the model is least sure of."""
        frames = description["frames"]
        if not frames:
            return "no predicate"
        spans = [span for frame in frames for span in frame["spans"]]
        return doubtful_spans(spans) or "no argument found"

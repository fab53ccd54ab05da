"""A query as rows for a tool: text, place in the order, and what is predicted."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Protocol

from altasks.data.shown import in_characters, predicted_spans, text_of, words_of
from altasks.errors import AltasksError, InvalidInputError, invalid

#: The field of a row with the sample's id: tools number their rows anew, and keep this.
ID_FIELD = "altasks_id"


class Asked(Protocol):
    """What goes out: a `Query` of a loop, or whatever has its ids, samples and descriptions."""

    @property
    def ids(self) -> Sequence[str]:
        """The ids, the most wanted first."""
        ...

    @property
    def samples(self) -> Sequence[Any]:
        """The samples, in the same order."""
        ...

    @property
    def scores(self) -> Sequence[float | None]:
        """What each was picked by."""
        ...

    @property
    def descriptions(self) -> Mapping[str, Any]:
        """Id -> what `task.describe` returned."""
        ...


@dataclass(frozen=True)
class QueueRow:
    """One sample that is asked about.

    Attributes:
        name: its id.
        rank: its place, from 1.
        score: what it was picked by.
        text: what people see.
        words: (start, end) in the text of each word of a sample in words; None for a raw text.
        spans: predicted (start, end, label) in characters; None where none are predicted.
        chosen: the predicted class or classes; None where none is.
    """

    name: str
    rank: int
    score: float | None
    text: str
    words: list[tuple[int, int]] | None
    spans: list[tuple[int, int, str]] | None
    chosen: Any


def rows_of(query: Asked) -> list[QueueRow]:
    """Return the rows of a query, in its order.

    A prediction is a help to whoever labels, so one that doesn't fit its sample is left out.

    Raises:
        InvalidInputError: for a sample that is no text, naming its id.
    """
    rows = []
    for place, (name, sample) in enumerate(zip(query.ids, query.samples, strict=True)):
        try:
            text = text_of(sample)
        except InvalidInputError as error:
            raise InvalidInputError(f"{error} (id {name!r})") from error
        said = query.descriptions.get(name)
        said = said if isinstance(said, Mapping) else {}
        spans = predicted_spans(said)
        try:
            found = None if spans is None else in_characters(spans, sample, text)
        except (AltasksError, IndexError, KeyError, TypeError):
            found = None
        chosen = said.get("predicted")
        rows.append(
            QueueRow(
                name, place + 1, query.scores[place], text, words_of(sample), found,
                None if found is not None else chosen,
            )
        )  # fmt: skip
    return rows


def listed(chosen: Any) -> list[str]:
    """Return one class or several as a list of texts."""
    if chosen is None:
        return []
    return [str(one) for one in (chosen if isinstance(chosen, list | tuple) else [chosen])]


def write_lines(rows: Iterable[Mapping[str, Any]], path: str | PathLike[str]) -> Path:
    """Write a JSON object a line; return the file.

    Raises:
        InvalidInputError: for a text with half of a character in it, which no file can hold.
    """
    target = Path(path)
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
    try:
        content = "".join(lines).encode()
    except UnicodeEncodeError as error:
        found = repr(error.object[error.start])
        raise invalid("samples", "texts of whole characters", found) from error
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    return target

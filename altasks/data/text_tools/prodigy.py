"""Prodigy's JSON lines: queues out, classes of texts in.

Spans come in by `read_tagged_jsonl`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from altasks.data.pool import Pool
from altasks.data.tagging.annotated_texts import ANSWERS
from altasks.data.text_files import read_json_lines
from altasks.data.text_tools.labelled_lines import LabelledLines
from altasks.data.text_tools.queue_rows import (
    ID_FIELD,
    Asked,
    QueueRow,
    listed,
    rows_of,
    write_lines,
)
from altasks.errors import invalid


def read_prodigy(
    path: str | PathLike[str],
    *,
    names: Sequence[str] | None = None,
    multiple: bool = False,
    encoding: str = "utf-8",
) -> Pool:
    """Return the texts of Prodigy's `db-out`, and the classes people chose.

    Of the interface `choice` the class is what was accepted among the `options`; of
    `classification`, a question of yes or no, it is the `label` of a text that was accepted.
    Answers `reject` and `ignore` are no labels: to have refused one class names no other.

    Ids are those that `write_prodigy` gave, else the hash of the input, or the place. A text may be
    there again with the same answer; with `multiple` the questions of yes or no are put together.

    Args:
        path: the `.jsonl` file.
        names: the classes there may be; by default any.
        multiple: whether a label is a list of classes.
        encoding: of the file.

    Raises:
        InvalidInputError: naming file and line: a row without an answer, several classes where one
            is wanted, answers that differ, another class.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> row = '{"text": "rain", "accept": ["weather"], "answer": "accept"}'
        >>> with TemporaryDirectory() as folder:
        ...     file = Path(folder, "out.jsonl")
        ...     _ = file.write_text(row)
        ...     read_prodigy(file).labels
        {'0': 'weather'}
    """
    source = Path(path)
    found = LabelledLines(source, names, multiple)
    asked: dict[str, list[str]] = {}  # of questions of yes or no, what was accepted
    last: dict[str, int] = {}
    for line, record in read_json_lines(source, encoding):
        name = found.name_of(record.get(ID_FIELD, record.get("_input_hash")), line)
        found.add(name, record.get("text"), line)
        answer = record.get("answer")
        if answer not in ANSWERS:
            wanted = f"an answer, {', '.join(map(repr, ANSWERS))}"
            raise found.fault(line, wanted, repr(answer)[:80])
        if record.get("spans"):
            raise found.fault(
                line, "classes of whole texts", "spans", "Read them as 'tagged_jsonl'."
            )
        if answer != "accept":
            found.leave(name, f"the answer {answer!r}")
        elif "accept" in record:
            found.label(name, found.strings(record["accept"], line, "accept"), line)
        elif isinstance(record.get("label"), str):
            if multiple:
                mine = asked.setdefault(name, [])
                mine += [record["label"]] if record["label"] not in mine else []
                last[name] = line
            else:
                found.label(name, [record["label"]], line)
        else:
            there = ", ".join(map(repr, record))
            raise found.fault(line, "accept, or a label", f"the fields {there[:200]}")
    for name, chosen in asked.items():
        found.label(name, chosen, last[name])
    return found.pool()


def write_prodigy(
    query: Asked, path: str | PathLike[str], *, options: Sequence[str] | None = None
) -> Path:
    """Write a query as JSON lines for Prodigy, in its order; return the file.

    What is predicted goes along for people to correct: spans in characters, with the `tokens` of
    samples in words; of classes the `options`, and the predicted ones as `accept`. Recipes that
    take the stream as it is keep the order (`ner.manual`, `textcat.manual`, `mark`); those with a
    model in the loop choose for themselves.

    Args:
        query: of a loop, or whatever has `ids`, `samples`, `scores` and `descriptions`.
        path: the `.jsonl` file.
        options: the classes to choose from, such as `task.labels`; needed where classes are
            predicted.

    Raises:
        InvalidInputError: for a sample that is no text, or predicted classes without options.
    """
    return write_lines([_row(row, options) for row in rows_of(query)], path)


def _row(row: QueueRow, options: Sequence[str] | None) -> dict[str, Any]:
    made: dict[str, Any] = {"text": row.text}
    if row.words is not None:
        made["tokens"] = [_token(row, place) for place in range(len(row.words))]
    if row.spans is not None:
        made["spans"] = [_span(span, row) for span in row.spans]
    if options is not None:
        made["options"] = [{"id": str(name), "text": str(name)} for name in options]
    if row.chosen is not None:
        chosen = listed(row.chosen)
        known = {str(name) for name in options or ()}
        if not set(chosen) <= known:
            raise invalid(
                "options", "the classes, also those that are predicted", repr(chosen),
                hint="Give options=task.labels.",
            )  # fmt: skip
        made["accept"] = chosen
    made["meta"] = {"rank": row.rank, "score": row.score}
    return made | {ID_FIELD: row.name}


def _token(row: QueueRow, place: int) -> Mapping[str, Any]:
    words = row.words or []
    start, end = words[place]
    blank = place + 1 < len(words)
    return {"text": row.text[start:end], "start": start, "end": end, "id": place, "ws": blank}


def _span(span: tuple[int, int, str], row: QueueRow) -> dict[str, Any]:
    start, end, label = span
    made: dict[str, Any] = {"start": start, "end": end, "label": label}
    if row.words is not None:  # token_end is the last token, not the one behind it
        made["token_start"] = [one[0] for one in row.words].index(start)
        made["token_end"] = [one[1] for one in row.words].index(end)
    return made

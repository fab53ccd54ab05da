"""Argilla's records as JSON: queues out, answers in; its package isn't needed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from altasks.data.boxes.coco_entries import is_number
from altasks.data.pool import Pool
from altasks.data.tagging.annotated_texts import read_annotated_text
from altasks.data.tagging.tagged import TaggedSentences, check_words
from altasks.data.text_files import file_error, read_json, read_json_lines
from altasks.data.text_tools.labelled_lines import LabelledLines
from altasks.data.text_tools.queue_rows import Asked, QueueRow, listed, rows_of, write_lines
from altasks.errors import InvalidInputError, invalid


def read_argilla(
    path: str | PathLike[str],
    *,
    question: str | None = None,
    field: str | None = None,
    names: Sequence[str] | None = None,
    multiple: bool = False,
) -> Pool:
    """Return the texts of Argilla's records, and what people answered to a question.

    Read is what `dataset.records.to_json` writes, or a record a line. Only answers of people are
    labels, never suggestions, and only of records that are completed: what is written doesn't say
    which answers are drafts. A label is a class; with `multiple` a list of classes; of a rating
    the number.

    Args:
        path: the `.json` or `.jsonl` file.
        question: whose answers; by default the only one.
        field: the field with the text; by default `text`, or the only one.
        names: the classes there may be; by default any.
        multiple: whether a label is a list of classes.

    Raises:
        InvalidInputError: naming the file and the record: no text, annotators who differ, another
            class, several questions and no `question=`.
    """
    source = Path(path)
    found = LabelledLines(source, names, multiple, _unit(source))
    records = _records(found)
    asked = _question(question, [record for _, record in records], source)
    for place, record in records:
        name = found.name_of(record.get("id"), place)
        if name in found.texts:
            raise found.fault(place, "distinct ids", f"{name!r} twice")
        found.add(name, _text(record, field, found, place), place)
        for value in _answers(record, asked, found, place):
            if is_number(value) and not multiple:
                if found.labels.setdefault(name, value) != value:
                    shown = f"{found.labels[name]!r} and {value!r}"
                    raise found.fault(place, "annotators that agree", shown)
            else:
                found.label(name, found.strings(value, place, asked), place)
    return found.pool()


def read_argilla_spans(
    path: str | PathLike[str],
    *,
    question: str | None = None,
    field: str | None = None,
    cut: bool = False,
) -> TaggedSentences:
    """Return the texts of Argilla's records whose spans people answered, as words and tags.

    Records without a label are left out. Offsets are characters, ends exclusive.

    Args:
        path: the `.json` or `.jsonl` file.
        question: whose answers; by default the only one.
        field: the field with the text; by default `text`, or the only one.
        cut: divide words inside which a span begins or ends.

    Raises:
        InvalidInputError: naming the file and the record: as `read_argilla`, and for spans that
            overlap or end inside a word.
    """
    source = Path(path)
    lines = LabelledLines(source, unit=_unit(source))
    records = _records(lines)
    asked = _question(question, [record for _, record in records], source)
    tokens, tags, texts, offsets = [], [], [], []
    for place, record in records:
        text = _text(record, field, lines, place)
        read = []
        for value in _answers(record, asked, lines, place):
            try:
                one = read_annotated_text({"text": text, "spans": value}, cut=cut)
                words = [text[start:end] for start, end in one.offsets]
                check_words(words, one.tags, lambda *fault: invalid("text", *fault))
            except InvalidInputError as error:
                raise InvalidInputError(f"{source}, {lines.unit} {place}: {error}") from error
            read.append(one)
        if not read:
            continue
        if any(one.tags != read[0].tags for one in read):
            raise lines.fault(place, "annotators that agree", f"{len(read)} that differ")
        name = lines.name_of(record.get("id"), place)
        if name in lines.texts:
            raise lines.fault(place, "distinct ids", f"{name!r} twice")
        lines.add(name, text, place)
        tokens.append([text[start:end] for start, end in read[0].offsets])
        tags.append(read[0].tags)
        texts.append(text)
        offsets.append(read[0].offsets)
    if not tokens:
        raise file_error(source, None, "a completed record with an answer", "none")
    extra: dict[str, list[Any]] = {"text": texts, "offsets": offsets}
    return TaggedSentences(tokens, tags, list(lines.texts), extra, positional=False)


def write_argilla(
    query: Asked,
    path: str | PathLike[str],
    *,
    question: str = "label",
    field: str = "text",
    agent: str = "altasks",
) -> Path:
    """Write a query as Argilla's records, in its order; return the file.

    What is predicted goes along as a suggestion: a class, a list of classes, or spans. Each record
    has `altasks_rank` among its metadata, by which the dataset can be sorted: give it an
    `IntegerMetadataProperty("altasks_rank")`, and `FloatMetadataProperty("altasks_score")`.
    `dataset.records.from_json(path)` takes a `.json` file.

    Args:
        query: of a loop, or whatever has `ids`, `samples`, `scores` and `descriptions`.
        path: a `.json` file, a list; or `.jsonl`, a record a line.
        question: the name of the question that suggestions are for.
        field: the name of the field with the text.
        agent: who suggests.

    Raises:
        InvalidInputError: for a sample that is no text, or another suffix.
    """
    target = Path(path)
    records = [_record(row, question, field, agent) for row in rows_of(query)]
    if target.suffix.lower() == ".jsonl":
        return write_lines(records, target)
    if target.suffix.lower() != ".json":
        raise invalid("path", "a .json or .jsonl file", repr(str(target)))
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(records), encoding="utf-8")
    return target


def _record(row: QueueRow, question: str, field: str, agent: str) -> dict[str, Any]:
    value: Any = None
    if row.spans is not None:
        value = [{"start": start, "end": end, "label": label} for start, end, label in row.spans]
    elif row.chosen is not None:
        several = isinstance(row.chosen, list | tuple)
        value = listed(row.chosen) if several else listed(row.chosen)[0]
    metadata: dict[str, Any] = {"altasks_rank": row.rank}
    if row.score is not None:
        metadata["altasks_score"] = row.score
    suggestion = {question: {"value": value, "score": None, "agent": agent}}
    return {
        "id": row.name,
        "fields": {field: row.text},
        "metadata": metadata,
        "suggestions": {} if value is None else suggestion,
        "responses": {},
        "vectors": {},
    }


def _unit(source: Path) -> str:
    return "line" if source.suffix.lower() == ".jsonl" else "record"


def _records(lines: LabelledLines) -> list[tuple[int, Mapping[str, Any]]]:
    """Return (place from 1, record) of a list in JSON, or of a record a line."""
    if lines.unit == "line":
        return list(read_json_lines(lines.path))
    content = read_json(lines.path)
    if not isinstance(content, list):
        raise lines.fault(None, "a list of records", type(content).__name__)
    for place, record in enumerate(content, 1):
        if not isinstance(record, Mapping):
            raise lines.fault(place, "a record", type(record).__name__)
    return list(enumerate(content, 1))


def _text(record: Mapping[str, Any], field: str | None, lines: LabelledLines, place: int) -> str:
    fields = record.get("fields")
    if not isinstance(fields, Mapping):
        raise lines.fault(place, "a record with fields", repr(fields)[:80])
    texts = [name for name, value in fields.items() if isinstance(value, str)]
    if field is None:
        field = "text" if "text" in texts else texts[0] if len(texts) == 1 else None
    if field is None or field not in texts:
        there = ", ".join(map(repr, texts[:10])) or "none"
        raise lines.fault(place, f"field= with a text, of {there}", repr(field))
    text: str = fields[field]
    return text


def _question(wanted: str | None, records: Sequence[Mapping[str, Any]], source: Path) -> str:
    there: set[str] = set()
    for record in records:
        for part in ("responses", "suggestions"):
            named = record.get(part)
            there.update(map(str, named) if isinstance(named, Mapping) else ())
    if wanted is None and len(there) == 1:
        return there.pop()
    if wanted is None or wanted not in there:
        listing = ", ".join(map(repr, sorted(there)[:10])) or "none"
        raise file_error(source, None, f"question= among {listing}", repr(wanted))
    return wanted


def _answers(
    record: Mapping[str, Any], question: str, lines: LabelledLines, place: int
) -> list[Any]:
    """Return what people answered, where a record is completed."""
    responses = record.get("responses") or {}
    if not isinstance(responses, Mapping):
        raise lines.fault(place, "responses by question", repr(responses)[:80])
    answers = responses.get(question) or []
    if not isinstance(answers, list) or not all(isinstance(one, Mapping) for one in answers):
        raise lines.fault(place, f"a list of responses to {question!r}", repr(answers)[:80])
    status = record.get("status", "completed")
    if not isinstance(status, str):
        raise lines.fault(place, "a status", repr(status)[:80])
    if status != "completed":
        return []
    return [one.get("value") for one in answers if one.get("status", "submitted") == "submitted"]

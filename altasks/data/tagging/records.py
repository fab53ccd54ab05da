"""Tagged sentences from records: JSON lines, and Hugging Face datasets."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from altasks._internal.frames import frame_columns, is_frame
from altasks.data.columns import unknown_column
from altasks.data.tagging.annotated_texts import (
    ANSWERS,
    is_annotated_text,
    read_annotated_text,
)
from altasks.data.tagging.tagged import TaggedSentences, as_iob2, check_words
from altasks.data.text_files import file_error, read_json_lines
from altasks.errors import DataWarning, InvalidInputError, invalid

_TAG_FIELDS = ("tags", "ner_tags")
#: What Prodigy computes of a text, and of a text with what was asked about it.
_HASHES = ("_input_hash", "_task_hash")


def read_tagged_jsonl(
    path: str | PathLike[str],
    *,
    names: Sequence[str] | None = None,
    scheme: str | None = None,
    repair: bool = False,
    cut: bool = False,
    extra: Sequence[str] = (),
    encoding: str = "utf-8",
) -> TaggedSentences:
    """Read sentences from a file with one JSON object a line.

    Each object is one of

    - `{"tokens": [...], "tags": [...]}`, with `ner_tags` as another name of `tags`;
    - `{"text": "...", "spans": [{"start": 0, "end": 3, "label": "PER"}, ...]}`, in characters
      (Python's: code points), end exclusive; or doccano's `"label": [[0, 3, "PER"]]`. The text is
      split by `altasks.data.tagging.words`, or as Prodigy's `tokens` have it; `extra["text"]` and
      `extra["offsets"]` then keep it and where its words stand. See
      `altasks.data.tagging.annotated_texts` for offsets as browsers count them.

    An `id` in every object, a string or a number, becomes the sentence's, or the `altasks_id` that
    `write_doccano` and `write_prodigy` gave. Objects with an `answer`
    of Prodigy's other than `accept` are no gold labels: they are left out, and a warning counts
    and names them. So are lines that repeat another of Prodigy's (its `_input_hash`) with the same
    spans; with other spans they are refused: of two annotators who disagree, or of a question for
    each span, neither line is the gold label.

    Args:
        path: the file; a `.gz` is unpacked.
        names: the names of tags that are given as numbers.
        scheme: how `tags` are written; found from all of them if not given.
        repair: read ill-formed tag sequences as `conlleval` does, see `spans_of`.
        cut: divide words inside which a span begins or ends, see `tag_text`.
        extra: further fields to keep, None where an object has none.
        encoding: of the file.

    Raises:
        InvalidInputError: naming the file, the line and what is wrong there.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> line = '{"text": "Ada wrote.", "spans": [{"start": 0, "end": 3, "label": "PER"}]}'
        >>> with TemporaryDirectory() as folder:
        ...     _ = (Path(folder) / "one.jsonl").write_text(line)
        ...     sentences = read_tagged_jsonl(Path(folder) / "one.jsonl")
        >>> sentences.tokens, sentences.tags, sentences.extra["offsets"]
        ([['Ada', 'wrote', '.']], [['B-PER', 'O', 'O']], [[(0, 3), (4, 9), (9, 10)]])
    """
    path = Path(path)
    rows: list[_Row] = []
    lines: list[int] = []
    kept: dict[str, list[Any]] = {name: [] for name in extra}
    left_out: dict[str, list[int]] = {}
    by_hash: dict[Any, tuple[int, _Row]] = {}
    for number, record in read_json_lines(path, encoding):
        try:
            answer = _answer(record)
            if answer != "accept":
                left_out.setdefault(f"the answer {answer!r}", []).append(number)
                continue
            row = _row(record, names, cut)
            if _is_repeated(record, row, number, by_hash):
                left_out.setdefault("the input of another line", []).append(number)
                continue
            rows.append(row)
        except InvalidInputError as error:
            raise InvalidInputError(f"{path}, line {number}: {error}") from error
        lines.append(number)
        for name, column in kept.items():
            column.append(record.get(name))
    if left_out:
        warnings.warn(f"{path}: {_left_out(left_out)}.", DataWarning, stacklevel=2)
    if not rows:
        found = _left_out(left_out) if left_out else "none"
        raise file_error(path, None, "an object on each line", found)
    for name in extra:
        if all(value is None for value in kept[name]):
            raise file_error(path, None, f"a field {name!r}", "none in any line")
    # Spans are in IOB2 already and say nothing about the scheme of the others.
    by_tags = [i for i, row in enumerate(rows) if row.text is None]
    iob2 = as_iob2(
        [rows[i].tags for i in by_tags],
        scheme,
        repair=repair,
        place=lambda sentence, word: f"{path}, line {lines[by_tags[sentence]]}, word {word}",
    )
    for i, tags in zip(by_tags, iob2, strict=True):
        rows[i].tags = tags
    if len(by_tags) < len(rows):
        kept["text"] = [row.text for row in rows]
        kept["offsets"] = [row.offsets for row in rows]
    ids, positional = _ids([row.id for row in rows], lambda i: f"{path}, line {lines[i]}")
    return TaggedSentences(
        [row.tokens for row in rows], [row.tags for row in rows], ids, kept, positional
    )


def _answer(record: Mapping[str, Any]) -> str:
    """Return the annotator's answer to a row; `accept` where there is no such field."""
    answer = record.get("answer", "accept")
    if isinstance(answer, str) and answer in ANSWERS:
        return answer
    if not is_annotated_text(record):  # of a data set of questions, say
        return "accept"
    raise invalid("answer", ", ".join(map(repr, ANSWERS)), repr(answer)[:80])


def _left_out(lines: Mapping[str, Sequence[int]]) -> str:
    parts = []
    for why, numbers in sorted(lines.items()):
        named = ", ".join(map(str, numbers[:10])) + (", ..." if len(numbers) > 10 else "")
        parts.append(f"{len(numbers)} with {why} (line {named})")
    return f"left out {' and '.join(parts)}"


class _Row:
    """One sentence of a record."""

    def __init__(self, tokens: list[str], tags: list[str], name: Any) -> None:
        self.tokens, self.tags, self.id = tokens, tags, name
        self.text: str | None = None
        self.offsets: list[tuple[int, int]] | None = None


def _is_repeated(
    record: Mapping[str, Any], row: _Row, number: int, by_hash: dict[Any, tuple[int, _Row]]
) -> bool:
    """Return whether Prodigy's hashes say that a line before has the same input and answer.

    Raises:
        InvalidInputError: if it has the same input and another answer.
    """
    if row.text is None:
        return False
    name = next((key for key in _HASHES if record.get(key) is not None), None)
    if name is None:
        return False
    line, before = by_hash.setdefault((name, str(record[name])), (number, row))
    if before is row:
        return False
    if before.text != row.text or before.tags != row.tags or before.tokens != row.tokens:
        raise invalid(
            "spans", f"one answer for the {name} {record[name]}",
            f"others than in line {line}",
            hint="Keep the line of one annotator (_annotator_id), or put the answers to single "
            "spans together (prodigy data-to-spacy).",
        )  # fmt: skip
    return True


def _row(record: Mapping[str, Any], names: Sequence[str] | None, cut: bool) -> _Row:
    fields = [name for name in _TAG_FIELDS if name in record]
    if "tokens" in record and len(fields) == 1:
        tokens, tags = record["tokens"], record[fields[0]]
        if names is not None:
            tags = _named(tags, names)
        check_words(tokens, tags, lambda *fault: invalid(f"tokens, {fields[0]}", *fault))
        return _Row(list(tokens), list(tags), _given_id(record))
    if is_annotated_text(record):
        text, offsets, tags = read_annotated_text(record, cut=cut)
        tokens = [text[start:end] for start, end in offsets]
        check_words(tokens, tags, lambda *fault: invalid("text", *fault))
        row = _Row(tokens, tags, _given_id(record))
        row.text, row.offsets = text, offsets
        return row
    raise invalid(
        "fields",
        "tokens and either tags or ner_tags, or a text and spans",
        ", ".join(map(repr, record)) or "none",
    )


def _given_id(record: Mapping[str, Any]) -> Any:
    """Return the id in a record: the one that went out with a queue, before the tool's own."""
    return record.get("altasks_id", record.get("id"))


def _named(tags: Any, names: Sequence[str]) -> Any:
    if not isinstance(tags, list | tuple):
        return tags  # check_words names what is wrong
    for tag in tags:
        if isinstance(tag, bool) or not isinstance(tag, int) or not 0 <= tag < len(names):
            raise invalid("tags", f"numbers of {len(names)} names, from 0", repr(tag))
    return [names[tag] for tag in tags]


def _ids(found: Sequence[Any], place: Callable[[int], str]) -> tuple[list[str], bool]:
    """Return the ids, and whether they are nothing but positions."""
    if all(name is None for name in found):
        return [str(i) for i in range(len(found))], True
    first: dict[str, int] = {}
    for i, name in enumerate(found):
        if isinstance(name, bool) or not isinstance(name, str | int) or name == "":
            raise invalid(
                "id", "a string or a whole number for every sentence, or for none",
                "none" if name is None else repr(name), where=place(i),
            )  # fmt: skip
        if first.setdefault(str(name), i) != i:
            where = f"{place(first[str(name)])} and {place(i)}"
            raise invalid("id", "distinct ids", repr(name), where=where)
    return list(first), False


def from_dataset(
    dataset: Any,
    *,
    tokens_column: str = "tokens",
    tags_column: str | None = None,
    id_column: str | None = None,
    names: Sequence[str] | None = None,
    scheme: str | None = None,
    repair: bool = False,
    extra: Sequence[str] = (),
) -> TaggedSentences:
    """Return the sentences of a Hugging Face `Dataset` for token classification, or of a frame.

    Args:
        dataset: one split, or a data frame, with a column of words and one of tags.
        tokens_column: the column of the words.
        tags_column: the column of the tags; by default `ner_tags`, or else `tags`.
        id_column: the column of the ids; by default positions.
        names: the names of tags that are plain numbers; those of a `ClassLabel` are known.
        scheme: how the tags are written; found from all of them if not given.
        repair: read ill-formed tag sequences as `conlleval` does, see `spans_of`.
        extra: further columns to keep.

    Raises:
        InvalidInputError: for a missing column (those there are are listed), or tags that can't
            be read, naming the row.

    Example:
        >>> from datasets import ClassLabel, Dataset, Features, Sequence, Value
        >>> tags = Sequence(ClassLabel(names=["O", "B-PER", "I-PER"]))
        >>> rows = {"tokens": [["Ada", "wrote"]], "ner_tags": [[1, 0]]}
        >>> features = Features({"tokens": Sequence(Value("string")), "ner_tags": tags})
        >>> from_dataset(Dataset.from_dict(rows, features=features)).tags
        [['B-PER', 'O']]
    """
    frame = frame_columns(dataset, "dataset") if is_frame(dataset) else None
    columns = getattr(dataset, "column_names", None) if frame is None else list(frame)
    if not isinstance(columns, list) or not hasattr(dataset, "__len__"):
        raise invalid(
            "dataset",
            "a Hugging Face Dataset",
            type(dataset).__name__,
            hint='Of several splits, choose one: dataset["train"].'
            if isinstance(dataset, Mapping)
            else "",
        )
    if tags_column is None:
        tags_column = "tags" if "ner_tags" not in columns and "tags" in columns else "ner_tags"
    _require_columns(
        columns,
        {"tokens_column": tokens_column, "tags_column": tags_column, "id_column": id_column},
        extra,
    )
    if frame is None:
        feature = dataset.features[tags_column]
        inner = feature[0] if isinstance(feature, list) else getattr(feature, "feature", None)
        names = names if names is not None else getattr(inner, "names", None)
    rows: Any = dataset if frame is None else frame
    tokens, tags = ([_plain_list(row) for row in rows[c]] for c in (tokens_column, tags_column))
    for row, words in enumerate(tokens):
        if names is not None:
            try:
                tags[row] = _named(tags[row], names)
            except InvalidInputError as error:
                raise InvalidInputError(f"dataset, row {row}: {error}") from error
        check_words(words, tags[row], lambda *fault: invalid(
            f"{tokens_column}, {tags_column}", *fault, where=f"row {row}"  # noqa: B023 - called now
        ))  # fmt: skip
    ids, positional = _ids(
        [None] * len(tokens) if id_column is None else list(rows[id_column]),
        lambda row: f"row {row}",
    )
    iob2 = as_iob2(
        tags, scheme, repair=repair, place=lambda sentence, word: f"row {sentence}, word {word}"
    )
    kept = {name: list(rows[name]) for name in extra}
    return TaggedSentences([list(words) for words in tokens], iob2, ids, kept, positional)


def _plain_list(row: Any) -> Any:
    # Parquet files and NumPy formats hold arrays.
    return row.tolist() if hasattr(row, "tolist") else row


def _require_columns(
    columns: Sequence[str], named: Mapping[str, str | None], extra: Iterable[str]
) -> None:
    wanted = [*named.items(), *(("extra", name) for name in extra)]
    for argument, name in wanted:
        if name is not None and name not in columns:
            raise unknown_column(argument, name, columns)

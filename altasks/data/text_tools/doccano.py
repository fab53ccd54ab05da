"""doccano's JSON lines: queues out, classes of texts in.

Spans come in by `read_tagged_jsonl`.
"""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Literal

from altasks.data.pool import Pool
from altasks.data.text_files import read_json_lines
from altasks.data.text_tools.labelled_lines import LabelledLines
from altasks.data.text_tools.queue_rows import ID_FIELD, Asked, listed, rows_of, write_lines
from altasks.errors import invalid

_FIELDS = ("label", "labels", "cats")


def read_doccano(
    path: str | PathLike[str],
    *,
    names: Sequence[str] | None = None,
    multiple: bool = False,
    empty: Literal["unlabelled", "nothing"] = "unlabelled",
    encoding: str = "utf-8",
) -> Pool:
    """Return the texts of doccano's JSONL export of classes.

    Ids are those that `write_doccano` gave, else doccano's own. An export holds texts that nobody
    labelled as well, with an empty list.

    Args:
        path: the `.jsonl` file.
        names: the classes there may be; by default any.
        multiple: whether a label is a list of classes.
        empty: what an empty list is: `"unlabelled"`, or with `multiple` `"nothing"`, no class.
        encoding: of the file.

    Raises:
        InvalidInputError: naming file and line: two classes where one is wanted, spans, a text
            that is missing, two texts of one id, another class.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     file = Path(folder, "all.jsonl")
        ...     _ = file.write_text('{"id": 3, "text": "rain", "label": ["weather"]}')
        ...     read_doccano(file).labels
        {'3': 'weather'}
    """
    source = Path(path)
    if empty not in ("unlabelled", "nothing") or (empty == "nothing" and not multiple):
        raise invalid("empty", "'unlabelled', or with multiple=True 'nothing'", repr(empty))
    found = LabelledLines(source, names, multiple)
    for line, record in read_json_lines(source, encoding):
        name = found.name_of(record.get(ID_FIELD, record.get("id")), line)
        if name in found.texts:
            raise found.fault(line, "distinct ids", f"{name!r} twice")
        found.add(name, record.get("text", record.get("data")), line)
        fields = [one for one in _FIELDS if record.get(one) is not None]
        if len(fields) != 1:
            there = ", ".join(map(repr, record)) or "none"
            raise found.fault(line, "the classes as label", f"the fields {there[:200]}")
        value = record[fields[0]]
        if isinstance(value, list) and any(isinstance(one, list | dict) for one in value):
            raise found.fault(
                line, "names of classes", repr(value)[:80],
                "Spans are read as 'tagged_jsonl'.",
            )  # fmt: skip
        chosen = found.strings(value, line, fields[0])
        if chosen or empty == "nothing":
            found.label(name, chosen, line)
    return found.pool()


def write_doccano(query: Asked, path: str | PathLike[str]) -> Path:
    """Write a query as JSON lines for doccano, in its order; return the file.

    What is predicted goes along as `label`, for people to correct: names of classes, or spans
    `[start, end, label]` in characters (code points), ends exclusive. `altasks_id`, `altasks_rank`
    and `altasks_score` come back with the export. doccano shows texts in the order of upload.

    Args:
        query: of a loop, or whatever has `ids`, `samples`, `scores` and `descriptions`.
        path: the `.jsonl` file.

    Raises:
        InvalidInputError: for a sample that is no text.
    """
    rows = []
    for row in rows_of(query):
        label: list[Any] = listed(row.chosen)
        if row.spans is not None:
            label = [list(span) for span in row.spans]
        rows.append(
            {"text": row.text, "label": label, ID_FIELD: row.name, "altasks_rank": row.rank}
            | {"altasks_score": row.score}
        )
    return write_lines(rows, path)

"""What is open for labelling, as rows and as files: `altasks ask`."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from altasks._internal.extras import require
from altasks._internal.whole_files import written_whole
from altasks.cli.files import check_target
from altasks.data.spreadsheets import csv_text, data_frame
from altasks.errors import invalid
from altasks.loop.answers import Answers

if TYPE_CHECKING:
    from altasks.cli.rankers.base import Ranker
    from altasks.loop import ActiveLoop, Query


class _Desk:
    """A tool that only shows: `loop.sync` gives it what is open, in the order to label it."""

    name = "shell"

    def __init__(self) -> None:
        self.query: Any = None

    def push(self, query: Any) -> None:
        """Take the open samples."""
        self.query = query

    def pull(self, since: Any = None, *, also: Collection[str] = ()) -> Answers:
        """Say nothing: people's answers come by `altasks tell`."""
        del since, also
        return Answers()

    def label(self, query: Any) -> dict[str, Any]:
        """Label nothing."""
        self.push(query)
        return {}


def open_query(loop: ActiveLoop, *, rerank: bool = True) -> Query:
    """Return everything that is asked and unanswered, the most wanted first."""
    desk = _Desk()
    loop.sync(desk, rerank=rerank)  # type: ignore[arg-type]
    query: Query = desk.query
    return query


def rows_of(query: Query, ranker: Ranker) -> list[dict[str, Any]]:
    """Return the rows of JSON lines: place, id, score, sample, prediction, and an empty label."""
    rows = []
    for place, ((name, sample), score) in enumerate(zip(query, query.scores, strict=True), 1):
        fields = ranker.fields(sample)
        row: dict[str, Any] = {"rank": place, "id": name, "score": score, **fields}
        described = query.descriptions.get(name)
        if isinstance(described, Mapping):
            row["prediction"] = {key: one for key, one in described.items() if key not in fields}
        rows.append({**row, "label": None})
    return rows


def flat_rows(query: Query, ranker: Ranker) -> list[dict[str, Any]]:
    """Return the same rows for a spreadsheet: one cell for what is predicted, and one for a skip.

    The cells of a row of a table have columns of their own.
    """
    rows = []
    for row in rows_of(query, ranker):
        described = row.pop("prediction", None)
        row.pop("label")
        cells = row.pop("row", None)
        if isinstance(cells, Mapping):
            row |= {f"row.{key}" if key in row else key: one for key, one in cells.items()}
        rows.append({**row, "predicted": _said(described, ranker), "label": None, "skip": None})
    return rows


def _said(described: Mapping[str, Any] | None, ranker: Ranker) -> Any:
    if described is None:
        return None
    predicted = described.get("predicted")
    if isinstance(predicted, str | int | float):
        return predicted
    if isinstance(predicted, list) and all(isinstance(one, str) for one in predicted):
        return "; ".join(predicted)
    return ranker.reason(described)


def text_of(query: Query, ranker: Ranker, suffix: str) -> bytes:
    """Return the queue as the bytes of a file of that suffix.

    Raises:
        MissingExtraError: for Parquet, if pandas or pyarrow is not installed.
    """
    if suffix in (".csv", ".tsv"):
        rows = flat_rows(query, ranker)
        text = csv_text(rows or [dict.fromkeys(["rank", "id", "score", "label", "skip"])])
        if not rows:
            text = text.splitlines(keepends=True)[0]
        return text.encode("utf-8-sig")
    if suffix == ".parquet":
        import io

        require("pyarrow", "text", "Writing Parquet")
        rows = [{key: _column(one) for key, one in row.items()} for row in flat_rows(query, ranker)]
        buffer = io.BytesIO()
        data_frame(rows, ["rank", "id", "score", "label", "skip"]).to_parquet(buffer, index=False)
        return buffer.getvalue()
    lines = [json.dumps(row, ensure_ascii=False) for row in rows_of(query, ranker)]
    return "".join(f"{line}\n" for line in lines).encode()


def _column(value: Any) -> Any:
    """Return a cell of which a column has one type: lists and mappings as JSON."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value


def check_suffix(path: Path) -> None:
    """Refuse a file of another kind, before any work.

    Raises:
        InvalidInputError: naming `--out`.
    """
    if path.suffix.lower() not in (".csv", ".jsonl", ".ndjson", ".parquet"):
        raise invalid("--out", "a file that ends in .csv, .jsonl or .parquet", repr(path.name))


def write_queue(path: Path, content: bytes, *, untold: Sequence[str], force: bool) -> bool:
    """Write the file, whole or not at all; return whether anything changed.

    A queue that is there is replaced if the store has all that people wrote into it.

    Args:
        path: where.
        content: of the file.
        untold: the ids of rows there whose labels the store lacks.
        force: whether they are given up, and files that are no queue are overwritten.

    Raises:
        InvalidInputError: naming what would be lost.
    """
    if path.is_file():
        if path.read_bytes() == content:
            return False
        if untold and not force:
            shown = ", ".join(map(repr, untold[:3])) + (", ..." if len(untold) > 3 else "")
            raise invalid(
                "--out", "a file whose labels are in the store",
                f"{len(untold)} that are not: {shown}", where=str(path),
                hint=f"Take them in first: altasks tell {path.name}. Or give them up with --force.",
            )  # fmt: skip
        check_target(path, force=True)
    else:
        check_target(path, force=force)
    with written_whole(path) as file:
        file.write(content)
    return True

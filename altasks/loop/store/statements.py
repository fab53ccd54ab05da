"""The statements that every part of the store uses."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Connection, delete, func, insert, inspect, select, update

from altasks._internal.jsonable import dumps
from altasks._version import __version__
from altasks.errors import LabelConflictError, StoreError
from altasks.loop.base import LoggedFit
from altasks.loop.store.migrations import MIGRATIONS
from altasks.loop.store.schema import META, METADATA, SCHEMA_VERSION

T = TypeVar("T")

#: SQLite allows 32,766 parameters a statement, PostgreSQL 65,535.
_MANY = 10_000


def schema_version(connection: Connection, *, shared: bool = True) -> int | None:
    """Return the version of the tables, or None if there are none.

    Args:
        connection: to the database.
        shared: whether other programs may have tables there.

    Raises:
        StoreError: for a database of another program, or a damaged store.
    """
    if not inspect(connection).has_table(META.name):
        tables = inspect(connection).get_table_names()
        ours = sorted(set(tables) & set(METADATA.tables))
        if ours:
            raise StoreError(
                f"store: it has the table {ours[0]} and no {META.name}; it is damaged."
            )
        if tables and not shared:
            raise StoreError(
                f"store: the file is a database of something else, with {len(tables)} tables of "
                f"its own ({', '.join(tables[:3])}), and was left alone. Give the store a file of "
                "its own."
            )
        return None
    value = connection.scalar(select(META.c.value).where(META.c.key == "schema_version"))
    if value is None:
        raise StoreError(f"store: its table {META.name} has no schema version; it is damaged.")
    try:
        version = int(json.loads(value))
    except ValueError:
        raise StoreError(
            f"store: its schema version is {value!r}, which is no number; it is damaged."
        ) from None
    if version < 1:
        raise StoreError(f"store: its schema version is {version}, which never was; it is damaged.")
    return version


def create_tables(connection: Connection) -> int:
    """Make the tables unless another process was faster; return their version."""
    version = schema_version(connection)
    if version is None:
        METADATA.create_all(connection)
        rows = {
            "schema_version": SCHEMA_VERSION,
            "created_by": f"altasks {__version__}",
            "store_id": uuid.uuid4().hex,
        }
        insert_rows(connection, META, [{"key": k, "value": dumps(v)} for k, v in rows.items()])
        version = SCHEMA_VERSION
    return version


def migrate(connection: Connection) -> int:
    """Bring the tables to this version, step by step, unless another process was faster."""
    version = schema_version(connection)
    while version is not None and version < SCHEMA_VERSION:
        MIGRATIONS[version](connection)
        version += 1
        connection.execute(
            update(META).where(META.c.key == "schema_version").values(value=dumps(version))
        )
    return version or SCHEMA_VERSION


def now() -> str:
    """Return the time, ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def last_of(connection: Connection, column: Any, *conditions: Any) -> int:
    """Return the largest value of a column; 0 for none."""
    largest = select(func.coalesce(func.max(column), 0)).where(*conditions)
    return int(connection.scalar(largest) or 0)


def fit_of(row: Any) -> LoggedFit:
    """Return a row of the fits."""
    return LoggedFit(**{**row._mapping, "versions": json.loads(row.versions)})


def batches(items: Iterable[T]) -> Iterator[list[T]]:
    """Yield `items` in lists no longer than a statement may be."""
    iterator = iter(items)
    while batch := list(islice(iterator, _MANY)):
        yield batch


def insert_rows(connection: Connection, table: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert any number of rows."""
    for batch in batches(rows):
        connection.execute(insert(table), batch)


def delete_rows(
    connection: Connection, table: Any, ids: Sequence[str], key: Mapping[str, str]
) -> None:
    """Delete the rows of some ids, with the values in `key`."""
    for batch in batches(ids):
        same = [table.c[name] == value for name, value in key.items()]
        connection.execute(delete(table).where(table.c.sample_id.in_(batch), *same))


def rows_among(
    connection: Connection, column: Any, wanted: Any, ids: Sequence[str], *conditions: Any
) -> Iterator[Any]:
    """Yield the rows whose `column` is one of `ids`."""
    columns = wanted if isinstance(wanted, tuple) else (wanted,)
    for batch in batches(ids):
        yield from connection.execute(select(*columns).where(column.in_(batch), *conditions))


def conflict(
    changed: Sequence[str],
    before: Mapping[str, tuple[str, int]],
    now_given: Mapping[str, str],
    annotator: str,
) -> LabelConflictError:
    """Return what `tell` raises when an annotator contradicts itself."""
    name = changed[0]
    others = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
    who = f"annotator {annotator!r}" if annotator else "the same annotator"
    return LabelConflictError(
        f"labels: {who} has labelled {name!r} {before[name][0]} and now labels it "
        f"{now_given[name]}{others}. Nothing of this call was kept. Correct a label with "
        "replace=True; give another person's with annotator=."
    )

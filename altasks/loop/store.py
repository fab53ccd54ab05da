"""The store on a database, through SQLAlchemy Core: SQLite by default, PostgreSQL by URL."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, delete, func, insert, inspect, select
from sqlalchemy.engine import URL

from altasks._version import __version__
from altasks.errors import LabelConflictError, StoreError, StoreVersionError
from altasks.loop.base import AskedSample, Event, Labels, LoggedFit, State
from altasks.loop.engine import Database
from altasks.loop.jsonable import dumps
from altasks.loop.schema import (
    ASKS,
    EVENTS,
    FITS,
    LABELS,
    META,
    METADATA,
    POOL,
    QUERIES,
    ROUNDS,
    SCHEMA_VERSION,
    SKIPS,
)

T = TypeVar("T")

#: SQLite allows 32,766 parameters a statement, PostgreSQL 65,535.
_MANY = 10_000
#: 64 KiB of hashes to a row.
_CHUNK = 65_536


class SQLStore:
    """A `Store` in a database.

    Args:
        url: an SQLAlchemy URL: `sqlite:///reviews.db`, `postgresql+psycopg://...`, or `sqlite://`
            for one in memory; or the `Path` of an SQLite file. A new database is filled with
            empty tables, all called `altasks_...`.

    Raises:
        StoreVersionError: if a newer altasks wrote it.
        StoreError: if it can't be opened.

    Example:
        >>> store = SQLStore("sqlite://")
        >>> store.tell({"a": "cat"}, replace=False)
        1
        >>> store.labels().values
        {'a': 'cat'}
    """

    def __init__(self, url: str | Path | URL) -> None:
        self._database = Database(url)
        self._prepare()

    @property
    def url(self) -> URL:
        """Where it is."""
        return self._database.url

    @property
    def name(self) -> str:
        """The URL, without a password."""
        return self._database.name

    @property
    def in_memory(self) -> bool:
        """Whether it is gone when the process ends."""
        return self._database.in_memory

    def _prepare(self) -> None:
        version = self._database.read(_schema_version)
        if version is None:
            version = self._database.write(_create)
        if version > SCHEMA_VERSION:
            raise StoreVersionError(
                f"store {self.name}: its schema is version {version}, and altasks {__version__} "
                f"reads versions up to {SCHEMA_VERSION}. A newer altasks wrote it: upgrade with "
                "pip install --upgrade altasks"
            )

    # Settings and the pool.

    def claim(self, key: str, value: Any) -> Any:
        """Keep the JSON `value` under `key` unless there is one; return what is kept."""

        def look(connection: Connection) -> str | None:
            return connection.scalar(select(META.c.value).where(META.c.key == key))

        def keep(connection: Connection) -> str:
            kept = look(connection)
            if kept is None:
                kept = dumps(value)
                connection.execute(insert(META).values(key=key, value=kept))
            return kept

        # Opening a store writes nothing if all is there already: it may be read-only.
        return json.loads(self._database.read(look) or self._database.write(keep))

    def put(self, key: str, value: Any) -> None:
        """Keep the JSON `value` under `key`, whatever was there."""

        def keep(connection: Connection) -> None:
            connection.execute(delete(META).where(META.c.key == key))
            connection.execute(insert(META).values(key=key, value=dumps(value)))

        self._database.write(keep)

    def pool_hashes(self) -> bytes:
        """Return the 16-byte content hashes kept so far, in pool order."""
        rows = select(POOL.c.hashes).order_by(POOL.c.chunk)
        return self._database.read(
            lambda connection: b"".join(bytes(row) for row in connection.scalars(rows))
        )

    def extend_pool(self, hashes: bytes, known: int) -> bool:
        """Add hashes after the `known` bytes that are there; False, adding none, if others are."""
        length = func.coalesce(func.sum(func.length(POOL.c.hashes)), 0)

        def extend(connection: Connection) -> bool:
            if connection.scalar(select(length)) != known:
                return False
            chunk = connection.scalar(select(func.coalesce(func.max(POOL.c.chunk), 0))) or 0
            pieces = (hashes[i : i + _CHUNK] for i in range(0, len(hashes), _CHUNK))
            _insert(
                connection,
                POOL,
                [{"chunk": chunk + i, "hashes": piece} for i, piece in enumerate(pieces, 1)],
            )
            return True

        return self._database.write(extend)

    # Asking.

    def state(self) -> State:
        """Return one consistent look at everything that decides the next step."""

        def look(connection: Connection) -> State:
            asked = connection.execute(
                select(QUERIES.c.sample_id, QUERIES.c.round).order_by(
                    QUERIES.c.round, QUERIES.c.rank
                )
            )
            last = connection.execute(select(FITS).order_by(FITS.c.fit.desc()).limit(1)).first()
            recorded = connection.scalar(select(func.max(ROUNDS.c.round)))
            return State(
                round=_last(connection, ASKS.c.round),
                seq=_last(connection, EVENTS.c.seq),
                asked={name: round for name, round in asked},  # noqa: C416 - Row to pair
                labelled=frozenset(connection.scalars(select(LABELS.c.sample_id).distinct())),
                skipped=frozenset(connection.scalars(select(SKIPS.c.sample_id))),
                fit=None if last is None else _fit(last),
                recorded=-1 if recorded is None else recorded,
            )

        return self._database.read(look)

    def record_ask(
        self, round: int, samples: Sequence[AskedSample], how: Mapping[str, Any]
    ) -> bool:
        """Keep query `round`, or keep nothing and return False if another was faster."""
        ids = [sample.id for sample in samples]
        rows = [
            {
                "round": round,
                "rank": rank,
                "sample_id": sample.id,
                "part": "",
                "score": sample.score,
                "description": None if sample.description is None else dumps(sample.description),
            }
            for rank, sample in enumerate(samples)
        ]

        def record(connection: Connection) -> bool:
            if _last(connection, ASKS.c.round) != round - 1:
                return False
            for table in (QUERIES, LABELS, SKIPS):
                if any(_among(connection, table.c.sample_id, table.c.sample_id, ids)):
                    return False
            connection.execute(insert(ASKS).values(round=round, at=_now(), how=dumps(how)))
            _insert(connection, QUERIES, rows)
            return True

        return self._database.write(record)

    def asked(self, round: int) -> list[AskedSample]:
        """Return the query of a round, in the order asked."""
        rows = select(QUERIES).where(QUERIES.c.round == round).order_by(QUERIES.c.rank)
        return self._database.read(
            lambda connection: [
                AskedSample(
                    row.sample_id,
                    row.score,
                    None if row.description is None else json.loads(row.description),
                )
                for row in connection.execute(rows)
            ]
        )

    # Answers.

    def tell(
        self, labels: Mapping[str, Any], *, annotator: str = "", part: str = "", replace: bool
    ) -> int:
        """Keep JSON labels and return how many said something new; a skip of theirs ends."""
        said = {name: dumps(value) for name, value in labels.items()}

        def keep(connection: Connection) -> int:
            columns = (LABELS.c.sample_id, LABELS.c.value, LABELS.c.seq)
            before = {
                row.sample_id: (row.value, row.seq)
                for row in _among(
                    connection,
                    LABELS.c.sample_id,
                    columns,
                    list(said),
                    LABELS.c.annotator == annotator,
                    LABELS.c.part == part,
                )
            }
            news = {
                name: value
                for name, value in said.items()
                if name not in before or before[name][0] != value
            }
            changed = [name for name in news if name in before]
            if changed and not replace:
                raise _conflict(changed, before, said, annotator)
            self._append(connection, "label", news, annotator, part, before)
            return len(news)

        return self._database.write(keep)

    def _append(
        self,
        connection: Connection,
        kind: str,
        news: Mapping[str, str],
        annotator: str,
        part: str,
        before: Mapping[str, tuple[str, int]],
    ) -> None:
        """Add label events, and bring the current view up to date."""
        first, now = _last(connection, EVENTS.c.seq) + 1, _now()
        key = {"part": part, "annotator": annotator}
        numbered = {name: first + i for i, name in enumerate(news)}
        _insert(
            connection,
            EVENTS,
            [
                {"seq": numbered[name], "at": now, "kind": kind, "sample_id": name, "value": value}
                | key
                | {"replaces": before[name][1] if name in before else None}
                for name, value in news.items()
            ],
        )
        _delete(connection, LABELS, [name for name in news if name in before], key)
        _insert(
            connection,
            LABELS,
            [
                {"sample_id": name, "value": value, "seq": numbered[name]} | key
                for name, value in news.items()
            ],
        )
        _delete(connection, SKIPS, list(news), {})

    def skip(self, ids: Collection[str], *, annotator: str = "") -> int:
        """Keep that these can't be labelled; return how many were news.

        A sample that has a label keeps it, and the label goes on being used.
        """
        wanted = list(dict.fromkeys(ids))

        def keep(connection: Connection) -> int:
            known = {
                row[0]
                for table in (SKIPS, LABELS)
                for row in _among(connection, table.c.sample_id, (table.c.sample_id,), wanted)
            }
            news = [name for name in wanted if name not in known]
            first, now = _last(connection, EVENTS.c.seq) + 1, _now()
            shared = {"at": now, "kind": "skip", "part": "", "annotator": annotator}
            rows = [{"sample_id": name, "seq": first + i} for i, name in enumerate(news)]
            _insert(connection, EVENTS, [row | shared for row in rows])
            _insert(connection, SKIPS, rows)
            return len(news)

        return self._database.write(keep)

    def labels(self, upto: int | None = None) -> Labels:
        """Return the labels as of now, or as they were after event `upto`."""

        def look(connection: Connection) -> Labels:
            if upto is None:
                rows = select(LABELS.c.sample_id, LABELS.c.value).where(LABELS.c.part == "")
                ordered = rows.order_by(LABELS.c.seq)
                seq = _last(connection, EVENTS.c.seq)
            else:
                rows = select(EVENTS.c.sample_id, EVENTS.c.value).where(
                    EVENTS.c.kind == "label", EVENTS.c.part == "", EVENTS.c.seq <= upto
                )
                ordered, seq = rows.order_by(EVENTS.c.seq), upto
            # In the order told, so that the last word wins.
            last = {row.sample_id: row.value for row in connection.execute(ordered)}
            return Labels(seq, {name: json.loads(value) for name, value in last.items()})

        return self._database.read(look)

    def history(self, id: str | None = None) -> list[Event]:
        """Return every event (of one sample), in the order of commits."""
        rows = select(EVENTS).order_by(EVENTS.c.seq)
        if id is not None:
            rows = rows.where(EVENTS.c.sample_id == id)
        return self._database.read(
            lambda connection: [
                Event(
                    row.seq,
                    row.at,
                    row.kind,
                    row.sample_id,
                    row.annotator,
                    None if row.value is None else json.loads(row.value),
                    row.replaces,
                    row.part,
                )
                for row in connection.execute(rows)
            ]
        )

    # Fits and rounds.

    def log_fit(self, fit: LoggedFit, publish: Callable[[int], None]) -> LoggedFit:
        """Number a finished fit, call `publish(number)`, log it, and return it as logged."""

        def log(connection: Connection) -> LoggedFit:
            number = _last(connection, FITS.c.fit) + 1
            publish(number)
            row = {**vars(fit), "fit": number, "at": _now()}
            connection.execute(insert(FITS).values(row | {"versions": dumps(fit.versions)}))
            return LoggedFit(**row)

        return self._database.write(log)

    def fits(self) -> list[LoggedFit]:
        """Return every logged fit, oldest first."""
        rows = select(FITS).order_by(FITS.c.fit)
        return self._database.read(
            lambda connection: [_fit(row) for row in connection.execute(rows)]
        )

    def record_round(self, round: int, record: Mapping[str, Any]) -> None:
        """Keep what `run` says of a completed round, replacing what it said before."""

        def keep(connection: Connection) -> None:
            connection.execute(delete(ROUNDS).where(ROUNDS.c.round == round))
            connection.execute(insert(ROUNDS).values(round=round, at=_now(), record=dumps(record)))

        self._database.write(keep)

    def rounds(self) -> dict[int, dict[str, Any]]:
        """Return the record of each completed round."""
        rows = select(ROUNDS).order_by(ROUNDS.c.round)
        return self._database.read(
            lambda connection: {
                row.round: json.loads(row.record) for row in connection.execute(rows)
            }
        )

    def close(self) -> None:
        """Let go of the connections; what is in memory only is lost."""
        self._database.close()


def _schema_version(connection: Connection) -> int | None:
    if not inspect(connection).has_table(META.name):
        return None
    value = connection.scalar(select(META.c.value).where(META.c.key == "schema_version"))
    if value is None:
        raise StoreError(f"store: its table {META.name} says no schema version; it is damaged.")
    return int(json.loads(value))


def _create(connection: Connection) -> int:
    # Another process may have been faster.
    version = _schema_version(connection)
    if version is None:
        METADATA.create_all(connection)
        rows = {"schema_version": SCHEMA_VERSION, "created_by": f"altasks {__version__}"}
        _insert(connection, META, [{"key": k, "value": dumps(v)} for k, v in rows.items()])
        version = SCHEMA_VERSION
    return version


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _last(connection: Connection, column: Any) -> int:
    return int(connection.scalar(select(func.coalesce(func.max(column), 0))) or 0)


def _fit(row: Any) -> LoggedFit:
    return LoggedFit(**{**row._mapping, "versions": json.loads(row.versions)})


def _batches(items: Iterable[T]) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, _MANY)):
        yield batch


def _insert(connection: Connection, table: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    for batch in _batches(rows):
        connection.execute(insert(table), batch)


def _delete(connection: Connection, table: Any, ids: Sequence[str], key: Mapping[str, str]) -> None:
    for batch in _batches(ids):
        same = [table.c[name] == value for name, value in key.items()]
        connection.execute(delete(table).where(table.c.sample_id.in_(batch), *same))


def _among(
    connection: Connection, column: Any, wanted: Any, ids: Sequence[str], *conditions: Any
) -> Iterator[Any]:
    """Yield the rows whose `column` is one of `ids`."""
    columns = wanted if isinstance(wanted, tuple) else (wanted,)
    for batch in _batches(ids):
        yield from connection.execute(select(*columns).where(column.in_(batch), *conditions))


def _conflict(
    changed: Sequence[str],
    before: Mapping[str, tuple[str, int]],
    said: Mapping[str, str],
    annotator: str,
) -> LabelConflictError:
    name = changed[0]
    others = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
    who = f"annotator {annotator!r}" if annotator else "the same annotator"
    return LabelConflictError(
        f"labels: {who} has said {before[name][0]} of {name!r} and now says {said[name]}{others}. "
        "Nothing of this call was kept. A correction is told with replace=True; another person's "
        "opinion with annotator=."
    )

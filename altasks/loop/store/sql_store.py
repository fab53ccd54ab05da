"""The store on a database, through SQLAlchemy Core: SQLite by default, PostgreSQL by URL."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select
from sqlalchemy.engine import URL

from altasks._internal.jsonable import dumps
from altasks._version import __version__
from altasks.errors import StoreError, StoreVersionError
from altasks.loop.base import AskedSample, Event, LabelSnapshot, LoggedFit, State
from altasks.loop.store.answers import (
    events_after,
    keep_labels,
    keep_skips,
    labels_after,
    take_back,
)
from altasks.loop.store.engine import Database
from altasks.loop.store.new_file import make_file
from altasks.loop.store.schema import (
    ASKS,
    EVENTS,
    FITS,
    LABELS,
    META,
    POOL,
    QUERIES,
    ROUNDS,
    SCHEMA_VERSION,
    SKIPS,
)
from altasks.loop.store.statements import (
    create_tables,
    fit_of,
    insert_rows,
    last_of,
    migrate,
    now,
    rows_among,
    schema_version,
)

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
        file = self._database.file
        if file is not None:
            make_file(file, self.name)
        shared = self._database.is_shared
        version = self._database.read(lambda connection: schema_version(connection, shared=shared))
        if version is None:
            version = self._database.write(create_tables)
        if version < SCHEMA_VERSION:
            version = self._migrate(version)
        if version > SCHEMA_VERSION:
            raise StoreVersionError(
                f"store {self.name}: its schema is version {version}, and altasks {__version__} "
                f"reads versions up to {SCHEMA_VERSION}. A newer altasks wrote it: upgrade "
                "altasks."
            )

    def _migrate(self, version: int) -> int:
        try:
            return self._database.write(migrate)
        except StoreError as error:
            raise StoreError(
                f"{error} It is a store of schema version {version} and has to be brought to "
                f"version {SCHEMA_VERSION}, which writes: copy it to where it can be written."
            ) from error

    # Settings and the pool.

    def claim(self, key: str, value: Any) -> Any:
        """Keep the JSON `value` under `key` unless there is one; return what is kept."""

        def keep(connection: Connection) -> str:
            kept = _value_of(connection, key)
            if kept is None:
                kept = dumps(value)
                connection.execute(insert(META).values(key=key, value=kept))
            return kept

        # Opening a store writes nothing if all is there already: it may be read-only.
        kept = self._database.read(lambda connection: _value_of(connection, key))
        return json.loads(kept or self._database.write(keep))

    def get(self, key: str) -> Any:
        """Return the JSON value kept under `key`, or None."""
        kept = self._database.read(lambda connection: _value_of(connection, key))
        return None if kept is None else json.loads(kept)

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
            insert_rows(
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
            whole = LABELS.c.part == ""
            return State(
                round=last_of(connection, ASKS.c.round),
                last_event=last_of(connection, EVENTS.c.seq),
                last_label=max(
                    last_of(connection, LABELS.c.seq, whole),
                    last_of(connection, EVENTS.c.seq, EVENTS.c.kind == "withdraw"),
                ),
                asked={name: round for name, round in asked.all()},  # noqa: C416 - Row to pair
                labelled=frozenset(
                    connection.scalars(select(LABELS.c.sample_id).where(whole).distinct()).all()
                ),
                skipped=frozenset(connection.scalars(select(SKIPS.c.sample_id)).all()),
                last_fit=None if last is None else fit_of(last),
                last_recorded_round=-1 if recorded is None else recorded,
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
            if last_of(connection, ASKS.c.round) != round - 1:
                return False
            for column, *conditions in (
                (QUERIES.c.sample_id,),
                (LABELS.c.sample_id, LABELS.c.part == ""),
                (SKIPS.c.sample_id,),
            ):
                if any(rows_among(connection, column, column, ids, *conditions)):
                    return False
            connection.execute(insert(ASKS).values(round=round, at=now(), how=dumps(how)))
            insert_rows(connection, QUERIES, rows)
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

    def asks(self, after: int = 0) -> dict[int, dict[str, Any]]:
        """Return how each query after round `after` was made, as given to `record_ask`."""
        rows = select(ASKS.c.round, ASKS.c.how).where(ASKS.c.round > after).order_by(ASKS.c.round)
        return self._database.read(
            lambda connection: {row.round: json.loads(row.how) for row in connection.execute(rows)}
        )

    # Answers.

    def tell(
        self,
        labels: Mapping[str, Any],
        *,
        annotator: str = "",
        part: str = "",
        replace: bool,
        seconds: Mapping[str, float] | None = None,
    ) -> int:
        """Keep JSON labels and return how many are new or changed; a skip of theirs ends."""
        texts = {name: dumps(value) for name, value in labels.items()}
        who = {"part": part, "annotator": annotator}
        return self._database.write(
            lambda connection: keep_labels(connection, texts, who, replace, seconds or {})
        )

    def skip(self, ids: Collection[str], *, annotator: str = "") -> int:
        """Record samples that can't be labelled; return how many are new as such.

        A sample that has a label keeps it, and the label goes on being used.
        """
        wanted = list(dict.fromkeys(ids))
        return self._database.write(lambda connection: keep_skips(connection, wanted, annotator))

    def withdraw(self, ids: Collection[str], *, annotator: str = "") -> int:
        """Take back this annotator's labels and skips of some samples; return how many."""
        wanted = list(dict.fromkeys(ids))
        return self._database.write(lambda connection: take_back(connection, wanted, annotator))

    def labels(
        self, upto: int | None = None, *, ids: Collection[str] | None = None
    ) -> LabelSnapshot:
        """Return the labels (of some ids) as of now, or as they were after event `upto`."""
        some = None if ids is None else list(dict.fromkeys(ids))
        return self._database.read(lambda connection: labels_after(connection, upto, some))

    def history(self, id: str | None = None, *, after: int = 0) -> list[Event]:
        """Return every event (of one sample) after event `after`, in the order of commits."""
        return self._database.read(lambda connection: events_after(connection, after, id))

    # Fits and rounds.

    def log_fit(self, fit: LoggedFit, publish: Callable[[int], None]) -> LoggedFit:
        """Number a finished fit, call `publish(number)`, log it, and return it as logged."""

        def log(connection: Connection) -> LoggedFit:
            number = last_of(connection, FITS.c.fit) + 1
            publish(number)
            row = {**vars(fit), "fit": number, "at": now()}
            connection.execute(insert(FITS).values(row | {"versions": dumps(fit.versions)}))
            return LoggedFit(**row)

        return self._database.write(log)

    def fits(self) -> list[LoggedFit]:
        """Return every logged fit, oldest first."""
        rows = select(FITS).order_by(FITS.c.fit)
        return self._database.read(
            lambda connection: [fit_of(row) for row in connection.execute(rows)]
        )

    def record_round(self, round: int, record: Mapping[str, Any]) -> None:
        """Keep the record (JSON) of a completed round, replacing an earlier one."""

        def keep(connection: Connection) -> None:
            connection.execute(delete(ROUNDS).where(ROUNDS.c.round == round))
            connection.execute(insert(ROUNDS).values(round=round, at=now(), record=dumps(record)))

        self._database.write(keep)

    def rounds(self, after: int = -1) -> dict[int, dict[str, Any]]:
        """Return the record of each completed round after round `after`."""
        rows = select(ROUNDS).where(ROUNDS.c.round > after).order_by(ROUNDS.c.round)
        return self._database.read(
            lambda connection: {
                row.round: json.loads(row.record) for row in connection.execute(rows)
            }
        )

    def close(self) -> None:
        """Close the connections; a store in memory is lost."""
        self._database.close()


def _value_of(connection: Connection, key: str) -> str | None:
    return connection.scalar(select(META.c.value).where(META.c.key == key))

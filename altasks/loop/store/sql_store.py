"""The store on a database, through SQLAlchemy Core: SQLite by default, PostgreSQL by URL."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select
from sqlalchemy.engine import URL

from altasks._internal.jsonable import dumps
from altasks._version import __version__
from altasks.errors import StoreError, StoreVersionError
from altasks.loop.base import AskedSample, Event, LabelSnapshot, LoggedFit, State
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
    conflict,
    create_tables,
    delete_rows,
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
                f"reads versions up to {SCHEMA_VERSION}. A newer altasks wrote it: upgrade with "
                "pip install --upgrade altasks"
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

        def keep(connection: Connection) -> int:
            columns = (LABELS.c.sample_id, LABELS.c.value, LABELS.c.seq)
            before = {
                row.sample_id: (row.value, row.seq)
                for row in rows_among(
                    connection,
                    LABELS.c.sample_id,
                    columns,
                    list(texts),
                    LABELS.c.annotator == annotator,
                    LABELS.c.part == part,
                )
            }
            news = {
                name: value
                for name, value in texts.items()
                if name not in before or before[name][0] != value
            }
            changed = [name for name in news if name in before]
            if changed and not replace:
                raise conflict(changed, before, texts, annotator)
            self._append(connection, news, annotator, part, before, seconds or {})
            return len(news)

        return self._database.write(keep)

    def _append(
        self,
        connection: Connection,
        news: Mapping[str, str],
        annotator: str,
        part: str,
        before: Mapping[str, tuple[str, int]],
        seconds: Mapping[str, float],
    ) -> None:
        """Add label events, and bring the current view up to date."""
        first, at = last_of(connection, EVENTS.c.seq) + 1, now()
        key = {"part": part, "annotator": annotator}
        numbered = {name: first + i for i, name in enumerate(news)}
        insert_rows(
            connection,
            EVENTS,
            [
                {"seq": numbered[name], "at": at, "kind": "label", "sample_id": name}
                | {"value": value, "seconds": seconds.get(name)}
                | {"replaces": before[name][1] if name in before else None}
                | key
                for name, value in news.items()
            ],
        )
        delete_rows(connection, LABELS, [name for name in news if name in before], key)
        insert_rows(
            connection,
            LABELS,
            [
                {"sample_id": name, "value": value, "seq": numbered[name]} | key
                for name, value in news.items()
            ],
        )
        if not part:
            delete_rows(connection, SKIPS, list(news), {})

    def skip(self, ids: Collection[str], *, annotator: str = "") -> int:
        """Record samples that can't be labelled; return how many are new as such.

        A sample that has a label keeps it, and the label goes on being used.
        """
        wanted = list(dict.fromkeys(ids))

        def keep(connection: Connection) -> int:
            known = {
                row[0]
                for column, *conditions in (
                    (SKIPS.c.sample_id,),
                    (LABELS.c.sample_id, LABELS.c.part == ""),
                )
                for row in rows_among(connection, column, column, wanted, *conditions)
            }
            news = [name for name in wanted if name not in known]
            first, at = last_of(connection, EVENTS.c.seq) + 1, now()
            shared = {"at": at, "kind": "skip", "part": "", "annotator": annotator}
            rows = [{"sample_id": name, "seq": first + i} for i, name in enumerate(news)]
            insert_rows(connection, EVENTS, [row | shared for row in rows])
            insert_rows(connection, SKIPS, rows)
            return len(news)

        return self._database.write(keep)

    def withdraw(self, ids: Collection[str], *, annotator: str = "") -> int:
        """Take back this annotator's labels and skips of some samples; return how many."""
        wanted = list(dict.fromkeys(ids))
        key = {"part": "", "annotator": annotator}

        def take_back(connection: Connection) -> int:
            mine = (LABELS.c.annotator == annotator, LABELS.c.part == "")
            columns = (LABELS.c.sample_id, LABELS.c.seq)
            labels = list(rows_among(connection, LABELS.c.sample_id, columns, wanted, *mine))
            columns = (SKIPS.c.sample_id, SKIPS.c.seq)
            by_me = SKIPS.c.seq.in_(select(EVENTS.c.seq).where(EVENTS.c.annotator == annotator))
            skips = list(rows_among(connection, SKIPS.c.sample_id, columns, wanted, by_me))
            first, at = last_of(connection, EVENTS.c.seq) + 1, now()
            rows = [
                {"seq": first + i, "at": at, "kind": "withdraw", "sample_id": row.sample_id}
                | {"replaces": row.seq}
                | key
                for i, row in enumerate([*labels, *skips])
            ]
            insert_rows(connection, EVENTS, rows)
            delete_rows(connection, LABELS, [row.sample_id for row in labels], key)
            delete_rows(connection, SKIPS, [row.sample_id for row in skips], {})
            return len(rows)

        return self._database.write(take_back)

    def labels(
        self, upto: int | None = None, *, ids: Collection[str] | None = None
    ) -> LabelSnapshot:
        """Return the labels (of some ids) as of now, or as they were after event `upto`."""
        table = LABELS if upto is None else EVENTS
        wanted = [table.c.part == ""]
        if upto is not None:
            wanted += [EVENTS.c.kind.in_(("label", "withdraw")), EVENTS.c.seq <= upto]
        columns = (table.c.sample_id, table.c.annotator, table.c.value, table.c.seq)

        def look(connection: Connection) -> LabelSnapshot:
            seq = last_of(connection, EVENTS.c.seq) if upto is None else upto
            if ids is None:
                found: Iterable[Any] = connection.execute(select(*columns).where(*wanted))
            else:
                some = list(dict.fromkeys(ids))
                found = rows_among(connection, table.c.sample_id, columns, some, *wanted)
            rows = sorted(found, key=lambda row: row.seq)
            # In the order of events, so that the last label counts that its annotator kept.
            kept: dict[str, dict[str, str]] = {}
            for row in rows:
                mine = kept.setdefault(row.sample_id, {})
                mine.pop(row.annotator, None)
                if row.value is not None:
                    mine[row.annotator] = row.value
            last = {name: list(mine.values())[-1] for name, mine in kept.items() if mine}
            return LabelSnapshot(seq, {name: json.loads(value) for name, value in last.items()})

        return self._database.read(look)

    def history(self, id: str | None = None, *, after: int = 0) -> list[Event]:
        """Return every event (of one sample) after event `after`, in the order of commits."""
        rows = select(EVENTS).where(EVENTS.c.seq > after).order_by(EVENTS.c.seq)
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
                    row.seconds,
                )
                for row in connection.execute(rows)
            ]
        )

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

"""Labels, skips and what was taken back: each function is the inside of one transaction.

`EVENTS` is what happened, and is only ever added to; `LABELS` and `SKIPS` are what counts now.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select

from altasks.loop.base import Event, LabelSnapshot
from altasks.loop.store.schema import EVENTS, LABELS, SKIPS
from altasks.loop.store.statements import (
    conflict,
    delete_rows,
    insert_rows,
    last_of,
    now,
    rows_among,
)


def keep_labels(
    connection: Connection,
    texts: Mapping[str, str],
    who: dict[str, str],
    replace: bool,
    seconds: Mapping[str, float],
) -> int:
    """Keep labels and return how many are new or changed; a skip of theirs ends.

    Args:
        connection: inside a transaction that writes.
        texts: id -> label, as JSON.
        who: the `annotator`, and the `part` of the samples that the labels are of.
        replace: whether other labels of theirs are corrected.
        seconds: id -> how long it took, as far as known.

    Raises:
        LabelConflictError: if they gave another label and `replace` is False.
    """
    columns = (LABELS.c.sample_id, LABELS.c.value, LABELS.c.seq)
    before = {
        row.sample_id: (row.value, row.seq)
        for row in rows_among(
            connection,
            LABELS.c.sample_id,
            columns,
            list(texts),
            LABELS.c.annotator == who["annotator"],
            LABELS.c.part == who["part"],
        )
    }
    news = {
        name: value
        for name, value in texts.items()
        if name not in before or before[name][0] != value
    }
    changed = [name for name in news if name in before]
    if changed and not replace:
        raise conflict(changed, before, texts, who["annotator"])
    first, at = last_of(connection, EVENTS.c.seq) + 1, now()
    numbered = {name: first + i for i, name in enumerate(news)}
    insert_rows(
        connection,
        EVENTS,
        [
            {"seq": numbered[name], "at": at, "kind": "label", "sample_id": name}
            | {"value": value, "seconds": seconds.get(name)}
            | {"replaces": before[name][1] if name in before else None}
            | who
            for name, value in news.items()
        ],
    )
    delete_rows(connection, LABELS, changed, who)
    insert_rows(
        connection,
        LABELS,
        [
            {"sample_id": name, "value": value, "seq": numbered[name]} | who
            for name, value in news.items()
        ],
    )
    if not who["part"]:
        delete_rows(connection, SKIPS, list(news), {})
    return len(news)


def keep_skips(connection: Connection, ids: Sequence[str], annotator: str) -> int:
    """Record samples that can't be labelled, without those that are labelled or skipped already.

    Returns:
        How many were recorded.
    """
    known = {
        row[0]
        for column, *conditions in (
            (SKIPS.c.sample_id,),
            (LABELS.c.sample_id, LABELS.c.part == ""),
        )
        for row in rows_among(connection, column, column, ids, *conditions)
    }
    news = [name for name in ids if name not in known]
    first, at = last_of(connection, EVENTS.c.seq) + 1, now()
    shared = {"at": at, "kind": "skip", "part": "", "annotator": annotator}
    rows = [{"sample_id": name, "seq": first + i} for i, name in enumerate(news)]
    insert_rows(connection, EVENTS, [row | shared for row in rows])
    insert_rows(connection, SKIPS, rows)
    return len(news)


def take_back(connection: Connection, ids: Sequence[str], annotator: str) -> int:
    """Take back one annotator's labels and skips of some samples; return how many."""
    key = {"part": "", "annotator": annotator}
    mine = (LABELS.c.annotator == annotator, LABELS.c.part == "")
    columns = (LABELS.c.sample_id, LABELS.c.seq)
    labels = list(rows_among(connection, LABELS.c.sample_id, columns, ids, *mine))
    columns = (SKIPS.c.sample_id, SKIPS.c.seq)
    by_me = SKIPS.c.seq.in_(select(EVENTS.c.seq).where(EVENTS.c.annotator == annotator))
    skips = list(rows_among(connection, SKIPS.c.sample_id, columns, ids, by_me))
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


def labels_after(
    connection: Connection, upto: int | None, ids: Sequence[str] | None
) -> LabelSnapshot:
    """Return the labels as of now (`upto` None), or as they were after event `upto`.

    Args:
        connection: inside a transaction.
        upto: an event's number.
        ids: of which samples; None: of all.
    """
    table = LABELS if upto is None else EVENTS
    wanted = [table.c.part == ""]
    if upto is not None:
        wanted += [EVENTS.c.kind.in_(("label", "withdraw")), EVENTS.c.seq <= upto]
    columns = (table.c.sample_id, table.c.annotator, table.c.value, table.c.seq)
    seq = last_of(connection, EVENTS.c.seq) if upto is None else upto
    if ids is None:
        found: Iterable[Any] = connection.execute(select(*columns).where(*wanted))
    else:
        found = rows_among(connection, table.c.sample_id, columns, ids, *wanted)
    # In the order of events, so that the last label counts that its annotator kept.
    kept: dict[str, dict[str, str]] = {}
    for row in sorted(found, key=lambda row: row.seq):
        mine = kept.setdefault(row.sample_id, {})
        mine.pop(row.annotator, None)
        if row.value is not None:
            mine[row.annotator] = row.value
    last = {name: list(mine.values())[-1] for name, mine in kept.items() if mine}
    return LabelSnapshot(seq, {name: json.loads(value) for name, value in last.items()})


def events_after(connection: Connection, after: int, id: str | None) -> list[Event]:
    """Return every event (of one sample) after event `after`, in the order of commits."""
    rows = select(EVENTS).where(EVENTS.c.seq > after).order_by(EVENTS.c.seq)
    if id is not None:
        rows = rows.where(EVENTS.c.sample_id == id)
    return [
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

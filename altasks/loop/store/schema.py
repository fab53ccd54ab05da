"""The tables of a store. A change raises `SCHEMA_VERSION` and adds to `migrations`.

`altasks_events` is append-only: every label, correction, skip and what was taken back, in the
order they were committed, so no label is ever lost. `altasks_labels` and `altasks_skips` are the
current view of it, kept in the same transactions. `annotator` and `part` (a region, a span, a
yes/no question about a sample) are there from the first version, also where they are empty.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

#: Raised by one whenever a table changes; a store with a higher one is refused.
SCHEMA_VERSION = 3

METADATA = MetaData()

META = Table(
    "altasks_meta",
    METADATA,
    Column("key", String(64), primary_key=True),
    Column("value", Text, nullable=False),  # JSON
)

#: Content hashes of a pool whose ids are positions, 16 bytes a sample, many to a row: a row per
#: sample would take a million inserts to open a store.
POOL = Table(
    "altasks_pool",
    METADATA,
    Column("chunk", Integer, primary_key=True, autoincrement=False),
    Column("hashes", LargeBinary, nullable=False),
)

ASKS = Table(
    "altasks_asks",
    METADATA,
    Column("round", Integer, primary_key=True, autoincrement=False),
    Column("at", String(40), nullable=False),
    Column("how", Text, nullable=False),  # JSON: strategy, acquisition, fit, wanted
)

QUERIES = Table(
    "altasks_queries",
    METADATA,
    Column("round", Integer, primary_key=True, autoincrement=False),
    Column("rank", Integer, primary_key=True, autoincrement=False),
    Column("sample_id", Text, nullable=False),
    Column("part", Text, nullable=False),
    Column("score", Float(53)),
    Column("description", Text),  # JSON
    Index("altasks_queries_sample", "sample_id"),
)

EVENTS = Table(
    "altasks_events",
    METADATA,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("at", String(40), nullable=False),
    Column("kind", String(16), nullable=False),  # "label", "skip" or "withdraw"
    Column("sample_id", Text, nullable=False),
    Column("part", Text, nullable=False),
    Column("annotator", Text, nullable=False),
    Column("value", Text),  # JSON
    Column("replaces", Integer),  # the seq of the label this one corrects or takes back
    Column("seconds", Float(53)),  # that the person spent
    Index("altasks_events_sample", "sample_id"),
)

LABELS = Table(
    "altasks_labels",
    METADATA,
    Column("sample_id", Text, primary_key=True),
    Column("part", Text, primary_key=True),
    Column("annotator", Text, primary_key=True),
    Column("value", Text, nullable=False),  # JSON
    Column("seq", Integer, nullable=False),
)

SKIPS = Table(
    "altasks_skips",
    METADATA,
    Column("sample_id", Text, primary_key=True),
    Column("seq", Integer, nullable=False),
)

FITS = Table(
    "altasks_fits",
    METADATA,
    Column("fit", Integer, primary_key=True, autoincrement=False),
    Column("at", String(40), nullable=False),
    Column("round", Integer, nullable=False),
    Column("seq", Integer, nullable=False),  # the labels used: those of the events up to here
    Column("n_labels", Integer, nullable=False),
    Column("labels_hash", String(32), nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("threads", Integer, nullable=False),
    Column("versions", Text, nullable=False),  # JSON
    Column("token", String(32), nullable=False),  # that the work folder of this fit must have
)

ROUNDS = Table(
    "altasks_rounds",
    METADATA,
    Column("round", Integer, primary_key=True, autoincrement=False),
    Column("at", String(40), nullable=False),
    Column("record", Text, nullable=False),  # JSON
)

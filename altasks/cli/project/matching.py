"""Labelled samples of another file, matched with those of the pool: `altasks import`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from altasks.cli.project.rows import LabelRow
from altasks.errors import invalid
from altasks.loop.fingerprint import content_hash

if TYPE_CHECKING:
    from altasks.data import Pool

#: Names that a message lists.
_NAMED = 3


def rows_of(
    found: Pool, pool: Pool, source: Path, *, skip_unknown: bool
) -> tuple[list[LabelRow], int]:
    """Return a row for each label of a file, under the ids of the pool.

    A sample is found by its id where both files have ids of their own, else by its content: the
    text, the words, the numbers, or the file that a path leads to.

    Args:
        found: samples and labels of the file.
        pool: of the project.
        source: the file, for errors.
        skip_unknown: whether samples that the pool lacks are left out.

    Returns:
        The rows, and how many labels were left out.

    Raises:
        InvalidInputError: for labels of samples that the pool lacks, or has several times.
    """
    by_id = not found.positional and not pool.positional
    names = [name for name in found.ids if name in found.labels]
    matched: dict[str, str] = {}
    rest = []
    for name in names:
        if by_id and name in pool:
            matched[name] = name
        else:
            rest.append(name)
    if rest:
        matched |= _by_content(found, pool, rest, source)
    missing = [name for name in rest if name not in matched]
    if missing and not skip_unknown:
        shown = ", ".join(map(repr, missing[:_NAMED])) + (", ..." if len(missing) > _NAMED else "")
        raise invalid(
            "FILE", "labels of samples in the pool",
            f"{len(missing):,} of {len(names):,} that are not: {shown}", where=str(source),
            hint="Add the samples to the pool, or leave them out with --skip-unknown.",
        )  # fmt: skip
    rows = [
        LabelRow(f"{source}, sample {name!r}", matched[name], found.labels[name])
        for name in names
        if name in matched
    ]
    return rows, len(missing)


def _by_content(found: Pool, pool: Pool, names: Sequence[str], source: Path) -> dict[str, str]:
    """Return name -> id of the pool's sample with the same content."""
    wanted = {name: _key(found[name]) for name in names}
    keys = {key for key in wanted.values() if key is not None}
    by_key: dict[bytes, list[str]] = {}
    for row, name in enumerate(pool.ids):
        key = _key(pool.at(row))
        if key in keys:
            by_key.setdefault(key, []).append(name)
    matched = {}
    for name, key in wanted.items():
        ids = [] if key is None else by_key.get(key, [])
        if len(ids) > 1:
            raise invalid(
                "FILE", "samples that the pool has once, or ids",
                f"{name!r}, which is {', '.join(map(repr, ids[:_NAMED]))} there",
                where=str(source),
                hint="Give both files a column of ids, and name it with --id-column.",
            )  # fmt: skip
        if ids:
            matched[name] = ids[0]
    return matched


def _key(sample: Any) -> bytes | None:
    """Return what is equal for equal samples; None for what can't be compared."""
    if isinstance(sample, PurePath):
        sample = str(Path(sample).resolve())
    elif isinstance(sample, tuple):
        sample = list(sample)
    try:
        return content_hash(sample)
    except TypeError:
        return None

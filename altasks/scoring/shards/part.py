"""The file of one shard: its scores, and its candidates with what strategies read of them.

An `.npz` archive without pickles, under whatever name it is given. Its `header` is JSON in UTF-8:

- `altasks_part`: the version of this format, 1;
- `altasks`: the version that wrote it;
- `shard`: its number and how many there are;
- `recipe`: what all parts of one scoring share; `merge_shards` compares every entry;
- `about`: what they need not share, such as paths;
- `skipped`: row in the pool, id and what was found, of samples that can't be read.

Beside it: `positions` (int64, the rows in the pool), `id_bytes` (uint8, all ids in UTF-8) with
`id_lengths` (int64, in bytes), `values` (float64), `kept` (int64, which of these rows are
candidates), and for each array kept of those `kept_NAME`.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from altasks._internal.whole_files import written_whole
from altasks._version import __version__
from altasks.errors import InvalidInputError, invalid
from altasks.scoring.scores import KEEPABLE, Scores
from altasks.scoring.shards.plan import Shard

__all__ = ["FORMAT", "Part", "is_part", "read_part", "write_part"]

#: Of the file; an older one stays readable.
FORMAT = 1
_MARK = "altasks_part"
#: What `numpy.load` raises for files that are damaged or of another kind.
_DAMAGED = (
    *(OSError, ValueError, KeyError, EOFError, TypeError, AttributeError),
    *(zipfile.BadZipFile, zlib.error),
)


@dataclass(frozen=True, eq=False)
class Part:
    """What one shard has scored.

    Attributes:
        shard: which.
        recipe: JSON that all parts of one scoring share.
        about: JSON that they need not share.
        positions: `[n]`, the row of each sample in the whole pool.
        scores: of those n samples, without arrays.
        kept: `[m]`, which of the n are candidates, ascending.
        arrays: name, as in `KEEPABLE` -> `[m, ...]` of the candidates.
        skipped: row in the pool -> id and what was found, of samples that can't be read.
    """

    shard: Shard
    recipe: Mapping[str, Any]
    about: Mapping[str, Any]
    positions: np.ndarray
    scores: Scores
    kept: np.ndarray
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)
    skipped: Mapping[int, tuple[str, str]] = field(default_factory=dict)


def write_part(path: Path, part: Part) -> None:
    """Write a part to a temporary file beside `path`, then rename it into place.

    Raises:
        OSError: if it can't be written.
    """
    header = {
        _MARK: FORMAT,
        "altasks": __version__,
        "shard": list(part.shard),
        "recipe": dict(part.recipe),
        "about": dict(part.about),
        "skipped": [[row, *found] for row, found in sorted(part.skipped.items())],
    }
    names = [name.encode() for name in part.scores.ids]
    with written_whole(path) as file:
        np.savez(
            file,
            allow_pickle=False,
            header=np.frombuffer(json.dumps(header).encode(), np.uint8),
            positions=part.positions.astype(np.int64),
            id_bytes=np.frombuffer(b"".join(names), np.uint8),
            id_lengths=np.array([len(name) for name in names], np.int64),
            values=part.scores.values.astype(np.float64),
            kept=part.kept.astype(np.int64),
            **{f"kept_{name}": array for name, array in part.arrays.items()},
        )


def is_part(path: Path) -> bool:
    """Return whether a file is one that `write_part` wrote, whole or damaged further in."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as held:
            return _MARK in json.loads(held["header"].tobytes())
    except _DAMAGED:
        return False


def read_part(path: Path) -> Part:
    """Return a part.

    Raises:
        InvalidInputError: for a file that isn't there, isn't a part, is half of one or damaged, or
            that a newer altasks wrote.
    """
    if not path.is_file():
        raise invalid("parts", "files that score_shard or `altasks score` wrote", f"none: {path}")
    if path.name.endswith((".partial", ".partial.npz", ".tmp")):
        raise invalid(
            "parts", "whole parts", f"what an interrupted run left: {path}",
            hint="The same command goes on from there, and writes the part.",
        )  # fmt: skip
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as held:
            header = json.loads(held["header"].tobytes())
            version = header[_MARK]
            if version <= FORMAT:
                return _part(header, held)
    except _DAMAGED as error:
        half = zipfile_starts(path) and not isinstance(error, KeyError)
        raise invalid(
            "parts",
            "files that score_shard or `altasks score` wrote",
            f"{'a damaged one, or half of one' if half else 'another file'}: {path}",
            hint=f"Score that shard again ({error})." if half else "",
        ) from error
    raise invalid(
        "parts", f"format {FORMAT} or older", f"{version} in {path}",
        hint=f"altasks {header.get('altasks')} wrote it: merge with that version or a newer one.",
    )  # fmt: skip


def zipfile_starts(path: Path) -> bool:
    """Return whether a file begins as an archive does, whole or not."""
    with path.open("rb") as file:
        return file.read(2) == b"PK"


def _part(header: Mapping[str, Any], held: Mapping[str, np.ndarray]) -> Part:
    positions, values, kept = held["positions"], held["values"], held["kept"]
    ends = np.cumsum(held["id_lengths"])
    blob = held["id_bytes"].tobytes()
    ids = [
        blob[start:end].decode()
        for start, end in zip([0, *ends[:-1].tolist()], ends.tolist(), strict=True)
    ] if len(ends) else []  # fmt: skip
    arrays = {name: held[f"kept_{name}"] for name in KEEPABLE if f"kept_{name}" in held}
    whole = (
        len(positions) == len(values) == len(ids)
        and np.isfinite(values).all()
        and all(len(array) == len(kept) and array.dtype.kind == "f" for array in arrays.values())
        and (not len(kept) or (kept.min() >= 0 and kept.max() < len(ids)))
    )
    if not whole:
        raise ValueError("its arrays don't fit each other")
    return Part(
        Shard(*header["shard"]),
        header["recipe"],
        header["about"],
        positions,
        Scores(ids, values),
        kept,
        arrays,
        {int(row): (str(name), str(found)) for row, name, found in header["skipped"]},
    )


def check_json(value: Any, argument: str) -> None:
    """Refuse what a header can't hold.

    Raises:
        InvalidInputError: naming the argument.
    """
    try:
        json.dumps(value)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"{argument}: expected JSON, found {error}.") from error

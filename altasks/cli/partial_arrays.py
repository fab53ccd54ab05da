"""Embeddings and probabilities of an interrupted run, kept beside its scores."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from altasks._internal.whole_files import written_whole

if TYPE_CHECKING:
    import numpy as np

#: What `numpy.load` raises for files that are damaged or of another kind.
_DAMAGED = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error)


def arrays_path(out: Path) -> Path:
    """Return where the arrays of an interrupted run are kept."""
    return out.with_name(out.name + ".partial.npz")


@dataclass(frozen=True)
class KeptArrays:
    """Arrays by name, and which row is whose.

    Attributes:
        row_of: check, as in `Partial` -> row.
        arrays: name -> an array with so many rows.
    """

    row_of: Mapping[str, int]
    arrays: Mapping[str, np.ndarray]


def write_arrays(
    path: Path, checks: Sequence[str], asked: Collection[str], arrays: Mapping[str, np.ndarray]
) -> None:
    """Write arrays to a temporary file, then rename it into place.

    Args:
        path: of an `.npz` file.
        checks: one for each row.
        asked: the names that scoring was asked to keep; what it had none of is not in `arrays`.
        arrays: by name.

    Raises:
        OSError: if the file can't be written.
    """
    import numpy as np

    with written_whole(path) as file:
        np.savez(
            file,
            allow_pickle=False,
            checks=np.array([check.encode() for check in checks], dtype="S16"),
            asked=np.array(sorted(asked), dtype=str),
            **arrays,
        )


def read_arrays(path: Path, names: Collection[str]) -> KeptArrays | None:
    """Return the arrays of some names; None if there are none, they are damaged, or others.

    An array that scoring was asked for and didn't have is not among them.
    """
    import numpy as np

    try:
        # Opened here: of a damaged file, NumPy would leave it open.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            if not {*names} <= {str(name) for name in kept["asked"]}:
                return None
            checks = kept["checks"]
            arrays = {name: kept[name] for name in names if name in kept}
    except (*_DAMAGED, AttributeError, TypeError):  # an .npy holds one array, without names
        return None
    if any(
        array.dtype.kind != "f" or array.ndim < 2 or len(array) != len(checks)
        for array in arrays.values()
    ):
        return None
    return KeptArrays({bytes(one).decode(): row for row, one in enumerate(checks)}, arrays)


def are_kept_arrays(path: Path) -> bool:
    """Return whether a file is one that `write_arrays` wrote."""
    import numpy as np

    if not path.is_file():
        return False
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            return {"asked", "checks"} <= {*kept.files}
    except (*_DAMAGED, AttributeError, TypeError):  # an .npy holds one array, without names
        return False

"""NumPy's arrays where lists are meant, and arrays that hide some of their values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from altasks.errors import invalid


def as_list(value: Any) -> Any:
    """Return an array of one dimension as a list of Python's objects; anything else as it is.

    Parquet files and data frames hold lists in cells as arrays.

    Example:
        >>> as_list(np.array(["a", "b"])), as_list("ab")
        (['a', 'b'], 'ab')
    """
    return value.tolist() if isinstance(value, np.ndarray) and value.ndim == 1 else value


def is_listed(value: Any) -> bool:
    """Return whether a value can be gone through, as lists can; a text and a lone number can't.

    Example:
        >>> is_listed(("a",)), is_listed("a"), is_listed(np.array(1.0))
        (True, False, False)
    """
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        return False
    return getattr(value, "ndim", 1) != 0


def refuse_masked(value: Any, argument: str, ids: Sequence[str] | None = None) -> None:
    """Refuse a masked array of NumPy, or a list with one, in which a value is masked.

    Turned into a plain array it would show what is behind the mask.

    Args:
        value: an array, a list, or anything else, which passes.
        argument: its name in the message.
        ids: the names of the rows, if they have any.

    Raises:
        InvalidInputError: naming the first row with a masked value.

    Example:
        >>> refuse_masked(np.ma.masked_array([1.0, 2.0], [False, True]), "weights")
        Traceback (most recent call last):
        ...
        altasks.errors.InvalidInputError: weights: expected an array with all its values, found 1
        masked ones (row 1). Leave those rows out, or fill them in: array.filled(...).
    """
    row: int | None = None
    if isinstance(value, np.ma.MaskedArray):
        masked = np.ma.getmaskarray(value)
        count = int(masked.sum())
        row = int(np.argwhere(masked)[0][0]) if count and masked.ndim else None
    elif isinstance(value, list | tuple):
        hidden = [i for i, one in enumerate(value) if isinstance(one, np.ma.MaskedArray)]
        counts = {i: int(np.ma.getmaskarray(value[i]).sum()) for i in hidden}
        count = sum(counts.values())
        row = next((i for i in hidden if counts[i]), None)
    else:
        return
    if count:
        where = "" if row is None else f"row {row}"
        if ids is not None and row is not None and row < len(ids):
            where = f"id {ids[row]!r}"
        raise invalid(
            argument, "an array with all its values", f"{count} masked ones", where=where,
            hint="Leave those rows out, or fill them in: array.filled(...).",
        )  # fmt: skip

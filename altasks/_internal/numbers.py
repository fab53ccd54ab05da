"""The one check of whole numbers, for every argument that is one."""

from __future__ import annotations

from numbers import Integral
from typing import Any

from altasks.errors import invalid


def is_whole(value: Any, least: int, most: int | None = None) -> bool:
    """Return whether `value` is a whole number within the bounds, also one of NumPy's.

    Example:
        >>> is_whole(3, 1), is_whole(True, 0), is_whole(3.0, 1), is_whole(3, 1, most=2)
        (True, False, False, False)
    """
    if isinstance(value, bool) or not isinstance(value, Integral):
        return False
    return int(value) >= least and (most is None or int(value) <= most)


def require_whole(argument: str, value: Any, least: int, most: int | None = None) -> int:
    """Return `value` as Python's int.

    Args:
        argument: its name in the message.
        value: a whole number, also one of NumPy's (which JSON would not take).
        least: the smallest allowed.
        most: the largest allowed; None for no limit.

    Raises:
        InvalidInputError: if it is anything else, also True or 2.0.

    Example:
        >>> import numpy as np
        >>> require_whole("passes", np.int64(20), 1)
        20
    """
    if not is_whole(value, least, most):
        bounds = f"at least {least}" if most is None else f"from {least} to {most}"
        join = "of " if most is None else ""
        raise invalid(argument, f"a whole number {join}{bounds}", f"{value!r}")
    return int(value)

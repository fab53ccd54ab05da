"""The order of names with numbers in them."""

from __future__ import annotations

import re
from collections.abc import Iterable


def in_natural_order(names: Iterable[str]) -> list[str]:
    """Return names in alphabetical order, runs of digits by their number: c2 before c10.

    Names without digits come out as `sorted` has them.

    Example:
        >>> in_natural_order(["c10", "c2", "b", "-3", "-20", "1.5"])
        ['-20', '-3', '1.5', 'b', 'c2', 'c10']
    """
    return sorted(names, key=natural_key)


def natural_key(name: str | int) -> tuple[tuple[int, float, str], ...]:
    """Return what names, and ids that may be numbers, are sorted by: numbers before texts.

    Example:
        >>> sorted(["c10", "c2", 3, "c1"], key=natural_key)
        [3, 'c1', 'c2', 'c10']
    """
    if isinstance(name, int):
        return ((-1, name, ""),)
    try:  # a number as a whole, also a negative or fractional one
        number = float(name)
        if number - number == 0:  # not infinite, not NaN
            return ((0, number, name),)
    except ValueError:
        pass
    parts = re.split(r"([0-9]+)", name)
    # Every second part is a run of digits, and float takes at most 308 of them.
    return tuple(
        (1, float(part[:300]), part) if i % 2 else (2, 0.0, part) for i, part in enumerate(parts)
    )

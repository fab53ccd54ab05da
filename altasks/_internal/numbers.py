"""The one check of whole numbers, for every argument that is one, and of other numbers."""

from __future__ import annotations

import math
from decimal import Decimal
from numbers import Integral, Real
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


def require_real(
    argument: str,
    value: Any,
    *,
    least: float | None = None,
    above: float | None = None,
    or_none: bool = False,
) -> float:
    """Return `value`, a finite number within a bound, as Python's float.

    Args:
        argument: its name in the message.
        value: a real number of any kind, see `as_real`.
        least: the smallest allowed; or instead
        above: what it has to be above.
        or_none: whether the message says that None is allowed too, which the caller looks for.

    Raises:
        InvalidInputError: if it is anything else.

    Example:
        >>> require_real("beta", 2, above=0)
        2.0
    """
    number = as_real(value)
    inside = number >= least if least is not None else above is None or number > above
    if not (inside and math.isfinite(number)):
        bound = f" of at least {least:g}" if least is not None else ""
        bound = f" above {above:g}" if above is not None else bound
        also = ", or None" if or_none else ""
        raise invalid(argument, f"a finite number{bound}{also}", f"{value!r}")
    return number


def as_real(value: Any) -> float:
    """Return a real number of any kind as Python's float; NaN for anything else.

    Kinds are Python's, `Decimal`, NumPy's, and arrays and tensors of no dimension. Truth values,
    texts and complex numbers are none, and neither is what no float can hold.

    Example:
        >>> from fractions import Fraction
        >>> as_real(Fraction(1, 2)), as_real("2"), as_real(True)
        (0.5, nan, nan)
    """
    if getattr(value, "ndim", None) == 0 and hasattr(value, "item"):
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, Real | Decimal):
        return math.nan
    try:
        return float(value)
    except (OverflowError, ValueError):  # a whole number of 400 digits; a Decimal that signals
        return math.nan

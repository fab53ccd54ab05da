"""Can the difference of paired runs be chance? A test for few pairs, and one for many arms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from altasks._internal.numbers import require_whole
from altasks.errors import invalid


def paired_t_test(differences: Any) -> float | None:
    """Return the two-sided p of Student's paired t-test (Student 1908): is the mean difference 0?

    With five pairs no test by ranks or signs can find less than 0.06, so this one, which takes
    the differences for normal, is what few seeds allow. Areas under curves are averages, which
    bears that out.

    Args:
        differences: `[S]`, one for each pair.

    Returns:
        The p-value; None for a single pair, of which nothing can be known. Where all differences
        are the same, 1 if that is 0, else 0.

    Raises:
        InvalidInputError: for no differences, or one that isn't finite.

    Example:
        >>> round(paired_t_test([0.1, 0.2, 0.3]), 3)
        0.074
    """
    values = np.asarray(differences, dtype=np.float64)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise invalid("differences", "shape [S] of finite numbers, S >= 1", f"{differences!r}")
    if len(values) == 1:
        return None
    mean, spread = float(values.mean()), float(values.std(ddof=1))
    # Equal differences differ by their rounding.
    if spread <= 1e-12 * float(np.abs(values).max(initial=0.0)):
        return 1.0 if mean == 0 else 0.0
    return student_tail(mean / (spread / math.sqrt(len(values))), len(values) - 1)


def student_tail(t: float, freedom: int) -> float:
    """Return the probability that Student's t is farther from 0 than `t`.

    The finite sums for whole degrees of freedom of Abramowitz and Stegun (1964), 26.7.3 and 26.7.4.

    Args:
        t: a value of the statistic.
        freedom: degrees of freedom, at least 1.

    Example:
        >>> round(student_tail(2.776, 4), 3)
        0.05
    """
    freedom = require_whole("freedom", freedom, 1)
    if math.isinf(t):
        return 0.0
    angle = math.atan(abs(t) / math.sqrt(freedom))
    sine, square = math.sin(angle), math.cos(angle) ** 2
    odd = freedom % 2
    # The terms cos, 2/3 cos^3, 2/3 4/5 cos^5, ... or 1, 1/2 cos^2, 1/2 3/4 cos^4, ...
    term, total = (math.cos(angle) if odd else 1.0), 0.0
    for k in range(freedom // 2):
        total += term
        term *= (2 * k + 1 + odd) / (2 * k + 2 + odd) * square
    inside = 2 / math.pi * (angle + sine * total) if odd else sine * total
    return min(1.0, max(0.0, 1.0 - inside))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values that allow for how many there are (Holm 1979), in the order given.

    The k-th smallest of m is multiplied by m - k + 1, and none is below one before it. Whoever
    calls significant what is then below 0.05 is wrong anywhere in the family at most once in
    twenty times.

    Raises:
        InvalidInputError: for a value that is no probability.

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    for row, value in enumerate(p_values):
        if not 0 <= value <= 1:
            raise invalid("p_values", "probabilities", f"{value!r}", where=f"row {row}")
    count, least = len(p_values), 0.0
    adjusted = [0.0] * count
    for place, row in enumerate(sorted(range(count), key=lambda row: p_values[row])):
        least = max(least, min(1.0, (count - place) * p_values[row]))
        adjusted[row] = least
    return adjusted

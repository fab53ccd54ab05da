"""Numbers of a comparison as people read them, and as a table for programs."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

from altasks.report.curves import Interval


def number(value: float) -> str:
    """Return a score to three digits behind the point, or four in all where it is large.

    Example:
        >>> number(0.71239), number(1234.5678), number(12.3456)
        ('0.712', '1235', '12.35')
    """
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.4g}"


def signed(value: float) -> str:
    """Return a difference with its sign."""
    return f"{'+' if value >= 0 else '-'}{number(abs(value))}"


def sure_of(interval: Interval) -> str:
    """Return a difference with its interval, where there is one.

    Example:
        >>> sure_of(Interval(0.02, -0.01, 0.05, 3))
        '+0.020 [-0.010, +0.050]'
    """
    if not interval.known:
        return signed(interval.mean)
    return f"{signed(interval.mean)} [{signed(interval.low)}, {signed(interval.high)}]"


def chance(p: float | None, equals: str = "") -> str:
    """Return a p-value, behind `equals` where it isn't too small to be written.

    Example:
        >>> chance(0.0321), chance(0.0321, "= "), chance(1e-6, "= ")
        ('0.032', '= 0.032', '< 0.001')
    """
    if p is None:
        return ""
    return "< 0.001" if p < 0.0005 else f"{equals}{p:.3f}"


def share_of(share: float | None) -> str:
    """Return what share of labels is saved, by the share that is needed."""
    if share is None:
        return "nothing"
    return "nothing" if share > 0.995 else f"{1 - share:.0%}"


def seconds(value: float) -> str:
    """Return a time that is known, or nothing.

    Example:
        >>> seconds(0.0421), seconds(12.3), seconds(float("nan"))
        ('0.04 s', '12 s', '')
    """
    if math.isnan(value):
        return ""
    return f"{value:.2f} s" if value < 10 else f"{value:.0f} s"


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Return rows of cells as lines: the first column to the left, numbers to the right.

    Example:
        >>> print(aligned([["arm", "p"], ["margin", "0.04"]]))
        arm        p
        margin  0.04
    """
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return "\n".join(lines)


def as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as a CSV; what a row lacks is empty."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()

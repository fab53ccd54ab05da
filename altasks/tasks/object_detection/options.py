"""Validation of a detector's settings."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

from altasks._internal.numbers import require_whole
from altasks.committees.box_views import BoxViews
from altasks.committees.ensemble import Ensemble
from altasks.errors import invalid

#: Ultralytics' image size for prediction, where a model doesn't state one.
IMAGE_SIZE = 640


def check_committee(committee: Any, background: bool) -> None:
    """Refuse a committee that can't be made of a YOLO.

    Raises:
        InvalidInputError: for MC dropout (YOLO has none), anything unknown, or members without a
            background class to predict for the boxes that they miss.
    """
    if committee is not None and not isinstance(committee, Ensemble | BoxViews):
        dropout = type(committee).__name__ in ("MCDropout", "BayesByBackprop")
        raise invalid(
            "committee",
            "None, Ensemble(...) or BoxViews(...)",
            f"{committee!r}" if not dropout else type(committee).__name__,
            hint="YOLO has no dropout and no linear head to draw from."
            " BoxViews() looks at each image in several ways." if dropout else "",
        )  # fmt: skip
    if committee is not None and not background:
        raise invalid(
            "background",
            "True with a committee",
            "False",
            hint="A member that misses a box says background for it.",
        )


def check_image_size(given: int | None, trained_at: int | None, stride: int) -> int:
    """Return the longer side of an image as the network sees it.

    Args:
        given: by the user; None for the size the model was trained at, or Ultralytics' own.
        trained_at: as the model states it, if it does.
        stride: of the network, of which it has to be a multiple.

    Raises:
        InvalidInputError: for another number, naming the nearest.
    """
    size = given if given is not None else trained_at or IMAGE_SIZE
    check_whole("imgsz", size)
    if size % stride:
        near = max(1, round(size / stride)) * stride
        raise invalid("imgsz", f"a multiple of {stride}", f"{size}", hint=f"Such as {near}.")
    return size


def check_share(argument: str, value: Any, *, zero: bool = False) -> float:
    """Return a number in (0, 1], or with `zero` in [0, 1)."""
    number = math.nan if isinstance(value, bool) or not isinstance(value, Real) else float(value)
    if not (0 <= number < 1 if zero else 0 < number <= 1):
        raise invalid(argument, "a number in " + ("[0, 1)" if zero else "(0, 1]"), repr(value))
    return number


def check_whole(argument: str, value: Any) -> int:
    """Return a whole number of at least 1."""
    require_whole(argument, value, 1)
    return int(value)

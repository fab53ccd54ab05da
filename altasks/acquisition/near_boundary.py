"""Unit scores that count more where the predicted classes meet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from altasks.acquisition._declare import units_of
from altasks.acquisition._reduce import Reduce, reduce_units
from altasks.errors import UnsupportedPredictionError, invalid
from altasks.predictions import Bernoulli, Categorical, Normal, Prediction, Ragged
from altasks.registry import get_acquisition


def near_boundary(
    prediction: Prediction,
    *,
    acquisition: str | Callable[..., Tensor] = "bald",
    weight: float = 4.0,
    elsewhere: float = 1.0,
    reduce: Reduce = "mean",
    k: int = 10,
    empty: float = 0.0,
    field: str = "boundary",
    options: Mapping[str, Any] | None = None,
) -> Tensor:
    """Return scores in which units near a predicted boundary weigh more than the others.

    A unit's score by `acquisition` is multiplied by `weight` where `fields[field]` is true and by
    `elsewhere` where it isn't, before reducing; the mean still divides by the count. With
    `elsewhere=0` only boundaries count, with `weight=0` only what lies away from them (an outline
    is doubtful in every mask, by a pixel or two).

    Args:
        prediction: a `Ragged` with the field, such as `Segmentation(boundary=2)` gives.
        acquisition: scores the units: a function, or its name, that takes `reduce="none"`.
        weight: of units near a boundary, at least 0.
        elsewhere: of the others, at least 0.
        reduce: as in the function itself.
        k: for `"top_k"`.
        empty: the score of a sample with no unit.
        field: the name of the field.
        options: keyword arguments of the acquisition function.

    Returns:
        `[N]`, finite, in the type and on the device of the unit scores.

    Raises:
        UnsupportedPredictionError: if the prediction is no `Ragged` or lacks the field.
        InvalidInputError: for a weight below 0 or not finite.

    Source:
        altasks' own: a weight by place, as `class_weights` is one by class.

    Example:
        >>> pixels = Categorical([[0.5, 0.5], [0.9, 0.1]])
        >>> image = Ragged(pixels, [2], {"boundary": [True, False]})
        >>> scores = near_boundary(image, acquisition="least_confidence", weight=2)
        >>> [round(score, 4) for score in scores.tolist()]
        [0.55]
    """
    for name, value in (("weight", weight), ("elsewhere", elsewhere)):
        if not 0 <= value < float("inf"):
            raise invalid(name, "a finite number of at least 0", f"{value!r}")
    if not isinstance(prediction, Ragged) or field not in prediction.fields:
        raise UnsupportedPredictionError(
            f"near_boundary: reads a Ragged with a field {field!r}, found {prediction!r}. "
            "Segmentation(..., boundary=2) gives one: pixels within 2 of another predicted class."
        )
    function = get_acquisition(acquisition) if isinstance(acquisition, str) else acquisition
    scores: Tensor = function(prediction, reduce="none", **(options or {}))
    near = torch.as_tensor(prediction.fields[field], device=scores.device).bool()  # M
    limit = torch.finfo(scores.dtype).max
    # In the scores' type, where a weight may be out of range: infinity times 0 would be NaN.
    inside, outside = (scores.new_tensor(min(float(w), limit)) for w in (weight, elsewhere))
    weights = torch.where(near, inside, outside)  # M
    weighted = (scores * weights).clamp(-limit, limit)
    return reduce_units(weighted, Ragged(units_of(prediction), prediction.lengths), reduce=reduce,
                        k=k, empty=empty)  # fmt: skip


# By hand: the decorator would have it recommended for every prediction, also without the field.
near_boundary.reads = (Categorical, Bernoulli, Normal)  # type: ignore[attr-defined]
near_boundary.min_members = 1  # type: ignore[attr-defined]


near_boundary.fields = ("boundary",)  # type: ignore[attr-defined]  # unless field= names another

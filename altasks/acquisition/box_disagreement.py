"""How far apart the members of a committee of detectors put a box."""

from __future__ import annotations

import torch
from torch import Tensor

from altasks.acquisition._declare import acquisition
from altasks.acquisition._reduce import Reduce, reduce_units
from altasks.errors import UnsupportedPredictionError
from altasks.predictions import Categorical, Prediction, Ragged


@acquisition(reads=(Categorical,), min_members=2, fields=["overlap"])
def box_disagreement(
    prediction: Prediction, *, reduce: Reduce = "mean", k: int = 10, empty: float = 0.0
) -> Tensor:
    """Return how little the members' boxes of one object overlap.

    For each matched box, 1 minus the mean overlap (intersection over union) of the other members'
    boxes with it; a member without a box there overlaps by 0. Between 0 (all members put it in
    the same place) and 1 (one member alone sees it). Classes play no part: `bald` reads those.

    Args:
        prediction: a `Ragged` of matched boxes, with the field `overlap` `[M, K]`: of each
            member's box with the one that stands for the unit, which is one of them.
        reduce: `"mean"`, `"sum"` or `"max"` of a sample's boxes, `"top_k"` (mean of the `k`
            largest, of all if fewer), or `"none"` for the scores of the boxes `[M]`.
        k: for `"top_k"`.
        empty: the score of a sample with no box.

    Returns:
        `[N]` in [0, 1] (sums can be larger), float32 (float64 for float64), on the device of the
        field.

    Raises:
        UnsupportedPredictionError: for anything that isn't a committee's boxes.
        InvalidInputError: for an option outside its range.

    Source:
        The consistency in place of Yu et al. 2022, "Consistency-based active learning for object
        detection" (as their published code takes it: the overlap of a box with the nearest one),
        between any members, as a score of its own; their metric adds the consistency in class.

    Example:
        >>> units = Categorical([[[0.9, 0.1], [0.8, 0.2]], [[0.7, 0.3], [0.0, 1.0]]])
        >>> boxes = Ragged(units, [2], {"overlap": torch.tensor([[1.0, 0.75], [1.0, 0.0]])})
        >>> box_disagreement(boxes).tolist()
        [0.625]
    """
    if not isinstance(prediction, Ragged) or "overlap" not in prediction.fields:
        raise UnsupportedPredictionError(
            "box_disagreement: reads the boxes of a committee of detectors (a Ragged with the "
            f"field 'overlap'), found {prediction!r}. ObjectDetection with committee=BoxViews() or "
            "Ensemble(...) gives one. For disagreement in class use bald."
        )
    overlap = torch.as_tensor(prediction.fields["overlap"])  # M x K
    others = overlap.sum(1) - overlap.amax(1)  # the unit's own box overlaps itself by 1
    scores = (1 - others / (overlap.shape[1] - 1)).clamp(0, 1)
    return reduce_units(scores, prediction, reduce=reduce, k=k, empty=empty)

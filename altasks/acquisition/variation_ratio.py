"""How many members vote against the majority."""

from __future__ import annotations

from torch import Tensor

from altasks.acquisition._declare import acquisition
from altasks.acquisition._reduce import Reduce
from altasks.acquisition._rows import LabelReduction, Weights, read_classes
from altasks.acquisition.kernels import vote_shares
from altasks.predictions import Bernoulli, Categorical, Prediction


@acquisition(reads=(Categorical, Bernoulli), min_members=2)
def variation_ratio(
    prediction: Prediction,
    *,
    labels: LabelReduction = "mean",
    reduce: Reduce = "mean",
    k: int = 10,
    class_weights: Weights | None = None,
    empty: float = 0.0,
) -> Tensor:
    """Return one minus the share of members that vote for the most voted class.

    1 - max_c v_c, where v_c is the share of the K members whose most probable class is c; a member
    whose best classes tie splits its vote among them equally. Between 0 (unanimous) and 1 - 1/C.

    Args:
        prediction: a `Categorical` or `Bernoulli` with K >= 2, or a `Ragged` of one.
        labels: for `Bernoulli`: each label is scored as the pair (p, 1 - p), and the unit's score
            is the `"mean"`, `"sum"` or `"max"` over its labels.
        reduce: over a `Ragged`: `"mean"`, `"sum"` or `"max"` of a sample's units, `"top_k"` (mean
            of the `k` largest, of all if fewer), or `"none"` for the unit scores `[M]`.
        k: for `"top_k"`.
        class_weights: at most C weights: each unit's score is multiplied by the weight of its
            predicted class, the argmax of the averaged probabilities over the first
            `len(class_weights)` classes, before reducing; the mean still divides by the count.
        empty: the score of a sample with no unit.

    Returns:
        `[N]` in [0, 1], float32 (float64 for float64), on the prediction's
        device.

    Raises:
        UnsupportedPredictionError: for any other prediction or K = 1.
        InvalidInputError: for an option outside its range.

    Source:
        Freeman 1965, "Elementary applied statistics"; with the votes of dropout draws Gal, Islam
        and Ghahramani 2017, "Deep Bayesian active learning with image data".

    Example:
        >>> from altasks import Categorical
        >>> members = [[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4]]
        >>> variation_ratio(Categorical([members])).tolist()
        [0.25]
    """
    return read_classes(
        _score,
        prediction,
        labels=labels,
        reduce=reduce,
        k=k,
        class_weights=class_weights,
        empty=empty,
    )


def _score(probs: Tensor, members: int, classes: int) -> Tensor:
    return vote_shares(probs, members, classes).amax(classes, keepdim=True).neg_().add_(1)

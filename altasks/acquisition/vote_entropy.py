"""How spread the votes of the members are."""

from __future__ import annotations

from torch import Tensor

from altasks.acquisition._declare import acquisition
from altasks.acquisition._reduce import Reduce
from altasks.acquisition._rows import LabelReduction, Weights, read_classes
from altasks.acquisition.kernels import entropy_of, log_below, vote_shares
from altasks.predictions import Bernoulli, Categorical, Prediction


@acquisition(reads=(Categorical, Bernoulli), min_members=2)
def vote_entropy(
    prediction: Prediction,
    *,
    labels: LabelReduction = "mean",
    reduce: Reduce = "mean",
    k: int = 10,
    class_weights: Weights | None = None,
    empty: float = 0.0,
) -> Tensor:
    """Return the entropy of the members' hard votes, in nats.

    - sum_c v_c log v_c, where v_c is the share of the K members whose most probable class is c; a
    member whose best classes tie splits its vote among them equally. Not divided by log K. How
    sure a member is of its vote does not matter; where it should, use `consensus_kl` or `bald`.

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
        `[N]` in [0, log C], float32 (float64 for float64), on the prediction's
        device.

    Raises:
        UnsupportedPredictionError: for any other prediction or K = 1.
        InvalidInputError: for an option outside its range.

    Source:
        Dagan and Engelson 1995, "Committee-based sampling for training probabilistic
        classifiers", who also divide by the largest possible value.

    Example:
        >>> from altasks import Categorical
        >>> scores = vote_entropy(Categorical([[[0.9, 0.1], [0.4, 0.6]], [[0.9, 0.1], [0.6, 0.4]]]))
        >>> [round(score, 4) for score in scores.tolist()]
        [0.6931, 0.0]
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
    scores = entropy_of(vote_shares(probs, members, classes), classes)
    # Both bounds hold for shares; what is cut off is rounding.
    return scores.clamp_(0, log_below(probs.shape[classes], probs.dtype))

"""How spread the averaged distribution is."""

from __future__ import annotations

from torch import Tensor

from altasks.acquisition._declare import acquisition
from altasks.acquisition._reduce import Reduce
from altasks.acquisition._rows import LabelReduction, Weights, read_classes
from altasks.acquisition.kernels import averaged, entropy_of, log_below
from altasks.predictions import Bernoulli, Categorical, Prediction


@acquisition(reads=(Categorical, Bernoulli))
def entropy(
    prediction: Prediction,
    *,
    labels: LabelReduction = "mean",
    reduce: Reduce = "mean",
    k: int = 10,
    class_weights: Weights | None = None,
    empty: float = 0.0,
) -> Tensor:
    """Return the entropy of the committee's averaged distribution, in nats.

    - sum_c p_c log p_c. Between 0 (certain) and log C (uniform). Of a committee this is the total
    uncertainty: what the members disagree about and what each finds ambiguous; `bald` is the first
    part alone.

    Args:
        prediction: a `Categorical` or `Bernoulli` of any K (a committee is averaged first), or a
            `Ragged` of one.
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
        UnsupportedPredictionError: for any other prediction.
        InvalidInputError: for an option outside its range.

    Source:
        Shannon 1948, "A mathematical theory of communication"; for active learning Settles 2009,
        "Active learning literature survey".

    Example:
        >>> from altasks import Categorical
        >>> scores = entropy(Categorical([[1.0, 0.0], [0.5, 0.5]]))
        >>> [round(score, 4) for score in scores.tolist()]
        [0.0, 0.6931]
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
    scores = entropy_of(averaged(probs, members), classes)
    # Both bounds hold for distributions; what is cut off is rounding.
    return scores.clamp_(0, log_below(probs.shape[classes], probs.dtype))

"""How far the best class is from certain."""

from __future__ import annotations

from torch import Tensor

from altasks.acquisition._declare import acquisition
from altasks.acquisition._reduce import Reduce
from altasks.acquisition._rows import LabelReduction, Weights, read_classes
from altasks.acquisition.kernels import averaged
from altasks.predictions import Bernoulli, Categorical, Prediction


@acquisition(reads=(Categorical, Bernoulli))
def least_confidence(
    prediction: Prediction,
    *,
    labels: LabelReduction = "mean",
    reduce: Reduce = "mean",
    k: int = 10,
    class_weights: Weights | None = None,
    empty: float = 0.0,
) -> Tensor:
    """Return one minus the probability of the most probable class.

    1 - max_c p_c, where p is the committee's average. Between 0 (certain) and 1 - 1/C (uniform).

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
        `[N]` in [0, 1], float32 (float64 for float64), on the prediction's
        device.

    Raises:
        UnsupportedPredictionError: for any other prediction.
        InvalidInputError: for an option outside its range.

    Source:
        Lewis and Gale 1994, "A sequential algorithm for training text classifiers" (uncertainty
        sampling); in this form Settles 2009, "Active learning literature survey".

    Example:
        >>> from altasks import Categorical
        >>> least_confidence(Categorical([[0.75, 0.25], [0.5, 0.5]])).tolist()
        [0.25, 0.5]
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
    # Rows may sum to slightly more than 1; a score is never below 0.
    return averaged(probs, members).amax(classes, keepdim=True).neg_().add_(1).clamp_(min=0)

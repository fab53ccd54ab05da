"""How far the members are from their average."""

from __future__ import annotations

from torch import Tensor

from altasks.acquisition._declare import acquisition
from altasks.acquisition._reduce import Reduce
from altasks.acquisition._rows import LabelReduction, Weights, read_classes
from altasks.acquisition.kernels import mutual_information
from altasks.predictions import Bernoulli, Categorical, Prediction


@acquisition(reads=(Categorical, Bernoulli), min_members=2)
def consensus_kl(
    prediction: Prediction,
    *,
    labels: LabelReduction = "mean",
    reduce: Reduce = "mean",
    k: int = 10,
    class_weights: Weights | None = None,
    empty: float = 0.0,
) -> Tensor:
    """Return the mean Kullback-Leibler divergence of the members from their average, in nats.

    (1/K) sum_k sum_c p_kc log(p_kc / p_c), where p is the average of the p_k. Between 0 (all equal)
    and log C (each certain of another class). It is the same number as `bald`, found from another
    side: the divergence from the mean is the mutual information of the label and the member.

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
        McCallum and Nigam 1998, "Employing EM and pool-based active learning for text
        classification".

    Example:
        >>> from altasks import Categorical
        >>> scores = consensus_kl(Categorical([[[1.0, 0.0], [0.0, 1.0]], [[0.5, 0.5], [0.5, 0.5]]]))
        >>> [round(score, 4) for score in scores.tolist()]
        [0.6931, 0.0]
    """
    return read_classes(
        mutual_information,
        prediction,
        labels=labels,
        reduce=reduce,
        k=k,
        class_weights=class_weights,
        empty=empty,
    )

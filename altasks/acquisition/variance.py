"""How uncertain a regression is in total."""

from __future__ import annotations

from torch import Tensor

from altasks.acquisition._declare import acquisition
from altasks.acquisition._reduce import Reduce
from altasks.acquisition._rows import read_targets
from altasks.predictions import Normal, Prediction


@acquisition(reads=(Normal,))
def variance(
    prediction: Prediction,
    *,
    reduce: Reduce = "mean",
    k: int = 10,
    empty: float = 0.0,
) -> Tensor:
    """Return the committee's total variance, averaged over targets.

    (1/K) sum_k v_k + (1/K) sum_k (m_k - m)^2, where m is the average of the means m_k (the law of
    total variance, population form): the noise the members see, plus their disagreement. Each
    target is standardised first, that is, its variance is divided by `scale` squared, where the
    prediction has a scale.

    Args:
        prediction: a `Normal` of any K, or a `Ragged` of one.
        reduce: over a `Ragged`: `"mean"`, `"sum"` or `"max"` of a sample's units, `"top_k"` (mean
            of the `k` largest, of all if fewer), or `"none"` for the unit scores `[M]`.
        k: for `"top_k"`.
        empty: the score of a sample with no unit.

    Returns:
        `[N]` of at least 0, float32 (float64 for float64), on the prediction's device. Beyond the
        range of the type: its largest number.

    Raises:
        UnsupportedPredictionError: for any other prediction.
        InvalidInputError: for an option outside its range.

    Source:
        Lakshminarayanan, Pritzel and Blundell 2017, "Simple and scalable predictive uncertainty
        estimation using deep ensembles" (the variance of an equal mixture of normals).

    Example:
        >>> from altasks import Normal
        >>> prediction = Normal(mean=[[[1.0], [3.0]]], variance=[[[0.5], [1.5]]])  # N=1, K=2, T=1
        >>> variance(prediction).tolist()
        [2.0]
    """
    return read_targets(_score, prediction, reduce=reduce, k=k, empty=empty)


def _score(mean: Tensor, variance: Tensor, members: int) -> Tensor:
    spread = mean.var(members, correction=0, keepdim=True)
    return variance.mean(members, keepdim=True).add_(spread)

"""How uncertain a regression is in total."""

from __future__ import annotations

from torch import Tensor

from altasks.acquisition._options import scores_by
from altasks.acquisition._rows import read_targets
from altasks.predictions import Normal


@scores_by(read_targets, reads=(Normal,))
def variance(means: Tensor, variances: Tensor, members: int) -> Tensor:
    """Return the committee's total variance, averaged over targets.

    (1/K) sum_k v_k + (1/K) sum_k (m_k - m)^2, where m is the average of the means m_k (the law of
    total variance, population form): the noise the members see, plus their disagreement. Each
    target is standardised first, that is, its variance is divided by `scale` squared, where the
    prediction has a scale.

    Own arguments:
        prediction: a `Normal` of any K, or a `Ragged` of one.

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
    spread = means.var(members, correction=0, keepdim=True)
    return variances.mean(members, keepdim=True).add_(spread)

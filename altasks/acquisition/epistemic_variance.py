"""How much the members of a regression disagree."""

from __future__ import annotations

from torch import Tensor

from altasks.acquisition._options import scores_by
from altasks.acquisition._rows import read_targets
from altasks.predictions import Normal


@scores_by(read_targets, reads=(Normal,), min_members=2)
def epistemic_variance(means: Tensor, variances: Tensor, members: int) -> Tensor:  # noqa: ARG001
    """Return the variance of the members' means, averaged over targets.

    (1/K) sum_k (m_k - m)^2, where m is the average of the means m_k (population form): the part of
    `variance` that more labels can remove. Each target is standardised first, that is, its means
    are divided by `scale`, where the prediction has a scale.

    Own arguments:
        prediction: a `Normal` with K >= 2, or a `Ragged` of one; the members' own variances are
            not read and may be 0.

    Returns:
        `[N]` of at least 0, float32 (float64 for float64), on the prediction's device. Beyond the
        range of the type: its largest number.

    Raises:
        UnsupportedPredictionError: for any other prediction, or K = 1.
        InvalidInputError: for an option outside its range.

    Source:
        Krogh and Vedelsby 1995, "Neural network ensembles, cross validation, and active learning"
        (the ensemble's ambiguity).

    Example:
        >>> from altasks import Normal
        >>> prediction = Normal(mean=[[[1.0], [3.0]]], variance=[[[0.5], [1.5]]])  # N=1, K=2, T=1
        >>> epistemic_variance(prediction).tolist()
        [1.0]
    """
    return means.var(members, correction=0, keepdim=True)

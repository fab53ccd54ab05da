"""How far the members are from their average."""

from __future__ import annotations

from torch import Tensor

from altasks.acquisition._options import scores_by
from altasks.acquisition._rows import read_classes
from altasks.acquisition.kernels import mutual_information
from altasks.predictions import Bernoulli, Categorical


@scores_by(read_classes, reads=(Categorical, Bernoulli), min_members=2)
def consensus_kl(probs: Tensor, members: int, classes: int) -> Tensor:
    """Return the mean Kullback-Leibler divergence of the members from their average, in nats.

    (1/K) sum_k sum_c p_kc log(p_kc / p_c), where p is the average of the p_k. Between 0 (all equal)
    and log C (each certain of another class). It is the same number as `bald`, found from another
    side: the divergence from the mean is the mutual information of the label and the member.

    Own arguments:
        prediction: a `Categorical` or `Bernoulli` with K >= 2, or a `Ragged` of one.

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
    return mutual_information(probs, members, classes)

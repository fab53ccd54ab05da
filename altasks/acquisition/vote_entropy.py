"""How spread the votes of the members are."""

from __future__ import annotations

from torch import Tensor

from altasks.acquisition._options import scores_by
from altasks.acquisition._rows import read_classes
from altasks.acquisition.kernels import entropy_of, log_below, vote_shares
from altasks.predictions import Bernoulli, Categorical


@scores_by(read_classes, reads=(Categorical, Bernoulli), min_members=2)
def vote_entropy(probs: Tensor, members: int, classes: int) -> Tensor:
    """Return the entropy of the members' hard votes, in nats.

    - sum_c v_c log v_c, where v_c is the share of the K members whose most probable class is c; a
    member whose best classes tie splits its vote among them equally. Not divided by log K. How
    sure a member is of its vote does not matter; where it should, use `consensus_kl` or `bald`.

    Own arguments:
        prediction: a `Categorical` or `Bernoulli` with K >= 2, or a `Ragged` of one.

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
    scores = entropy_of(vote_shares(probs, members, classes), classes)
    # Both bounds hold for shares; what is cut off is rounding.
    return scores.clamp_(0, log_below(probs.shape[classes], probs.dtype))

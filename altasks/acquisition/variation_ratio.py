"""How many members vote against the majority."""

from __future__ import annotations

from torch import Tensor

from altasks.acquisition._options import scores_by
from altasks.acquisition._rows import read_classes
from altasks.acquisition.kernels import vote_shares
from altasks.predictions import Bernoulli, Categorical


@scores_by(read_classes, reads=(Categorical, Bernoulli), min_members=2)
def variation_ratio(probs: Tensor, members: int, classes: int) -> Tensor:
    """Return one minus the share of members that vote for the most voted class.

    1 - max_c v_c, where v_c is the share of the K members whose most probable class is c; a member
    whose best classes tie splits its vote among them equally. Between 0 (unanimous) and 1 - 1/C.

    Own arguments:
        prediction: a `Categorical` or `Bernoulli` with K >= 2, or a `Ragged` of one.

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
    return vote_shares(probs, members, classes).amax(classes, keepdim=True).neg_().add_(1)

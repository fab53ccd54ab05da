"""How far the best class is from certain."""

from __future__ import annotations

from torch import Tensor

from altasks.acquisition._options import scores_by
from altasks.acquisition._rows import read_classes
from altasks.acquisition.kernels import averaged
from altasks.predictions import Bernoulli, Categorical


@scores_by(read_classes, reads=(Categorical, Bernoulli))
def least_confidence(probs: Tensor, members: int, classes: int) -> Tensor:
    """Return one minus the probability of the most probable class.

    1 - max_c p_c, where p is the committee's average. Between 0 (certain) and 1 - 1/C (uniform).

    Own arguments:
        prediction: a `Categorical` or `Bernoulli` of any K (a committee is averaged first), or a
            `Ragged` of one.

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
    # Rows may sum to slightly more than 1; a score is never below 0.
    return averaged(probs, members).amax(classes, keepdim=True).neg_().add_(1).clamp_(min=0)

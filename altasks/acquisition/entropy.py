"""How spread the averaged distribution is."""

from __future__ import annotations

from torch import Tensor

from altasks.acquisition._options import scores_by
from altasks.acquisition._rows import read_classes
from altasks.acquisition.kernels import averaged, entropy_of, log_below
from altasks.predictions import Bernoulli, Categorical


@scores_by(read_classes, reads=(Categorical, Bernoulli))
def entropy(probs: Tensor, members: int, classes: int) -> Tensor:
    """Return the entropy of the committee's averaged distribution, in nats.

    - sum_c p_c log p_c. Between 0 (certain) and log C (uniform). Of a committee this is the total
    uncertainty: what the members disagree about and what each finds ambiguous; `bald` is the first
    part alone.

    Own arguments:
        prediction: a `Categorical` or `Bernoulli` of any K (a committee is averaged first), or a
            `Ragged` of one.

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
    scores = entropy_of(averaged(probs, members), classes)
    # Both bounds hold for distributions; what is cut off is rounding.
    return scores.clamp_(0, log_below(probs.shape[classes], probs.dtype))

"""How close the two best classes are."""

from __future__ import annotations

import torch
from torch import Tensor

from altasks.acquisition._declare import acquisition
from altasks.acquisition._options import describes_options
from altasks.acquisition._reduce import Reduce
from altasks.acquisition._rows import LabelReduction, Weights, read_classes
from altasks.acquisition.kernels import averaged
from altasks.errors import invalid
from altasks.predictions import Bernoulli, Categorical, Prediction


@acquisition(reads=(Categorical, Bernoulli))
@describes_options
def margin(
    prediction: Prediction,
    *,
    power: int = 1,
    labels: LabelReduction = "mean",
    reduce: Reduce = "mean",
    k: int = 10,
    class_weights: Weights | None = None,
    empty: float = 0.0,
) -> Tensor:
    """Return one minus the gap between the two most probable classes.

    (1 - (p_1 - p_2))^power, where p_1 >= p_2 are the two largest of the committee's average.
    Between 0 (certain) and 1 (the two best are level). Both powers order single units alike; over
    a `Ragged`, the square makes a few close calls count for more than many easy ones.

    Own arguments:
        prediction: a `Categorical` or `Bernoulli` of any K (a committee is averaged first), or a
            `Ragged` of one.
        power: 1, or 2 for the squared 1-vs-2 form.

    Returns:
        `[N]` in [0, 1], float32 (float64 for float64), on the prediction's device.

    Raises:
        UnsupportedPredictionError: for any other prediction.
        InvalidInputError: for an option outside its range.

    Source:
        Scheffer, Decomain and Wrobel 2001, "Active hidden Markov models for information
        extraction"; squared, for detected boxes, Brust, Käding and Denzler 2018, "Active
        learning for deep object detection".

    Example:
        >>> from altasks import Categorical
        >>> prediction = Categorical([[0.75, 0.25, 0.0], [0.5, 0.5, 0.0]])
        >>> margin(prediction).tolist()
        [0.5, 1.0]
        >>> margin(prediction, power=2).tolist()
        [0.25, 1.0]
    """
    if isinstance(power, bool) or power not in (1, 2):
        raise invalid("power", "1 or 2", f"{power!r}")
    return read_classes(
        _score if power == 1 else _squared,
        prediction,
        labels=labels,
        reduce=reduce,
        k=k,
        class_weights=class_weights,
        empty=empty,
    )


def _score(probs: Tensor, members: int, classes: int) -> Tensor:
    average = averaged(probs, members)
    best = average.amax(classes, keepdim=True)
    # Hiding every maximum and looking again is several times faster than topk(2) on short rows.
    is_best = average == best
    second = average.masked_fill(is_best, -1).amax(classes, keepdim=True)
    tied = is_best.sum(classes, keepdim=True) > 1
    second = torch.where(tied, best, second)
    return second.sub_(best).add_(1).clamp_(min=0)


def _squared(probs: Tensor, members: int, classes: int) -> Tensor:
    return _score(probs, members, classes).square_()

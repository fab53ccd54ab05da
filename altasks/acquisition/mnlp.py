"""How improbable the best tags of a sentence are, per word."""

from __future__ import annotations

import torch
from torch import Tensor

from altasks._internal.tensor_checks import working_dtype
from altasks.acquisition._declare import acquisition, units_of
from altasks.acquisition._reduce import Reduce, reduce_units
from altasks.acquisition._rows import LabelReduction, Weights, read_classes
from altasks.acquisition.kernels import averaged
from altasks.errors import invalid
from altasks.predictions import Bernoulli, Categorical, Prediction, Transcripts


@acquisition(reads=(Categorical, Bernoulli, Transcripts))
def mnlp(
    prediction: Prediction,
    *,
    labels: LabelReduction = "mean",
    reduce: Reduce = "mean",
    class_weights: Weights | None = None,
    empty: float = 0.0,
) -> Tensor:
    """Return minus the mean log probability of the best tag of each word.

    - (1/n) sum_i log max_c p_ic over the n words of a sentence ("maximum normalised log
    probability", with the sign turned so that higher is labelled first). The division by n is the
    point: without it the longest sentences always win. So no other reduction is accepted, except
    `"none"`, which is none.

    Over `Transcripts` the same of a whole reading: - log p / n for a reading of n characters (or
    symbols; an empty one counts as one) and total probability p, which for a CTC recogniser sums
    over all paths that spell it. Readings of a committee can't be averaged, so it is the mean of
    its members' scores. Over a `Ragged` of lines `"mean"` is the mean of their scores.

    Args:
        prediction: a `Categorical` or `Bernoulli` of any K (a committee is averaged first), a
            `Transcripts` with `log_probs`, or a `Ragged` of one.
        labels: for `Bernoulli`: each label is scored as the pair (p, 1 - p), and the unit's score
            is the `"mean"`, `"sum"` or `"max"` over its labels.
        reduce: `"mean"`, or `"none"` for the word scores `[M]`; others are refused.
        class_weights: at most C weights: each word's score is multiplied by the weight of its
            predicted class, the argmax of the averaged probabilities over the first
            `len(class_weights)` classes, before the mean, which still divides by n.
        empty: the score of a sentence with no word.

    Returns:
        `[N]` of at least 0, float32 (float64 for float64), on the prediction's device.

    Raises:
        UnsupportedPredictionError: for any other prediction.
        InvalidInputError: for another reduction, an option outside its range, readings without
            `log_probs`, or `class_weights` for readings.

    Source:
        Shen et al. 2017, "Deep active learning for named entity recognition" (workshop version
        2017, ICLR 2018), for tags that are independent given the sentence.
        It is defined there by the probability of the most probable whole sequence, which is what
        a reading is.

    Example:
        >>> from altasks import Categorical, Ragged
        >>> words = Categorical([[1.0, 0.0], [0.5, 0.5], [0.5, 0.5]])
        >>> scores = mnlp(Ragged(words, lengths=[2, 1]))
        >>> [round(score, 4) for score in scores.tolist()]
        [0.3466, 0.6931]
    """
    if reduce not in ("mean", "none"):
        raise invalid(
            "reduce",
            "'mean' (or 'none', for the word scores): mnlp is normalised by length by definition",
            f"{reduce!r}",
            hint="For other reductions use least_confidence or entropy.",
        )
    units = units_of(prediction)
    if isinstance(units, Transcripts):
        if class_weights is not None or labels != "mean":
            raise invalid("class_weights, labels", "the defaults for readings", "others")
        return reduce_units(_of_readings(units), prediction, reduce=reduce, empty=empty)
    return read_classes(
        _score,
        prediction,
        labels=labels,
        reduce=reduce,
        k=1,
        class_weights=class_weights,
        empty=empty,
    )


def _score(probs: Tensor, members: int, classes: int) -> Tensor:
    best = averaged(probs, members).amax(classes, keepdim=True)
    # Rows may sum to slightly more than 1; a score is never below 0.
    return (0 - best.log_()).clamp_(min=0)


def _of_readings(units: Transcripts) -> Tensor:
    """Return `[M]`."""
    if units.log_probs is None:
        raise invalid(
            "prediction",
            "readings with log_probs",
            "none",
            hint="A committee that gives no probabilities is scored by edit_disagreement.",
        )
    logs = units.log_probs
    lengths = torch.tensor([[len(reading) for reading in row] for row in units.texts])  # M x K
    lengths = lengths.reshape(logs.shape).clamp(min=1).to(logs.device)
    wide = logs.to(working_dtype(logs.dtype))
    return (-wide / lengths).mean(1)

"""How far the number of predicted labels is from the usual one."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Any

import torch
from torch import Tensor

from altasks._internal.chunks import pieces
from altasks._internal.tensor_checks import working_dtype
from altasks.acquisition._declare import acquisition, units_of
from altasks.acquisition._options import describes_options
from altasks.acquisition._reduce import Reduce, check_reduction, reduce_units
from altasks.errors import invalid
from altasks.predictions import Bernoulli, Prediction


def mean_label_count(labels: Sequence[Any]) -> float:
    """Return how many classes a labelled sample has on average.

    Args:
        labels: of each sample the collection of its classes.

    Raises:
        InvalidInputError: for no sample, or a label that is no collection.

    Example:
        >>> mean_label_count([["card"], ["card", "fee"], []])
        1.0
    """
    if not len(labels):
        raise invalid("labels", "at least one sample's", "none")
    for row, label in enumerate(labels):
        if isinstance(label, str) or not isinstance(label, Collection):
            raise invalid(
                "labels", "of each sample the list of its classes", f"{label!r}",
                where=f"row {row}", hint="Give mean_labels=, the mean number of classes, yourself.",
            )  # fmt: skip
    return math.fsum(len(label) for label in labels) / len(labels)


@acquisition(reads=(Bernoulli,), from_labels={"mean_labels": mean_label_count})
@describes_options
def label_cardinality_inconsistency(
    prediction: Prediction,
    *,
    mean_labels: float | None = None,
    threshold: float = 0.5,
    reduce: Reduce = "mean",
    k: int = 10,
    empty: float = 0.0,
) -> Tensor:
    """Return how far the number of predicted labels is from the mean of the labelled samples.

    |#{c: p_c > threshold} - mean_labels|, where p is the committee's average. A sample for which
    the model predicts no label, or many more than samples use to have, comes first. The values are
    few, so many samples tie; ties break by a hash of the ids.

    Own arguments:
        prediction: a `Bernoulli` of any K (a committee is averaged first), or a `Ragged` of one.
        mean_labels: how many labels a labelled sample has on average, at least 0. A loop fills it
            by the labels it holds, where each is the list of a sample's classes; elsewhere it has
            to be given.
        threshold: above which probability a label counts as predicted, in [0, 1).

    Returns:
        `[N]` of at least 0, float32 (float64 for float64), on the prediction's device.

    Raises:
        UnsupportedPredictionError: for any other prediction.
        InvalidInputError: for an option outside its range, or without `mean_labels`.

    Source:
        Li and Guo 2013, "Active learning with multi-label SVM classification".

    Example:
        >>> from altasks import Bernoulli
        >>> prediction = Bernoulli([[0.9, 0.8, 0.7], [0.9, 0.1, 0.2], [0.1, 0.2, 0.1]])
        >>> label_cardinality_inconsistency(prediction, mean_labels=1.25).tolist()
        [1.75, 0.25, 1.25]
    """
    check_reduction(reduce, k, empty)
    if mean_labels is None:
        raise invalid(
            "mean_labels",
            "the mean number of labels of a labelled sample",
            "None",
            hint="Where labels are told, a loop fills it. Elsewhere give it: "
            "acquisition_options={'mean_labels': 1.7}.",
        )
    if isinstance(mean_labels, bool) or not 0 <= mean_labels < math.inf:
        raise invalid("mean_labels", "a finite number of at least 0", f"{mean_labels!r}")
    if isinstance(threshold, bool) or not 0 <= threshold < 1:
        raise invalid("threshold", "a number from 0 to below 1", f"{threshold!r}")
    units = units_of(prediction)
    assert isinstance(units, Bernoulli)
    probs = units.probs  # M x K x C
    scores = torch.empty(len(probs), dtype=working_dtype(probs.dtype), device=probs.device)
    for piece in pieces(probs):
        average = piece.values.to(scores.dtype).mean(piece.members, keepdim=True)
        count = (average > threshold).sum(piece.last, keepdim=True).flatten()
        scores[piece.start : piece.start + len(count)] = (count - mean_labels).abs()
    return reduce_units(scores, prediction, reduce=reduce, k=k, empty=empty)

"""How far probabilities are from the shares they promise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch

from altasks._internal.numbers import require_whole
from altasks.calibration.targets import check_targets, probabilities
from altasks.errors import invalid
from altasks.predictions import Bernoulli, Prediction

#: How the gaps of the bins become one number.
Norm = Literal["l1", "l2", "max"]


@dataclass(frozen=True, eq=False)
class Reliability:
    """How sure a model is and how often it is right, bin by bin; bins without a row are left out.

    Attributes:
        confidence: `[B]`, the mean probability in each bin.
        accuracy: `[B]`, the share that is right.
        count: `[B]`, how many there are.
    """

    confidence: np.ndarray
    accuracy: np.ndarray
    count: np.ndarray

    def error(self, norm: Norm = "l1") -> float:
        """Return the gaps between confidence and accuracy as one number.

        Args:
            norm: `"l1"`, their mean, each bin weighted by its count; `"l2"`, the root of the mean
                of their squares; `"max"`, the largest.
        """
        if norm not in get_args(Norm):
            raise invalid("norm", "'l1', 'l2' or 'max'", f"{norm!r}")
        gaps = np.abs(self.accuracy - self.confidence)
        share = self.count / self.count.sum()
        if norm == "max":
            return float(gaps.max())
        return float(gaps @ share) if norm == "l1" else math.sqrt(float(gaps**2 @ share))


def reliability(
    prediction: Prediction, targets: Any, *, bins: int = 15, equal_mass: bool = False
) -> Reliability:
    """Return how sure the committee's average is, and how often it is right.

    Of exclusive classes: the probability of the most probable one, and whether it is the right one
    (Guo, Pleiss, Sun and Weinberger 2017, "On Calibration of Modern Neural Networks"). Of
    independent labels: the probability of each label of each row, and whether the row has it; this
    is the curve of DeGroot and Fienberg (1983), "The Comparison and Evaluation of Forecasters".

    Args:
        prediction: a `Categorical` or `Bernoulli`, or a `Ragged` of one, whose units count.
        targets: `[M]`, the right column of each row or unit, or `[M, C]` of 0 and 1 for a
            `Bernoulli`; -1 where it isn't known, and left out.
        bins: how many, at least 1.
        equal_mass: bins of about as many rows instead of equal width (Nguyen and O'Connor 2015,
            "Posterior calibration and exploratory analysis for natural language processing
            models"); equal probabilities share a bin. Where a model is nearly always sure, bins of
            equal width put nearly all rows in one.

    Raises:
        UnsupportedPredictionError: for any other prediction.
        InvalidInputError: for targets that don't fit, or too few bins.

    Example:
        >>> from altasks import Categorical
        >>> sure = Categorical([[0.9, 0.1], [0.9, 0.1], [0.2, 0.8], [0.4, 0.6]])
        >>> found = reliability(sure, [0, 1, 1, 1], bins=2)
        >>> found.confidence.round(3).tolist(), found.accuracy.tolist(), found.count.tolist()
        ([0.8], [0.75], [4])
    """
    bins = require_whole("bins", bins, 1)
    units = probabilities(prediction, "reliability")
    known, right = check_targets(units, targets)
    average = units.mean_probs.to(torch.float64).cpu()  # M x C
    if isinstance(units, Bernoulli):
        sure, hit = average[known].numpy(), right[known].numpy()
    else:
        best, column = average[known].max(1)
        sure, hit = best.numpy(), (column == right).double().numpy()
    # Bin i holds what is above edge i - 1, up to edge i, as in Guo et al.; the first also 0.
    if equal_mass:
        ranked = np.sort(sure)
        last = np.ceil(np.arange(1, bins) * len(ranked) / bins).astype(np.int64) - 1
        inner = np.unique(ranked[np.maximum(last, 0)])
    else:
        inner = np.arange(1, bins) / bins
    place = np.searchsorted(inner, sure, side="left")
    count = np.bincount(place, minlength=bins)
    full = count > 0
    count = count[full]
    return Reliability(
        np.bincount(place, sure, minlength=bins)[full] / count,
        np.bincount(place, hit, minlength=bins)[full] / count,
        count,
    )


def calibration_error(
    prediction: Prediction,
    targets: Any,
    *,
    bins: int = 15,
    equal_mass: bool = False,
    norm: Norm = "l1",
) -> float:
    """Return the expected calibration error: how far confidence is from accuracy on average.

    The rows are put in bins by their probability; the error is the mean over bins, weighted by
    their counts, of the gap between mean probability and share of right ones. See `reliability`
    for what counts as both. Naeini, Cooper and Hauskrecht (2015), "Obtaining Well Calibrated
    Probabilities Using Bayesian Binning"; `norm="max"` is their maximum calibration error. An
    estimate from few rows is too high: of a perfect model as well, bins of ten rows have gaps.

    Args:
        prediction: as for `reliability`.
        targets: as for `reliability`.
        bins: how many, at least 1.
        equal_mass: bins of about as many rows instead of equal width.
        norm: `"l1"`; `"l2"`, the root of the mean squared gap; `"max"`, the largest gap.

    Raises:
        UnsupportedPredictionError: for a prediction without probabilities of classes.
        InvalidInputError: for targets that don't fit, or an option out of range.

    Example:
        >>> from altasks import Categorical
        >>> sure = Categorical([[0.9, 0.1], [0.9, 0.1], [0.2, 0.8], [0.4, 0.6]])
        >>> round(calibration_error(sure, [0, 1, 1, 1], bins=2), 3)
        0.05
    """
    return reliability(prediction, targets, bins=bins, equal_mass=equal_mass).error(norm)

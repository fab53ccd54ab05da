"""How sure a model may be: one temperature for its probabilities, and what is uncertain then."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from altasks.calibration import TemperatureScaling
from altasks.predictions import Categorical
from altasks.strategies._arrays import Rows
from altasks.strategies.base import Array

#: The temperatures tried, from 10^-1 to 10^1; 1 is among them.
GRID = np.logspace(-1, 1, 41)
#: Rows that are further from a sum of 1 are no distributions: independent labels.
_OFF = 0.05
#: Numbers in a block of work.
_BLOCK = 2**20


def fit_temperature(probs: Array, labels: Array) -> float:
    """Return the temperature of the grid under which the labels are most likely.

    Guo, Pleiss, Sun and Weinberger (2017), "On Calibration of Modern Neural Networks": softmax(log
    p / T) with the T of the smallest negative log likelihood on data the model was not trained on.
    Few labels may all be predicted right, and then the surest model is the likeliest. So a label
    counts as right with a chance of (L + 1) / (L + 2), and the rest is shared by the other classes:
    the targets of Platt (1999), "Probabilistic Outputs for Support Vector Machines".

    Args:
        probs: `[L, C]`.
        labels: `[L]`, the column that is right.

    Returns:
        The temperature, the one nearest to 1 of equals; 1 where nothing is labelled.
    """
    source = Rows(probs)
    if not len(source) or source.width < 2:
        return 1.0
    wide = source.slice(0, len(source), torch.float64).cpu()[:, None]  # L x 1 x C
    right = labels if isinstance(labels, Tensor) else np.array(labels)
    # Past the door: rows in half precision sum to 1 as well as they can.
    units = Categorical._trusted(wide, None)
    return TemperatureScaling.fit(units, right, smooth=True, among=GRID.tolist()).temperature


def margins(probs: Array, temperature: float) -> np.ndarray | None:
    """Return 1 - (p1 - p2) of softmax(log p / T), `[N]`; None where rows are no distributions.

    Args:
        probs: `[N, C]`; of independent labels the rows don't all sum to 1.
        temperature: T.
    """
    source = Rows(probs)
    found = np.empty(len(source))
    if len(source) and source.shape[1] < 2:
        return None
    step = max(1, _BLOCK // max(1, source.width))
    for start in range(0, len(source), step):
        stop = min(start + step, len(source))
        block = source.slice(start, stop, torch.float64)
        if not bool(((block.sum(1) - 1).abs() <= _OFF).all()) or bool((block < 0).any()):
            return None
        logits = block.log() / temperature
        best, place = logits.max(1, keepdim=True)
        weights = (logits - best).exp()  # 1 for the best class
        second = weights.scatter(1, place, 0.0).amax(1)
        found[start:stop] = (1 - (1 - second) / weights.sum(1)).clamp_min(0).cpu().numpy()
    return found

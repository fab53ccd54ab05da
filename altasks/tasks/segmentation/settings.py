"""What `Segmentation` is told, checked: windows, the weights of stages, how a fit is run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from altasks.errors import invalid

#: What an early stage's loss counts beside the last one's 1, unless told otherwise.
EARLY_WEIGHT = 0.4
#: Steps of a fit, at least, and passes over the labels, at most, unless told otherwise.
STEPS, EPOCHS, BATCH = 200, 100, 8


def windows(tile: int, overlap: int, stride: int) -> tuple[int, int]:
    """Return the side of windows in whole strides, and the overlap.

    Raises:
        InvalidInputError: for an overlap that leaves nothing of a window.
    """
    side = -(-tile // stride) * stride
    if overlap < 0 or side - 2 * overlap < stride:
        raise invalid("overlap", f"0 to {(side - stride) // 2} in a tile of {side}", f"{overlap}")
    return side, overlap


def weights_of_stages(told: Sequence[float] | None, count: int) -> list[float]:
    """Return the weight of each stage's loss, the model's own output last.

    Raises:
        InvalidInputError: for another number of weights, or ones that can't be weights.
    """
    weights = [EARLY_WEIGHT] * (count - 1) + [1.0] if told is None else list(told)
    if len(weights) != count or not np.isfinite(weights).all() or not sum(weights) > 0:
        raise invalid("stage_weights", f"{count} weights, the last the output's", f"{weights}")
    if min(weights) < 0:
        raise invalid("stage_weights", "weights of at least 0", f"{weights}")
    return [float(weight) for weight in weights]


def fit_arguments(told: Any, samples: int) -> Any:
    """Return the training arguments of a fit on that many samples, as `train` takes them."""
    if told is not None and not isinstance(told, Mapping):
        return told
    given = dict(told or {})
    batch = int(given.get("per_device_train_batch_size", BATCH))
    steps = -(-samples // batch)
    return {
        "per_device_train_batch_size": batch,
        "per_device_eval_batch_size": batch,
        "num_train_epochs": min(EPOCHS, max(3, -(-STEPS // steps))),
        "learning_rate": 1e-3,
        "label_names": ["labels"],
        **given,
    }

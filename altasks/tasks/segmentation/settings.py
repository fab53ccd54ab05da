"""Checked settings of `Segmentation`: windows, the weights of stages, training arguments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from altasks.errors import invalid

#: Default weight of an early stage's loss; the last one's is 1.
EARLY_WEIGHT = 0.4
#: Defaults: least steps of a fit, most passes over the labels, and batch size.
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


def weights_of_stages(given: Sequence[float] | None, count: int) -> list[float]:
    """Return the weight of each stage's loss, the model's own output last.

    Raises:
        InvalidInputError: for another number of weights, or negative or non-finite ones.
    """
    weights = [EARLY_WEIGHT] * (count - 1) + [1.0] if given is None else list(given)
    if len(weights) != count or not np.isfinite(weights).all() or not sum(weights) > 0:
        raise invalid("stage_weights", f"{count} weights, the last the output's", f"{weights}")
    if min(weights) < 0:
        raise invalid("stage_weights", "weights of at least 0", f"{weights}")
    return [float(weight) for weight in weights]


def fit_arguments(given: Any, samples: int) -> Any:
    """Return the training arguments of a fit on that many samples, as `train` takes them."""
    if given is not None and not isinstance(given, Mapping):
        return given
    settings = dict(given or {})
    batch = int(settings.get("per_device_train_batch_size", BATCH))
    steps = -(-samples // batch)
    return {
        "per_device_train_batch_size": batch,
        "per_device_eval_batch_size": batch,
        "num_train_epochs": min(EPOCHS, max(3, -(-STEPS // steps))),
        "learning_rate": 1e-3,
        "label_names": ["labels"],
        **settings,
    }

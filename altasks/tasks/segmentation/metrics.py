"""How well masks are predicted, from one count of pixels: truth by prediction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from altasks.data.masks.masks import IGNORED


class Confusion:
    """A table of pixels by true and predicted class, filled piece by piece.

    Args:
        classes: C.

    Example:
        >>> table = Confusion(2)
        >>> table.add(np.array([[0, 1, -100]]), np.array([[0, 0, 1]]))
        >>> table.metrics(["sky", "road"])["iou_sky"]
        0.5
    """

    def __init__(self, classes: int) -> None:
        self.classes = classes
        self.counts = np.zeros((classes, classes), dtype=np.int64)  # truth x predicted

    def add(self, truth: np.ndarray, predicted: np.ndarray) -> None:
        """Count pixels; those whose truth is void aren't."""
        known = truth != IGNORED
        pairs = truth[known].astype(np.int64) * self.classes + predicted[known]
        counted = np.bincount(pairs, minlength=self.classes**2)
        self.counts += counted.reshape(self.classes, self.classes)

    def metrics(self, names: Sequence[Any]) -> dict[str, float]:
        """Return mean IoU, mean Dice and pixel accuracy, and IoU and Dice of each class.

        A class that neither occurs nor is predicted has no IoU, and no share in the means.
        """
        right = np.diag(self.counts).astype(np.float64)
        true, predicted = self.counts.sum(1), self.counts.sum(0)
        seen = np.flatnonzero(true + predicted)
        iou = right[seen] / (true + predicted - right)[seen]
        dice = 2 * right[seen] / (true + predicted)[seen]
        metrics = {
            "mean_iou": float(iou.mean()),
            "mean_dice": float(dice.mean()),
            "pixel_accuracy": float(right.sum() / self.counts.sum()),
        }
        for place, one in enumerate(seen.tolist()):
            metrics[f"iou_{names[one]}"] = float(iou[place])
            metrics[f"dice_{names[one]}"] = float(dice[place])
        return metrics

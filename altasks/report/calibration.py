"""Do intervals hold what they promise? Of predicted normals, against the truth."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

import numpy as np

from altasks._internal.arrays import refuse_masked
from altasks.errors import invalid
from altasks.predictions import Normal

#: The levels that are measured by default.
LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)


def calibration_curve(
    prediction: Normal, truth: Any, levels: Sequence[float] = LEVELS
) -> np.ndarray:
    """Return which share of the truths lies inside the central interval of each level.

    The intervals are those of the normal with the mixture's mean and variance, as in the
    calibration curves of Lakshminarayanan, Pritzel and Blundell (2017). A share below its level is
    overconfidence: the intervals are too narrow.

    Args:
        prediction: `[N, K, T]`, N >= 1.
        truth: `[N]` or `[N, T]`, in the same units.
        levels: `[L]` numbers in (0, 1).

    Returns:
        `[L]`, float64; with several targets, averaged over them.

    Raises:
        InvalidInputError: for a truth that doesn't fit, is masked or isn't finite, or a level out
            of range.

    Example:
        >>> prediction = Normal(mean=[0.0, 0.0, 0.0, 0.0], variance=[1.0, 1.0, 1.0, 1.0])
        >>> calibration_curve(prediction, [0.1, -0.5, 1.0, 3.0], [0.5, 0.9]).tolist()
        [0.5, 0.75]
    """
    wanted = np.asarray(levels, dtype=np.float64)
    if wanted.ndim != 1 or not len(wanted) or not ((wanted > 0) & (wanted < 1)).all():
        raise invalid("levels", "numbers in (0, 1)", f"{list(levels)!r}")
    refuse_masked(truth, "truth")
    targets = np.asarray(truth, dtype=np.float64)
    targets = targets[:, None] if targets.ndim == 1 else targets
    shape = (len(prediction), prediction.targets)
    if targets.shape != shape or not len(targets):
        raise invalid("truth", f"shape {list(shape)}, N >= 1", f"shape {list(np.shape(truth))}")
    if not np.isfinite(targets).all():
        row = int(np.argwhere(~np.isfinite(targets))[0][0])
        raise invalid("truth", "finite numbers", f"{targets[row].tolist()}", where=f"row {row}")
    mean, members = prediction.mean.double(), prediction.variance.double()  # N x K x T
    variance = (members.mean(1) + mean.var(1, correction=0)).cpu().numpy()  # N x T
    error = np.abs(targets - mean.mean(1).cpu().numpy())
    widths = np.array([NormalDist().inv_cdf((1 + level) / 2) for level in wanted])
    inside = error[None] <= widths[:, None, None] * np.sqrt(variance)[None]  # L x N x T
    shares: np.ndarray = inside.mean((1, 2))
    return shares

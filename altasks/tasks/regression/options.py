"""The settings of `Regression`: their validation and defaults."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from altasks._internal.numbers import is_whole, require_whole
from altasks.errors import invalid


def table_arguments(samples: int) -> dict[str, Any]:
    """Return the defaults of a fit of a small network on a table of `samples` rows."""
    # Small batches for small tables; larger ones where an epoch would be hundreds of steps.
    batch = min(256, max(32, 2 ** round(math.log2(samples / 40))))
    return {
        "per_device_train_batch_size": batch,
        "per_device_eval_batch_size": 1024,
        # As in the literature on these networks. More on few labels is worse: 20 rows are fitted
        # exactly after 100 steps, and the variance takes that for certainty.
        "num_train_epochs": 40,
        "learning_rate": 1e-2,
        "weight_decay": 1e-2,
        "warmup_steps": 0,
    }


def target_names(targets: Any) -> list[str]:
    """Return the name of each target."""
    if is_whole(targets, 1):
        return [str(place) for place in range(require_whole("targets", targets, 1))]
    names = list(targets) if isinstance(targets, Iterable) and not isinstance(targets, str) else []
    if not names or not all(isinstance(n, str) for n in names) or len(set(names)) != len(names):
        raise invalid("targets", "how many there are, or their distinct names", repr(targets))
    return names


def column_names(features: Any) -> tuple[list[str] | None, int | None]:
    """Return the names of the columns to read, if there are any, and how many there are."""
    if features is None:
        return None, None
    if is_whole(features, 1):
        return None, require_whole("features", features, 1)
    listed = isinstance(features, Iterable) and not isinstance(features, str)
    names = [*features] if listed and not isinstance(features, int) else []
    if not names or not all(isinstance(n, str) for n in names) or len(set(names)) != len(names):
        raise invalid("features", "how many there are, or their distinct names", repr(features))
    return names, len(names)


def check_settings(
    hidden: Sequence[int],
    dropout: float,
    loss: str,
    beta: float,
    floor: float,
    redraw: str,
    too_long: str,
) -> None:
    """Validate the settings of a network and its loss."""
    listed = isinstance(hidden, Iterable) and not isinstance(hidden, str)
    if not listed or not all(is_whole(width, 1) for width in hidden):
        raise invalid("hidden", "widths of layers, such as (50,)", repr(hidden))
    if not 0 <= dropout < 1:
        raise invalid("dropout", "a probability of at least 0 and below 1", repr(dropout))
    if loss not in ("gaussian_nll", "beta_nll"):
        raise invalid("loss", "'gaussian_nll' or 'beta_nll'", repr(loss))
    if not 0 <= beta <= 1:
        raise invalid("beta", "a number from 0 to 1", repr(beta))
    if not floor > 0 or not math.isfinite(floor):
        raise invalid("variance_floor", "a number above 0", repr(floor))
    if redraw not in ("head", "all"):
        raise invalid("redraw", "'head' or 'all'", repr(redraw))
    if too_long not in ("error", "truncate"):
        raise invalid("too_long", "'error' or 'truncate'", repr(too_long))

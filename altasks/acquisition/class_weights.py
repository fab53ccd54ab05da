"""Weights that make up for the imbalance of classes among what is labelled."""

from __future__ import annotations

import math
from collections.abc import Sequence

from altasks._internal.frames import aligned_to_ids
from altasks.errors import invalid


def class_weights_from_counts(counts: Sequence[float]) -> list[float]:
    """Return a weight for each class: the rarer it is among the labelled, the larger.

    (instances + classes) / (instances of the class + 1): the inverse of a class's share, each
    class counted once more than it occurs, so that one without any instance has a finite weight.
    For the `class_weights` of acquisition functions.

    Args:
        counts: how many instances of each class are labelled, in the order of the classes.

    Raises:
        InvalidInputError: for no class, a count that isn't finite and at least 0, or a Series whose
            index isn't 0, 1, 2, ..., such as `value_counts()` gives: most frequent first.

    Source:
        Brust, Käding and Denzler 2018, "Active learning for deep object detection".

    Example:
        >>> class_weights_from_counts([7, 1, 0])
        [1.375, 5.5, 11.0]
    """
    values = [float(count) for count in aligned_to_ids(counts, "counts")]
    if not values:
        raise invalid("counts", "a count for each of at least one class", "none")
    for place, count in enumerate(values):
        if not math.isfinite(count) or count < 0:
            raise invalid(
                "counts", "finite counts of at least 0", f"{count:g}", where=f"class {place}"
            )
    total = sum(values) + len(values)
    return [total / (count + 1) for count in values]

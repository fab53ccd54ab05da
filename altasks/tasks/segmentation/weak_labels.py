"""Predictions that may stand in for labels for a while: where the committee hardly disagrees.

Zhao, Zeng, Xu, Chen and Guan 2021, "DSAL: Deeply Supervised Active Learning from Strong and Weak
Labelers for Biomedical Image Segmentation", ask people where a network's layers disagree, and take
its own output as a weak label where they agree.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from altasks.abilities import LeavesOut, provides
from altasks.data.pool import as_pool
from altasks.errors import invalid
from altasks.scoring import Scores


@dataclass(frozen=True)
class WeakLabels:
    """Predicted labels of samples that a model was sure of; they are never stored as labels.

    Attributes:
        labels: id -> predicted label.
        scores: id -> the disagreement it was taken at.
    """

    labels: dict[str, Any]
    scores: dict[str, float]

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.labels)


def weak_labels(
    task: Any,
    pool: Any,
    scores: Scores,
    *,
    below: float,
    known: Collection[str] = (),
    most: int | None = None,
    sure: float = 0.0,
) -> WeakLabels:
    """Return the model's own answers for the samples it disagrees least about.

    Args:
        task: with `predict_mask(sample, sure=)`, such as `Segmentation`.
        pool: the samples.
        scores: their disagreement, as `al.score` gives it with `bald` or `dice_disagreement`.
        below: only samples with a smaller score.
        known: ids that people have answered, or will: those are left out.
        most: at most so many, the smallest scores first.
        sure: within a mask, pixels whose class has a smaller probability are void.

    Raises:
        InvalidInputError: for a threshold that isn't finite.

    Example:
        >>> class Task:
        ...     def predict_mask(self, sample, *, sure=0.0):
        ...         return f"mask of {sample}"
        >>> scores = Scores(["a", "b", "c"], np.array([0.01, 0.5, 0.02]))
        >>> weak_labels(Task(), {"a": 1, "b": 2, "c": 3}, scores, below=0.1, known=["c"]).labels
        {'a': 'mask of 1'}
    """
    if not math.isfinite(below):
        raise invalid("below", "a finite score", f"{below!r}")
    samples = as_pool(pool)
    answered = set(known)
    order = np.argsort(scores.values, kind="stable")
    chosen = [
        (scores.ids[i], float(scores.values[i]))
        for i in order.tolist()
        if scores.values[i] < below and scores.ids[i] not in answered
    ][:most]
    # Its name until version 0.2, which others' tasks may still have.
    predict_mask = getattr(task, "predict_mask", None) or task.answer
    labels = {name: predict_mask(samples[name], sure=sure) for name, _ in chosen}
    # A mask of which nothing is sure enough teaches nothing.
    kept = {name: label for name, label in labels.items() if not _all_void(task, label)}
    return WeakLabels(kept, {name: score for name, score in chosen if name in kept})


def _all_void(task: Any, label: Any) -> bool:
    leaves_out = provides(task, LeavesOut) and isinstance(label, Mapping)
    return leaves_out and label.get("classes") == [task.void]


def with_weak_labels(
    pool: Any, labels: Mapping[str, Any], weak: WeakLabels, *, weight: float = 0.3
) -> tuple[list[Any], list[Any], list[float]]:
    """Return (samples, labels, weights) for `task.fit`: people's at 1, the model's at `weight`.

    A weak label of a sample that a person has labelled since is dropped.

    Args:
        pool: the samples.
        labels: id -> label, of people.
        weak: of the model.
        weight: what a weak label counts, above 0.

    Raises:
        InvalidInputError: for a weight that isn't one.

    Example:
        >>> weak = WeakLabels({"a": "x", "b": "y"}, {"a": 0.0, "b": 0.1})
        >>> with_weak_labels({"a": 1, "b": 2}, {"b": "z"}, weak, weight=0.5)
        ([2, 1], ['z', 'x'], [1.0, 0.5])
    """
    if not 0 < weight < math.inf:
        raise invalid("weight", "a number above 0", f"{weight!r}")
    samples = as_pool(pool)
    left = [name for name in weak.labels if name not in labels]
    names = [*labels, *left]
    values = [*labels.values(), *(weak.labels[name] for name in left)]
    weights = [1.0] * len(labels) + [float(weight)] * len(left)
    return [samples[name] for name in names], values, weights

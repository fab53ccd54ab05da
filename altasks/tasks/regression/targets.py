"""The targets of a regression: labels checked, put into a matrix, scaled, and shown."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from altasks.errors import TrainingError, invalid
from altasks.predictions import Normal
from altasks.tasks.regression.inputs import Scaling
from altasks.tasks.regression.network import NINETY, mean_and_variance, moments


class Targets:
    """T targets by name.

    Args:
        names: of each.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = list(names)

    def __len__(self) -> int:
        """Return T."""
        return len(self.names)

    def row(self, label: Any, where: str = "") -> list[float]:
        """Return one label as T numbers.

        Raises:
            InvalidInputError: for anything else, NaN and infinity among it.
        """
        if isinstance(label, np.ndarray | Tensor):
            label = label.tolist()
        several = isinstance(label, list | tuple)
        values = list(label) if several else [label]
        if several != (len(self) > 1) or len(values) != len(self):
            wanted = "a number" if len(self) == 1 else f"{len(self)} numbers"
            raise invalid("label", wanted, repr(label), where=where)
        for name, value in zip(self.names, values, strict=True):
            if isinstance(value, bool) or not isinstance(value, numbers.Real):
                raise invalid("label", "a number", repr(value), where=where)
            if not math.isfinite(value):
                at = f"{where}, target {name!r}" if len(self) > 1 else where
                raise invalid(
                    "label", "a finite number", f"{float(value)}", where=at.removeprefix(", "),
                    hint="Leave the sample out, or skip its id.",
                )  # fmt: skip
        return [float(value) for value in values]

    def rows(self, labels: Sequence[Any]) -> Sequence[Any]:
        """Return labels as `row` takes them: rows of a frame, one column a target, as lists.

        Raises:
            InvalidInputError: naming a row with other columns than the targets.
        """
        if not any(isinstance(label, Mapping) for label in labels):
            return labels
        made = []
        for row, label in enumerate(labels):
            if isinstance(label, Mapping) and set(label) != set(self.names):
                raise invalid(
                    "labels", f"the columns {', '.join(map(repr, self.names))}",
                    f"{', '.join(map(repr, label))}", where=f"row {row}",
                )  # fmt: skip
            listed = isinstance(label, Mapping)
            made.append([label[name] for name in self.names] if listed else label)
        return made

    def matrix(self, labels: Sequence[Any]) -> np.ndarray:
        """Return the labels as float64 `[n, T]`.

        Raises:
            InvalidInputError: naming the first row that is no label.
        """
        rows = [self.row(label, f"row {row}") for row, label in enumerate(labels)]
        return np.array(rows, np.float64).reshape(len(labels), len(self))

    def scaling(self, truth: np.ndarray) -> Scaling:
        """Return the scaling of `[n, T]` labels.

        Raises:
            InvalidInputError: naming a target that doesn't vary.
        """
        scaling = Scaling.of(truth)
        for target, (name, scale) in enumerate(zip(self.names, scaling.scale, strict=True)):
            if not scale:
                raise invalid(
                    "labels",
                    "targets that vary",
                    f"{len(truth)} times {truth[0][target]:g}",
                    where=f"target {name!r}" if len(self) > 1 else "",
                    hint="A constant target has no scale and teaches nothing; label more samples.",
                )
        return scaling

    def show(self, prediction: Normal) -> dict[str, Any]:
        """Return, as JSON, what is predicted of one sample, and how sure that is."""
        mean, inner, spread = (part[0].double().tolist() for part in moments(prediction))
        shown = []
        for name, middle, noise, doubt in zip(self.names, mean, inner, spread, strict=True):
            sd = math.sqrt(noise + doubt)
            shown.append(
                {
                    "target": name,
                    "mean": middle,
                    "sd": sd,
                    "aleatoric": math.sqrt(noise),
                    "epistemic": math.sqrt(doubt),
                    "interval_90": [middle - NINETY * sd, middle + NINETY * sd],
                }
            )
        return {
            "predicted": mean if len(mean) > 1 else mean[0],
            "targets": shown,
            "members": prediction.members,
        }


def in_own_units(outputs: Tensor, floor: float, scaling: Scaling | None) -> Normal:
    """Return the prediction that a network's outputs `[N, K, 2T]` mean, in the targets' units.

    Args:
        outputs: of the network, in standardised units.
        floor: of the variance, in standardised units.
        scaling: of the targets; None before any fit.

    Raises:
        TrainingError: if a mean or a variance is not finite.
    """
    # float64: a target may be large beside its variation, such as a year.
    mean, variance = mean_and_variance(outputs.cpu().double(), floor)  # N x K x T
    if not bool(torch.isfinite(mean).all() and torch.isfinite(variance).all()):
        raise TrainingError(
            "predict: the network's outputs are not finite. Look for extreme values in the "
            "samples, or fit again with a smaller learning rate."
        )
    if scaling is None:
        return Normal(mean, variance)
    middle, scale = (torch.from_numpy(one) for one in (scaling.mean, scaling.scale))
    return Normal(mean * scale + middle, variance * scale.square(), scale)

"""C independent yes/no labels per sample and member."""

from __future__ import annotations

from typing import ClassVar, Self

import torch
from torch import Tensor

from altasks._internal.tensor_checks import (
    as_features,
    as_float_tensor,
    as_members,
    require_finite,
    require_unit_interval,
    working_dtype,
)
from altasks.errors import invalid
from altasks.predictions._base import ArrayLike
from altasks.predictions._probabilities import ProbabilityPrediction


class Bernoulli(ProbabilityPrediction):
    """C independent labels for each of N samples from each of K members (multi-label).

    Args:
        probs: `[N, K, C]`, or `[N, C]` meaning K = 1: the probability of each label, in [0, 1].
        features: `[N, d]` or None: the last layer's input.

    Raises:
        InvalidInputError: if a value is outside [0, 1] (naming the first), or the shapes
            don't fit.

    Example:
        >>> Bernoulli([[0.9, 0.2, 0.5]])
        Bernoulli(N=1, K=1, C=3, float64, cpu)
    """

    __slots__ = ()
    _counted: ClassVar[str] = "labels"

    def __init__(self, probs: ArrayLike, features: ArrayLike | None = None) -> None:
        checked = _as_labels(as_float_tensor(probs, "probs"), "probs")
        require_unit_interval(checked, "probs")
        object.__setattr__(self, "probs", checked)
        object.__setattr__(self, "features", as_features(features, checked.shape[0]))

    @classmethod
    def from_logits(cls, logits: ArrayLike, features: ArrayLike | None = None) -> Self:
        """Return the sigmoid of `logits` `[N, K, C]` or `[N, C]`, in float32 or better.

        Raises:
            InvalidInputError: naming the first row with a NaN or an infinity.

        Example:
            >>> Bernoulli.from_logits([[0.0]]).probs.tolist()
            [[[0.5]]]
        """
        values = _as_labels(as_float_tensor(logits, "logits"), "logits")
        require_finite(values, "logits")
        probs = torch.sigmoid(values.to(working_dtype(values.dtype)))
        return cls._trusted(probs, as_features(features, probs.shape[0]))

    @property
    def labels(self) -> int:
        """C, the number of labels."""
        return self.probs.shape[2]


def _as_labels(tensor: Tensor, argument: str) -> Tensor:
    tensor = as_members(tensor, argument, "[N, K, C] or [N, C]")
    if tensor.shape[2] < 1:
        raise invalid(argument, "at least one label in the last dim", "none")
    return tensor

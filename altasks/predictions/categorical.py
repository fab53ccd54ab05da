"""One distribution over C exclusive classes per sample and member."""

from __future__ import annotations

from typing import ClassVar, Self

import torch
from torch import Tensor

from altasks._internal.tensor_checks import (
    as_features,
    as_float_tensor,
    as_members,
    require_finite,
    require_probability_rows,
    working_dtype,
)
from altasks.errors import invalid
from altasks.predictions._base import ArrayLike
from altasks.predictions._probabilities import ProbabilityPrediction


class Categorical(ProbabilityPrediction):
    """A distribution over C classes for each of N samples from each of K members.

    Args:
        probs: `[N, K, C]`, or `[N, C]` meaning K = 1. Rows are non-negative and sum to 1. Any
            stride and any floating type; NumPy arrays share their memory.
        features: `[N, d]` or None: the last layer's input, for functions that look at gradients.

    Raises:
        InvalidInputError: if a row is not a distribution (naming the first such row), if C < 2,
            or if the shapes don't fit.

    Example:
        >>> prediction = Categorical([[0.7, 0.2, 0.1], [0.4, 0.3, 0.3]])
        >>> prediction
        Categorical(N=2, K=1, C=3, float64, cpu)
        >>> len(prediction), prediction.members
        (2, 1)
    """

    __slots__ = ()
    _counted: ClassVar[str] = "classes"

    def __init__(self, probs: ArrayLike, features: ArrayLike | None = None) -> None:
        checked = _as_classes(as_float_tensor(probs, "probs"), "probs")
        require_probability_rows(checked, "probs")
        object.__setattr__(self, "probs", checked)
        object.__setattr__(self, "features", as_features(features, checked.shape[0]))

    @classmethod
    def from_logits(cls, logits: ArrayLike, features: ArrayLike | None = None) -> Self:
        """Return the softmax of `logits` `[N, K, C]` or `[N, C]`, in float32 or better.

        Right by construction, so only finiteness is checked.

        Raises:
            InvalidInputError: naming the first row with a NaN or an infinity.

        Example:
            >>> Categorical.from_logits([[0.0, 0.0]]).probs.tolist()
            [[[0.5, 0.5]]]
        """
        values = _as_classes(as_float_tensor(logits, "logits"), "logits")
        require_finite(values, "logits")
        probs = torch.softmax(values, -1, dtype=working_dtype(values.dtype))
        return cls._trusted(probs, as_features(features, probs.shape[0]))

    @property
    def classes(self) -> int:
        """C, the number of classes."""
        return self.probs.shape[2]


def _as_classes(tensor: Tensor, argument: str) -> Tensor:
    tensor = as_members(tensor, argument, "[N, K, C] or [N, C]")
    if tensor.shape[2] < 2:
        raise invalid(
            argument,
            "at least two classes in the last dim",
            f"C = {tensor.shape[2]}, shape {list(tensor.shape)}",
            hint="One probability per label is a `Bernoulli`; a one-class detector needs a "
            "background class.",
        )
    return tensor

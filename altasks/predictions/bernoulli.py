"""C independent yes/no labels per sample and member."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

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
from altasks.predictions._base import (
    ArrayLike,
    Prediction,
    RowIndex,
    join_optional,
    require_parts,
    resolve_rows,
    tensor_repr,
)


@dataclass(frozen=True, eq=False, repr=False, slots=True, init=False)
class Bernoulli(Prediction):
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

    probs: Tensor  # N x K x C
    features: Tensor | None  # N x d

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

    @classmethod
    def _trusted(cls, probs: Tensor, features: Tensor | None) -> Self:
        self = object.__new__(cls)
        object.__setattr__(self, "probs", probs)
        object.__setattr__(self, "features", features)
        return self

    @property
    def members(self) -> int:
        """K, the size of the committee."""
        return self.probs.shape[1]

    @property
    def labels(self) -> int:
        """C, the number of labels."""
        return self.probs.shape[2]

    @property
    def mean_probs(self) -> Tensor:
        """The committee's average, `[N, C]`, in float32 or better."""
        return self.probs.mean(1, dtype=working_dtype(self.probs.dtype))

    def __len__(self) -> int:
        """Return N, the number of samples."""
        return self.probs.shape[0]

    def __getitem__(self, index: RowIndex) -> Self:
        """Return the prediction of some samples; an int gives a prediction of length one."""
        rows = resolve_rows(index, len(self), self.probs.device)
        features = None if self.features is None else self.features[rows]
        return self._trusted(self.probs[rows], features)

    def to(self, device: torch.device | str) -> Self:
        """Return the prediction with its tensors on `device`."""
        features = None if self.features is None else self.features.to(device)
        return self._trusted(self.probs.to(device), features)

    @classmethod
    def cat(cls, parts: Sequence[Self]) -> Self:
        """Return the samples of all `parts`, in order."""
        require_parts(parts, cls.__name__)
        for i, part in enumerate(parts):
            if part.labels != parts[0].labels:
                raise invalid(
                    "parts",
                    f"{parts[0].labels} labels as in part 0",
                    f"{part.labels}",
                    where=f"part {i}",
                )
        return cls._trusted(
            torch.cat([part.probs for part in parts]),
            join_optional("features", [part.features for part in parts]),
        )

    def __repr__(self) -> str:
        return tensor_repr("Bernoulli", self.probs, "NKC")


def _as_labels(tensor: Tensor, argument: str) -> Tensor:
    tensor = as_members(tensor, argument, "[N, K, C] or [N, C]")
    if tensor.shape[2] < 1:
        raise invalid(argument, "at least one label in the last dim", "none")
    return tensor

"""The common base of predictions of probabilities: exclusive classes or independent labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import torch
from torch import Tensor

from altasks._internal.tensor_checks import working_dtype
from altasks.errors import invalid
from altasks.predictions._base import (
    Prediction,
    RowIndex,
    join_optional,
    require_parts,
    resolve_rows,
    tensor_repr,
)


@dataclass(frozen=True, eq=False, repr=False, slots=True, init=False)
class ProbabilityPrediction(Prediction):
    """Probabilities `[N, K, C]`, and features `[N, d]` or None.

    A subclass checks what it is given, and says what its C are called.
    """

    probs: Tensor  # N x K x C
    features: Tensor | None  # N x d
    #: The plural of what the last dim counts, in messages.
    _counted: ClassVar[str] = "classes"

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
        width = parts[0].probs.shape[2]
        for i, part in enumerate(parts):
            if part.probs.shape[2] != width:
                raise invalid(
                    "parts",
                    f"{width} {cls._counted} as in part 0",
                    f"{part.probs.shape[2]}",
                    where=f"part {i}",
                )
        return cls._trusted(
            torch.cat([part.probs for part in parts]),
            join_optional("features", [part.features for part in parts]),
        )

    def __repr__(self) -> str:
        return tensor_repr(type(self).__name__, self.probs, "NKC")

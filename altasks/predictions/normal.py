"""A mean and a variance for each of T targets per sample and member."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from altasks._internal.tensor_checks import as_float_tensor, first_bad, place, require_finite
from altasks.errors import InvalidInputError, invalid
from altasks.predictions._base import (
    ArrayLike,
    Prediction,
    RowIndex,
    require_parts,
    resolve_rows,
    tensor_repr,
)


@dataclass(frozen=True, eq=False, repr=False, slots=True, init=False)
class Normal(Prediction):
    """A normal distribution for each of T targets of N samples from each of K members.

    Args:
        mean: `[N, K, T]`, or `[N, T]` meaning K = 1, or `[N]` meaning K = T = 1; in the targets'
            units.
        variance: as `mean`, in the targets' units squared; zero is allowed (a member without a
            variance of its own).
        scale: `[T]` or None: the standard deviation of each target. Scores average over targets
            in standardised units, that is after dividing by it. None: the targets are
            standardised already, or there is one and the unit does not matter.

    Raises:
        InvalidInputError: for a negative variance, NaN, or shapes that don't fit.

    Example:
        >>> Normal(mean=[1.0, 2.0], variance=[0.1, 0.4])
        Normal(N=2, K=1, T=1, float64, cpu)
    """

    mean: Tensor  # N x K x T
    variance: Tensor  # N x K x T
    scale: Tensor | None  # T

    def __init__(
        self, mean: ArrayLike, variance: ArrayLike, scale: ArrayLike | None = None
    ) -> None:
        means = as_float_tensor(mean, "mean")
        variances = as_float_tensor(variance, "variance")
        if means.shape != variances.shape:
            raise invalid(
                "variance",
                f"the shape of mean, {list(means.shape)}",
                f"shape {list(variances.shape)}",
            )
        means, variances = _as_targets(means, "mean"), _as_targets(variances, "variance")
        require_finite(means, "mean")
        require_finite(variances, "variance")
        if variances.numel() and float(variances.amin()) < 0:
            index = first_bad(variances < 0)
            raise invalid(
                "variance",
                "values of at least 0",
                f"{float(variances[index]):.4g}",
                where=place(index, variances.shape[1]),
                hint="A network's raw output needs a softplus or an exp to be a variance.",
            )
        object.__setattr__(self, "mean", means)
        object.__setattr__(self, "variance", variances)
        object.__setattr__(self, "scale", _as_scale(scale, means.shape[2]))

    @classmethod
    def _trusted(cls, mean: Tensor, variance: Tensor, scale: Tensor | None) -> Self:
        self = object.__new__(cls)
        object.__setattr__(self, "mean", mean)
        object.__setattr__(self, "variance", variance)
        object.__setattr__(self, "scale", scale)
        return self

    @property
    def members(self) -> int:
        """K, the size of the committee."""
        return self.mean.shape[1]

    @property
    def targets(self) -> int:
        """T, the number of targets."""
        return self.mean.shape[2]

    def __len__(self) -> int:
        """Return N, the number of samples."""
        return self.mean.shape[0]

    def __getitem__(self, index: RowIndex) -> Self:
        """Return the prediction of some samples; an int gives a prediction of length one."""
        rows = resolve_rows(index, len(self), self.mean.device)
        return self._trusted(self.mean[rows], self.variance[rows], self.scale)

    def to(self, device: torch.device | str) -> Self:
        """Return the prediction with its tensors on `device`."""
        scale = None if self.scale is None else self.scale.to(device)
        return self._trusted(self.mean.to(device), self.variance.to(device), scale)

    @classmethod
    def cat(cls, parts: Sequence[Self]) -> Self:
        """Return the samples of all `parts`, in order; their scales must be equal."""
        require_parts(parts, cls.__name__)
        first = parts[0]
        for i, part in enumerate(parts):
            if part.targets != first.targets:
                raise invalid(
                    "parts",
                    f"{first.targets} targets as in part 0",
                    f"{part.targets}",
                    where=f"part {i}",
                )
            same = (part.scale is None) == (first.scale is None) and (
                part.scale is None or first.scale is None or torch.equal(part.scale, first.scale)
            )
            if not same:
                raise InvalidInputError(f"parts: part {i} has another `scale` than part 0.")
        return cls._trusted(
            torch.cat([part.mean for part in parts]),
            torch.cat([part.variance for part in parts]),
            first.scale,
        )

    def __repr__(self) -> str:
        return tensor_repr("Normal", self.mean, "NKT")


def _as_targets(tensor: Tensor, argument: str) -> Tensor:
    if tensor.ndim == 1:
        tensor = tensor[:, None, None]
    elif tensor.ndim == 2:
        tensor = tensor[:, None, :]
    if tensor.ndim != 3:
        raise invalid(argument, "shape [N, K, T], [N, T] or [N]", f"shape {list(tensor.shape)}")
    if tensor.shape[1] == 0 or tensor.shape[2] == 0:
        raise invalid(argument, "at least one member and one target", f"shape {list(tensor.shape)}")
    return tensor


def _as_scale(value: ArrayLike | None, targets: int) -> Tensor | None:
    if value is None:
        return None
    scale = as_float_tensor(value, "scale")
    if scale.shape != (targets,):
        raise invalid("scale", f"shape [{targets}]", f"shape {list(scale.shape)}")
    require_finite(scale, "scale")
    if float(scale.amin()) <= 0:
        index = first_bad(scale <= 0)
        raise invalid(
            "scale", "values above 0", f"{float(scale[index]):.4g}", where=f"target {index[0]}"
        )
    return scale

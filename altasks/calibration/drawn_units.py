"""Units with their targets, drawn from more than memory should hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from altasks.calibration.targets import UNKNOWN
from altasks.errors import invalid
from altasks.predictions import Bernoulli, Categorical

#: Of more units so many are drawn: a temperature is one number.
MOST = 100_000


class DrawnUnits:
    """A uniform draw of units whose targets are known, from pieces that come one by one.

    Each unit gets a random number and those of the smallest are kept, so that the draw doesn't
    depend on how many there will be. Units come in the same order each time, so a model's
    temperature is always that of the same ones.

    Args:
        most: how many are kept.

    Example:
        >>> drawn = DrawnUnits(most=2)
        >>> for _ in range(3):
        ...     drawn.add(Categorical([[0.5, 0.5], [0.25, 0.75]]), [-1, 1])
        >>> units, targets = drawn.all()
        >>> units.probs.tolist(), targets.tolist()
        ([[[0.25, 0.75]], [[0.25, 0.75]]], [1, 1])
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._rng = np.random.default_rng(0)
        self._kind: type[Categorical | Bernoulli] | None = None
        self._parts: list[tuple[np.ndarray, Tensor, Tensor]] = []  # their numbers, M x K x C, M x .
        self._held = 0

    def add(self, units: Categorical | Bernoulli, targets: Any) -> None:
        """Take some units.

        Args:
            units: M of them.
            targets: `[M]`, or `[M, C]` of 0 and 1 for a `Bernoulli`; -1 where it isn't known.

        Raises:
            InvalidInputError: for another number of targets than of units.
        """
        right = torch.as_tensor(targets).cpu()
        if right.ndim < 1 or len(right) != len(units):
            raise invalid(
                "targets", f"one for each of {len(units)} units", f"shape {list(right.shape)}"
            )
        self._kind = type(units)
        known = (right[:, None] != UNKNOWN).flatten(1).any(1).numpy()
        numbers = np.where(known, self._rng.random(len(right)), np.inf)
        if self._parts and not known.any():
            return
        kept = np.flatnonzero(known)
        if len(kept) > self._most:
            kept = np.sort(np.argpartition(numbers, self._most)[: self._most])
        self._take(numbers[kept], units.probs, right, torch.from_numpy(kept))

    def _take(self, numbers: np.ndarray, probs: Tensor, right: Tensor, kept: Tensor) -> None:
        # Copies: a piece of a large map must not keep all of it alive.
        self._parts.append((numbers, probs[kept.to(probs.device)].cpu(), right[kept]))
        self._held += len(kept)
        if self._held > 2 * self._most:
            self._parts = [self._smallest()]
            self._held = len(self._parts[0][0])

    def _smallest(self) -> tuple[np.ndarray, Tensor, Tensor]:
        numbers = np.concatenate([one for one, _, _ in self._parts])
        probs = torch.cat([one for _, one, _ in self._parts])
        right = torch.cat([one for _, _, one in self._parts])
        if len(numbers) <= self._most:
            return numbers, probs, right
        kept = np.sort(np.argpartition(numbers, self._most)[: self._most])
        rows = torch.from_numpy(kept)
        return numbers[kept], probs[rows], right[rows]

    def all(self) -> tuple[Categorical | Bernoulli, Tensor]:
        """Return the units that were drawn, and their targets, in the order they came.

        Raises:
            InvalidInputError: if there was no unit.
        """
        if self._kind is None:
            raise invalid("samples", "at least one with a unit (a word, a box, a pixel)", "none")
        _, probs, right = self._smallest()
        return self._kind._trusted(probs, None), right

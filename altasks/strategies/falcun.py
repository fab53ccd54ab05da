"""Batches drawn by doubt and by distance in the space of class probabilities: no embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from altasks._internal.numbers import require_real
from altasks.errors import invalid
from altasks.strategies._arrays import blocks, hash_order, read_finite
from altasks.strategies._last_layer import require_exclusive
from altasks.strategies.base import Candidates, check_request

#: Numbers in a block, in float64: it stays in the cache while it is read three times.
_TILE = 2**18


class Falcun:
    """Draw doubtful samples whose predictions are unlike those drawn before.

    Gilhuber, Beer, Ma and Seidl (2024), "FALCUN: A Simple and Efficient Deep Active Learning
    Strategy", ECML PKDD, equations 1 to 6. With p the mean probabilities, u = 1 - (p_1 - p_2) is
    the doubt of a sample. Its distance d starts as u; after each pick it becomes min(d, |p - p'|_1)
    to the pick, then all are shifted and scaled to [0, 1]. The next is drawn in proportion to
    (u + d)^gamma. Once every candidate left has u + d = 0, each is as likely.

    For exclusive classes. Scores and embeddings are not read. The draws don't depend on the order
    of the pool: the candidates lie along the line from which they are drawn in the order of a
    seeded hash of their ids. O(N C n) time, one copy of the probabilities and O(N) beside it.

    Args:
        gamma: at least 0. 0 draws uniformly; the larger, the more surely the largest is taken.

    Raises:
        InvalidInputError: if `gamma` is below 0 or not finite, or naming the first row of
            `mean_probs` that isn't a distribution.

    Example:
        >>> import numpy as np
        >>> probs = np.array([[0.5, 0.5, 0.0], [0.5, 0.5, 0.0], [0.0, 0.5, 0.5], [1.0, 0.0, 0.0]])
        >>> candidates = Candidates(["a", "copy of a", "b", "sure"], np.zeros(4), mean_probs=probs)
        >>> picks = Falcun().select(candidates, 2, rng=np.random.default_rng(0))
        >>> "b" in picks, "sure" in picks
        (True, False)
    """

    needs: ClassVar[frozenset[str]] = frozenset({"mean_probs"})
    reads_scores: ClassVar[bool] = False

    def __init__(self, gamma: float = 10.0) -> None:
        self.gamma = require_real("gamma", gamma, least=0)

    def select(self, candidates: Candidates, n: int, *, rng: np.random.Generator) -> list[str]:
        """Return `n` ids in the order drawn."""
        n = check_request(self, candidates, n)
        if n == 0:
            return []
        order = hash_order(candidates.ids, rng)
        probs = read_finite(candidates.mean_probs, order, candidates.ids, "mean_probs")  # N x C
        doubt = self._doubts(probs, order, candidates.ids)
        distance = doubt.copy()
        left = np.ones(len(order), dtype=bool)
        picks: list[int] = []
        while len(picks) < n:
            if picks:
                np.minimum(distance, _distances(probs, picks[-1]), out=distance)
                distance -= distance.min()
                most = distance.max()
                if most > 0:
                    distance /= most
            picks.append(self._draw(doubt + distance, left, rng))
            left[picks[-1]] = False
        return [candidates.ids[i] for i in order[picks].tolist()]

    @staticmethod
    def _doubts(probs: Tensor, order: np.ndarray, ids: Sequence[str]) -> np.ndarray:
        """Return 1 - (p_1 - p_2), `[N]` float64, of rows that are checked to be distributions."""
        if probs.shape[1] < 2:
            raise invalid(
                "candidates.mean_probs", "at least two classes", f"shape {list(probs.shape)}"
            )
        doubts = np.empty(len(probs))
        for part in blocks(len(probs), probs.shape[1], _TILE):
            block = probs[part].to(torch.float64)
            negative = (block < 0).any(1)
            if bool(negative.any()):
                place = int(negative.nonzero()[0])
                raise invalid(
                    "candidates.mean_probs",
                    "probabilities of at least 0",
                    f"{float(block[place].min()):.4g}",
                    where=f"id {ids[int(order[part][place])]!r}",
                )
            hint = "For independent labels take another strategy, such as Badge."
            require_exclusive(block, order[part], ids, hint)
            best = block.topk(2, 1).values
            doubts[part] = (1 - (best[:, 0] - best[:, 1])).clamp(min=0).cpu().numpy()
        return doubts

    def _draw(self, worth: np.ndarray, left: np.ndarray, rng: np.random.Generator) -> int:
        """Return a row that is left, drawn in proportion to worth^gamma."""
        weights = left.astype(np.float64)
        most = worth[left].max()
        if most > 0:
            # By way of logarithms, of the largest as the unit: a power may leave the range.
            with np.errstate(divide="ignore"):
                logs = np.log(worth / most)
            weights[left] = np.exp(self.gamma * logs[left]) if self.gamma else 1.0
        ends = weights.cumsum()
        row = int(np.searchsorted(ends, rng.random() * ends[-1], side="right"))
        # Where rounding reaches the very end: the last row with a weight.
        return row if row < len(ends) else int(np.flatnonzero(weights)[-1])


def _distances(probs: Tensor, row: int) -> np.ndarray:
    """Return the sums of absolute differences from one row to all, `[N]` float64."""
    found = np.empty(len(probs))
    pick = probs[row].to(torch.float64)
    for part in blocks(len(probs), probs.shape[1], _TILE):
        block = probs[part].to(torch.float64)
        found[part] = (block - pick).abs_().sum(1).cpu().numpy()
    return found

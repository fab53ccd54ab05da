"""Batches that are uncertain and diverse: k-means++ seeding in the space of gradients."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
import torch

from altasks.errors import invalid
from altasks.strategies._arrays import Rows, Ties, require_finite
from altasks.strategies._sampling import race
from altasks.strategies.base import Candidates, check_request

#: A squared distance below this share of the two squared lengths is rounding: the same gradient.
SAME = 1e-12


class _Gradients:
    """Gradients g_i = a_i (x) h_i, of which only the factors are kept, and distances of them.

    |g_i - g_j|^2 = |a_i|^2 |h_i|^2 + |a_j|^2 |h_j|^2 - 2 <a_i, a_j> <h_i, h_j>, in float64.
    """

    def __init__(self, inner: Rows, outer: Rows | None, scale: np.ndarray | None) -> None:
        self.inner, self.outer, self.scale = inner, outer, scale
        self.picked_inner: list[torch.Tensor] = []
        self.picked_outer: list[torch.Tensor] = []
        self.square = np.empty(len(inner))  # |g_i|^2

    def measure(self, ids: list[str]) -> None:
        """Fill `square`, in one pass over the pool."""
        for start, stop, block in self.inner.blocks():
            square = block.to(torch.float64).square().sum(1)
            require_finite(square, "candidates.embeddings", ids[start:stop])
            if self.outer is not None:
                outer = self._outer(self.outer.slice(start, stop, torch.float64))
                factor = outer.square_().sum(1)
                require_finite(factor, "candidates.mean_probs", ids[start:stop])
                square *= factor.to(square.device)
            self.square[start:stop] = square.cpu().numpy()
        if self.scale is not None:
            self.square *= self.scale**2

    @staticmethod
    def _outer(probs: torch.Tensor) -> torch.Tensor:
        """Return p - onehot(argmax p), the loss's gradient by the logits, as a new tensor."""
        top = torch.zeros_like(probs).scatter_(1, probs.argmax(1, keepdim=True), 1.0)
        return probs - top

    def _take(self, rows: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        index = torch.from_numpy(rows)
        inner = self.inner.take(index.to(self.inner.device), torch.float64)
        if self.scale is not None:
            inner *= torch.from_numpy(self.scale[rows]).to(inner.device)[:, None]
        if self.outer is None:
            return inner, inner[:, :0]
        outer = self._outer(self.outer.take(index.to(self.outer.device), torch.float64))
        return inner, outer.to(inner.device)

    def add(self, row: int) -> None:
        """Make the gradient of `row` a centre."""
        inner, outer = self._take(np.array([row]))
        self.picked_inner.append(inner[0])
        self.picked_outer.append(outer[0])

    def weigh(self, picks: list[int], rows: np.ndarray, last: np.ndarray, since: int) -> np.ndarray:
        """Return squared distances to the nearest centre, after each of the picks from `since`."""
        inner, outer = self._take(rows)
        cross = inner @ torch.stack(self.picked_inner[since:]).T  # rows x new centres
        if self.outer is not None:
            cross *= outer @ torch.stack(self.picked_outer[since:]).T
        total = self.square[rows][:, None] + self.square[picks[since:]]
        far = total - 2 * cross.cpu().numpy()
        far[far < SAME * total] = 0
        nearest: np.ndarray = np.minimum.accumulate(np.minimum(far, last[:, None]), axis=1)
        return nearest

    def select(self, candidates: Candidates, n: int, rng: np.random.Generator) -> list[str]:
        """Return `n` ids: the longest gradient, then k-means++ draws, then what is left."""
        ties = Ties(candidates.ids, rng)
        if n == 0:
            return []
        self.measure(list(candidates.ids))
        longest = self.square.max()
        picks = [ties.first(np.flatnonzero(self.square >= longest * (1 - SAME)))]
        self.add(picks[0])
        race(
            candidates.ids,
            (np.sqrt(self.square) + np.sqrt(longest)) ** 2,  # the triangle inequality
            picks,
            n,
            lambda rows, last, since: self.weigh(picks, rows, last, since),
            self.add,
            rng,
        )
        return [candidates.ids[i] for i in ties.fill(picks, n)]


class Badge:
    """k-means++ seeding over the gradients that the predicted labels would give.

    Ash, Zhang, Krishnamurthy, Langford and Agarwal (2020), "Deep Batch Active Learning by Diverse,
    Uncertain Gradient Lower Bounds", algorithm 1. The gradient of the cross-entropy by the last
    layer's weights, with the most probable class as the label, is the outer product of
    p - onehot(argmax p) and the embedding. As in the authors' code the first pick is the longest
    gradient; each next one is drawn with probability proportional to the squared distance to the
    nearest pick.

    Gradients are never formed: their inner products factorise, so memory is O(N) beside the
    candidates, and only the samples that are about to be drawn are compared with the picks (the
    probabilities are exact). The seed and the id decide a draw, not the row. Samples whose gradient
    equals a pick's have probability 0: when nothing else is left, they follow in the order of a
    seeded hash. Scores are not read; neither are labelled samples, as in the paper.

    Raises:
        InvalidInputError: if embeddings or mean_probs are not finite.

    Example:
        >>> import numpy as np
        >>> candidates = Candidates(
        ...     ["a", "copy of a", "b"],
        ...     np.zeros(3),
        ...     embeddings=np.array([[3.0, 0.0], [3.0, 0.0], [0.0, 1.0]]),
        ...     mean_probs=np.array([[0.5, 0.5], [0.5, 0.5], [0.6, 0.4]]),
        ... )
        >>> Badge().select(candidates, 2, rng=np.random.default_rng(0))[1]
        'b'
    """

    needs: ClassVar[frozenset[str]] = frozenset({"embeddings", "mean_probs"})
    reads_scores: ClassVar[bool] = False

    def select(self, candidates: Candidates, n: int, *, rng: np.random.Generator) -> list[str]:
        """Return `n` ids in the order drawn."""
        n = check_request(self, candidates, n)
        gradients = _Gradients(Rows(candidates.embeddings), Rows(candidates.mean_probs), None)
        return gradients.select(candidates, n, rng)


class BadgeRegression:
    """BADGE for regression: k-means++ seeding over last-layer gradients of the output.

    With the prediction as the label the gradient of a squared error is 0, so regression needs
    another: `scale="none"` takes the gradient of the output by the last layer's weights, which is
    the embedding (the last-layer kernel with k-means++ of Holzmüller, Zaverkin, Kästner and
    Steinwart 2023, "A Framework and Benchmark for Deep Batch Active Learning for Regression");
    `scale="score"` reads the scores as predictive variances and takes sqrt(score) times the
    embedding, whose square is the expected squared gradient when the label is drawn from the
    prediction. Everything else is as in `Badge`.

    Args:
        scale: `"none"` or `"score"`.

    Raises:
        InvalidInputError: for another scale, embeddings that are not finite, or a negative score
            where scores are read as variances.

    Example:
        >>> import numpy as np
        >>> candidates = Candidates(["a", "b"], [0.1, 4.0], embeddings=np.ones((2, 3)))
        >>> BadgeRegression(scale="score").select(candidates, 1, rng=np.random.default_rng(0))
        ['b']
    """

    needs: ClassVar[frozenset[str]] = frozenset({"embeddings"})

    def __init__(self, scale: Literal["none", "score"] = "none") -> None:
        if scale not in ("none", "score"):
            raise invalid("scale", "'none' or 'score'", f"{scale!r}")
        self.scale = scale
        self.reads_scores = scale == "score"

    def select(self, candidates: Candidates, n: int, *, rng: np.random.Generator) -> list[str]:
        """Return `n` ids in the order drawn."""
        n = check_request(self, candidates, n)
        scale = None
        if self.scale == "score":
            if len(candidates) and candidates.values.min() < 0:
                row = int(candidates.values.argmin())
                raise invalid(
                    "candidates.values",
                    "variances of at least 0",
                    f"{candidates.values[row]:.4g}",
                    where=f"id {candidates.ids[row]!r}",
                    hint="Use scale='none', or an acquisition such as 'variance'.",
                )
            scale = np.sqrt(candidates.values)
        return _Gradients(Rows(candidates.embeddings), None, scale).select(candidates, n, rng)

"""Batches in which every sample of the pool has something like itself."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from altasks._internal.numbers import require_whole
from altasks.strategies._arrays import BLOCK, Rows, Ties, unit_rows
from altasks.strategies._lazy_greedy import lazy_greedy
from altasks.strategies.base import Candidates, check_request


class FacilityLocation:
    """Greedily maximise how similar each sample is to the most similar one taken.

    The facility-location function f(S) = sum over the pool of max over S of the cosine similarity
    (none below 0), S being what is labelled, asked or picked; Wei, Iyer and Bilmes (2015),
    "Submodularity in Data Subset Selection and Active Learning", use it to choose batches. It is
    monotone and submodular, so the greedy batch reaches 1 - 1/e of the best (Nemhauser, Wolsey and
    Fisher 1978), and gains of earlier picks bound later ones: most are computed once. Scores are
    not read.

    All N x N similarities are computed, in blocks and never kept, up to `exact_up_to` candidates:
    the picks are then those of the plain greedy algorithm. Beyond, the sum runs over `sample`
    candidates drawn by the seeded hash, so that time and memory are O(N); every candidate can still
    be picked, but the picks are the greedy algorithm's for an estimate of f.

    Gains are compared in float64 and are equal only to its rounding; float32 finds out which few
    have to be known so exactly.

    Args:
        exact_up_to: the largest pool over the whole of which the sum runs.
        sample: how many stand for a larger pool.

    Raises:
        InvalidInputError: for a number below 1, or embeddings that are not finite.

    Example:
        >>> import numpy as np
        >>> candidates = Candidates(
        ...     ["alone", "crowd 1", "crowd 2"],
        ...     np.zeros(3),
        ...     embeddings=np.array([[1.0, 0.0], [0.0, 1.0], [0.1, 1.0]]),
        ...     labelled_embeddings=np.empty((0, 2)),
        ...     pending_embeddings=np.empty((0, 2)),
        ... )
        >>> FacilityLocation().select(candidates, 2, rng=np.random.default_rng(0))
        ['crowd 2', 'alone']
    """

    needs: ClassVar[frozenset[str]] = frozenset(
        {"embeddings", "labelled_embeddings", "pending_embeddings"}
    )
    reads_scores: ClassVar[bool] = False

    def __init__(self, exact_up_to: int = 20_000, sample: int = 2_000) -> None:
        self.exact_up_to = require_whole("exact_up_to", exact_up_to, 1)
        self.sample = require_whole("sample", sample, 1)

    def select(self, candidates: Candidates, n: int, *, rng: np.random.Generator) -> list[str]:
        """Return `n` ids, each the one that adds most to those before it."""
        n = check_request(self, candidates, n)
        ties = Ties(candidates.ids, rng)
        if n == 0:
            return []
        pool = unit_rows(candidates.embeddings, "candidates.embeddings", candidates.ids)
        represented = np.arange(len(pool))
        if len(pool) > self.exact_up_to:
            represented = ties.order(represented)[: self.sample]
        with torch.inference_mode():
            cover = _Cover(pool, represented)
            for name in ("labelled_embeddings", "pending_embeddings"):
                array = getattr(candidates, name)
                cover.start(unit_rows(array, f"candidates.{name}", device=pool.device))
            picks = lazy_greedy(
                np.full(len(pool), np.inf),
                n,
                cover.gains,
                cover.add,
                ties,
                equal=cover.rounding(torch.float64),
                size=min(cover.step, 256),
                rough=cover.rough_gains if pool.dtype == torch.float32 else None,
                error=cover.rounding(torch.float32),
                may_give_up=True,
            )
        return [candidates.ids[row] for row in picks]


class _Cover:
    """How similar each represented sample is to the most similar one taken, at least 0."""

    def __init__(self, pool: Rows, represented: np.ndarray) -> None:
        self.pool = pool
        index = torch.from_numpy(represented).to(pool.device)
        self.targets = pool.take(index, torch.float64)
        self.covered = torch.zeros(len(index), dtype=torch.float64, device=pool.device)
        # The same in float32, to find the best candidates by; of no use where the pool is float64.
        narrow = pool.dtype == torch.float32
        self.rough_targets = pool.take(index) if narrow else self.targets
        self.rough_covered = self.covered.to(pool.dtype)
        self.step = max(1, BLOCK // len(index))

    def rounding(self, dtype: torch.dtype) -> float:
        """Return a bound on the rounding of a gain that is computed in `dtype`.

        A sum of d products of numbers of length 1 is off by about sqrt(d) units in the last place
        (Higham and Mary 2019, "A New Approach to Probabilistic Rounding Error Analysis"), the
        scaling of both rows by a few more, and the gain is a sum of such.
        """
        return float((16 + self.pool.width**0.5) * torch.finfo(dtype).eps * len(self.targets))

    def start(self, taken: Rows) -> None:
        """Count what is labelled or asked as taken."""
        for first in range(0, len(taken), self.step):
            part = taken.slice(first, min(first + self.step, len(taken)), torch.float64)
            alike = (part @ self.targets.T).amax(0)
            self.covered = torch.maximum(self.covered, alike)
        self.rough_covered = self.covered.to(self.rough_targets.dtype)

    def add(self, row: int) -> None:
        """Count the candidate at `row` as taken."""
        picked = self.pool.take(torch.tensor([row], device=self.pool.device), torch.float64)[0]
        torch.maximum(self.covered, self.targets @ picked, out=self.covered)
        self.rough_covered.copy_(self.covered)

    def gains(self, rows: np.ndarray) -> np.ndarray:
        """Return how much the sum of similarities would grow with each of `rows`."""
        return self._gains(rows, self.targets, self.covered)

    def rough_gains(self, rows: np.ndarray) -> np.ndarray:
        """Return the same, computed in float32."""
        return self._gains(rows, self.rough_targets, self.rough_covered)

    def _gains(self, rows: np.ndarray, targets: Tensor, covered: Tensor) -> np.ndarray:
        block = self.pool.take(torch.from_numpy(rows).to(self.pool.device), targets.dtype)
        more = (block @ targets.T).sub_(covered).clamp_min_(0)  # rows x targets
        found: np.ndarray = more.sum(1, dtype=torch.float64).cpu().numpy()
        return found

"""Batches in which every sample of the pool has something like itself."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch

from altasks._internal.numbers import require_whole
from altasks.strategies._blocks import Ties, unit_rows
from altasks.strategies._lazy_greedy import lazy_greedy
from altasks.strategies.base import Candidates, check_request

#: Mean similarities that differ by less are equal, and the hash decides.
EQUAL = 1e-6


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
            targets = pool.take(torch.from_numpy(represented).to(pool.device))
            cover = torch.zeros(len(targets), dtype=pool.dtype, device=pool.device)
            step = max(1, 2**22 // len(targets))
            for name in ("labelled_embeddings", "pending_embeddings"):
                array = getattr(candidates, name)
                taken = unit_rows(array, f"candidates.{name}", device=pool.device)
                for start in range(0, len(taken), step):
                    part = taken.slice(start, min(start + step, len(taken))).to(targets)
                    cover = torch.maximum(cover, (part @ targets.T).amax(0))

            def gains(rows: np.ndarray) -> np.ndarray:
                block = pool.take(torch.from_numpy(rows).to(pool.device))
                more = (block @ targets.T).sub_(cover).clamp_min_(0)  # rows x targets
                found: np.ndarray = more.sum(1, dtype=torch.float64).cpu().numpy()
                return found

            def add(row: int) -> None:
                picked = pool.take(torch.tensor([row], device=pool.device))[0]
                torch.maximum(cover, targets @ picked, out=cover)

            picks = lazy_greedy(
                np.full(len(pool), np.inf),
                n,
                gains,
                add,
                ties,
                equal=EQUAL * len(targets),
                size=min(step, 256),
            )
        return [candidates.ids[row] for row in picks]

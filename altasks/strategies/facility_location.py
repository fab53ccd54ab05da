"""Batches in which every sample of the pool has something like itself."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
import torch

from altasks._internal.numbers import require_whole
from altasks.errors import invalid
from altasks.strategies._arrays import Ties, unit_rows
from altasks.strategies._by_gain import COVERING, PicksByGain
from altasks.strategies._coverage import draw, greedy_coverage
from altasks.strategies._radius import median_distance, require_radius
from altasks.strategies.base import Candidates, check_request


class FacilityLocation(PicksByGain):
    """Greedily maximise how similar each sample is to the most similar one taken.

    The facility-location function f(S) = sum over the pool of max over S of the similarity, S being
    what is labelled, asked or picked; Wei, Iyer and Bilmes (2015), "Submodularity in Data Subset
    Selection and Active Learning", use it to choose batches. It is monotone and submodular, so the
    greedy batch reaches 1 - 1/e of the best (Nemhauser, Wolsey and Fisher 1978), and gains of
    earlier picks bound later ones: most are computed once. Scores are not read.

    Similar is the cosine, none below 0, or with `similarity="rbf"` the Gaussian kernel
    exp(-|x - s|^2 / radius^2) of embeddings scaled to length 1, which is `MaxHerding`.

    All N x N similarities are computed, in blocks and never kept, up to `exact_up_to` candidates:
    the picks are then those of the plain greedy algorithm. Beyond, the sum runs over `sample`
    candidates drawn by the seeded hash, so that time and memory are O(N), and the picks are the
    greedy algorithm's for an estimate of f; of more than 250,000 candidates, 250,000 drawn ones may
    be picked.

    Gains are compared in float64 and are equal only to its rounding; float32 finds out which few
    have to be known so exactly.

    Args:
        exact_up_to: the largest pool over the whole of which the sum runs.
        sample: how many stand for a larger pool.
        similarity: `"cosine"` or `"rbf"`.
        radius: of the Gaussian, at least 0.001; None takes the median distance between (up to 1,000
            drawn) candidates.
        per_cost: pick by gain per cost; then `costs` are needed.

    Raises:
        InvalidInputError: for an option out of range, or embeddings that are not finite.

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

    needs: frozenset[str] = COVERING
    reads_scores: ClassVar[bool] = False

    def __init__(
        self,
        exact_up_to: int = 20_000,
        sample: int = 2_000,
        *,
        similarity: Literal["cosine", "rbf"] = "cosine",
        radius: float | None = None,
        per_cost: bool = False,
    ) -> None:
        super().__init__(COVERING, per_cost)
        self.exact_up_to = require_whole("exact_up_to", exact_up_to, 1)
        self.sample = require_whole("sample", sample, 1)
        if similarity not in ("cosine", "rbf"):
            raise invalid("similarity", "'cosine' or 'rbf'", f"{similarity!r}")
        self.similarity = similarity
        if radius is not None:
            radius = require_radius("radius", radius, or_none=True)
            if similarity == "cosine":
                raise invalid("radius", "None with similarity='cosine'", f"{radius:g}")
        self.radius = radius

    def select(self, candidates: Candidates, n: int, *, rng: np.random.Generator) -> list[str]:
        """Return `n` ids, each the one that adds most to those before it."""
        n = check_request(self, candidates, n)
        ties = Ties(candidates.ids, rng)
        if n == 0:
            return []
        pool = unit_rows(candidates.embeddings, "candidates.embeddings", candidates.ids)
        with torch.inference_mode():
            radius = self.radius
            if radius is None and self.similarity == "rbf":
                radius = median_distance(pool, ties)
            drawn = draw(len(pool), None, n, ties, exact_up_to=self.exact_up_to, sample=self.sample)
            picks = greedy_coverage(
                pool,
                [
                    unit_rows(getattr(candidates, name), f"candidates.{name}", device=pool.device)
                    for name in ("labelled_embeddings", "pending_embeddings")
                ],
                drawn,
                n,
                ties,
                radius=radius,
                costs=self._costs(candidates),
            )
        return [candidates.ids[row] for row in picks]

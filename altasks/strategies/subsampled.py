"""See only part of the pool: for pools that are too large for the strategy inside."""

from __future__ import annotations

from typing import Literal

import numpy as np

from altasks._internal.numbers import require_whole
from altasks.errors import invalid
from altasks.strategies._arrays import hash_order, read_finite
from altasks.strategies._neighbours import nearest_rows
from altasks.strategies.base import Candidates, Strategy, check_request
from altasks.strategies.wrapping import as_strategy, reads_scores, select_inside, wants


class Subsampled:
    """Let a strategy pick among `size` candidates only, drawn or near the labelled samples.

    - `how="random"`: drawn uniformly, anew in each round.
    - `how="seals"`: the `neighbours` nearest candidates of each labelled sample (Coleman, Chou,
      Katz-Samuels, Culatana, Bailis, Berg, Nowak, Sumbaly, Zaharia and Yalniz 2022, "Similarity
      Search for Efficient Active Learning and Search of Rare Concepts", AAAI; 100 neighbours in
      the paper). If that is more than `size`, so many of them are drawn. As long as nothing is
      labelled, and for what is missing to a full batch, candidates are drawn from all.

    The strategy inside sees at least n candidates, so a batch is always full. Drawing costs a
    hash for each id, O(N). Neighbours cost O(L N d) by brute force; `search="faiss"` (the extra
    `faiss`) builds an index over the pool instead, O(N sqrt(N) d), and answers approximately.

    Args:
        strategy: the one inside, or its registered name.
        size: how many candidates it sees, at least 1.
        how: `"random"` or `"seals"`.
        neighbours: for each labelled sample, with seals.
        search: `"exact"` or `"faiss"`, with seals.

    Raises:
        InvalidInputError: for options out of range.
        MissingExtraError: for `search="faiss"` without faiss, at the first `select`.

    Example:
        >>> import numpy as np
        >>> candidates = Candidates([str(i) for i in range(1000)], np.arange(1000) / 1000)
        >>> picks = Subsampled("top_k", 100).select(candidates, 2, rng=np.random.default_rng(0))
        >>> int(picks[0]) > 900
        True
    """

    def __init__(
        self,
        strategy: Strategy | str,
        size: int,
        how: Literal["random", "seals"] = "random",
        *,
        neighbours: int = 100,
        search: Literal["exact", "faiss"] = "exact",
    ) -> None:
        self.strategy = as_strategy(strategy)
        if how not in ("random", "seals"):
            raise invalid("how", "'random' or 'seals'", f"{how!r}")
        if search not in ("exact", "faiss"):
            raise invalid("search", "'exact' or 'faiss'", f"{search!r}")
        self.size = require_whole("size", size, 1)
        self.how = how
        self.neighbours = require_whole("neighbours", neighbours, 1)
        self.search = search
        own = frozenset({"embeddings", "labelled_embeddings"} if how == "seals" else ())
        self.needs: frozenset[str] = self.strategy.needs | own
        self.wants = wants(self.strategy)
        self.reads_scores = reads_scores(self.strategy)

    def select(self, candidates: Candidates, n: int, *, rng: np.random.Generator) -> list[str]:
        """Return the `n` ids that the strategy inside picks of what it sees."""
        n = check_request(self, candidates, n)
        size = max(self.size, n)
        if n and size < len(candidates):
            order = hash_order(candidates.ids, rng)
            if self.how == "seals":
                order = self._near(candidates, order, n)
            candidates = candidates.take(order[:size])
        return select_inside(self.strategy, candidates, n, rng)

    def _near(self, candidates: Candidates, order: np.ndarray, n: int) -> np.ndarray:
        """Return the neighbours of the labelled samples in the order of `order`, at least n."""
        labelled = read_finite(candidates.labelled_embeddings, None, None, "labelled_embeddings")
        if not len(labelled):
            return order
        k = min(self.neighbours, len(order))
        found = nearest_rows(labelled, candidates.embeddings, order, k, search=self.search)
        near = np.zeros(len(order), dtype=bool)
        near[found[found >= 0]] = True
        if near.sum() < n:
            near[np.flatnonzero(~near)[: n - int(near.sum())]] = True
        return order[near]

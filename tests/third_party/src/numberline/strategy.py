"""Neither noise nor what is known."""

import numpy as np

from altasks.strategies import check_request, top_rows


class Middling:
    """Picks what scores nearest to a quantile of the scores.

    Args:
        quantile: 0.5 is the median.
    """

    needs = frozenset()

    def __init__(self, quantile=0.5):
        self.quantile = quantile

    def select(self, candidates, n, *, rng):
        n = check_request(self, candidates, n)
        if not n:
            return []
        nearness = -np.abs(candidates.values - np.quantile(candidates.values, self.quantile))
        rows = top_rows(nearness, candidates.ids, n, rng)
        return [candidates.ids[row] for row in rows.tolist()]

"""A quota for each predicted class, so that a rare class is asked about too."""

from __future__ import annotations

import numpy as np

from altasks.strategies._rows import read_rows
from altasks.strategies.base import Candidates, Strategy, check_request
from altasks.strategies.wrapping import as_strategy, reads_scores, select_inside


class Balanced:
    """Give each predicted class the same share of the batch; a strategy picks within each.

    The predicted class is the most probable one on the committee's average, the first of equals.
    A class with fewer candidates than its share gives the rest to the others, as evenly as
    possible; places that don't divide go to classes drawn by `rng`. The strategy sees one class
    at a time, so a diverse one keeps its picks apart within a class, not between classes.

    Args:
        strategy: the one inside, or its registered name.

    Example:
        >>> import numpy as np
        >>> candidates = Candidates(
        ...     list("abc"), [0.9, 0.8, 0.1],
        ...     mean_probs=np.array([[0.9, 0.1], [0.8, 0.2], [0.4, 0.6]]),
        ... )
        >>> sorted(Balanced("top_k").select(candidates, 2, rng=np.random.default_rng(0)))
        ['a', 'c']
    """

    def __init__(self, strategy: Strategy | str) -> None:
        self.strategy = as_strategy(strategy)
        self.needs: frozenset[str] = self.strategy.needs | {"mean_probs"}
        self.reads_scores = reads_scores(self.strategy)

    def select(self, candidates: Candidates, n: int, *, rng: np.random.Generator) -> list[str]:
        """Return `n` ids, the classes in turn, each class's best first."""
        n = check_request(self, candidates, n)
        if n == 0:
            return []
        assert candidates.mean_probs is not None
        predicted = read_rows(candidates.mean_probs).argmax(1).cpu().numpy()
        counts = np.bincount(predicted, minlength=candidates.mean_probs.shape[1])
        turn = rng.permutation(len(counts))
        quota = share_out(counts[turn], n)
        picks: list[list[str]] = []
        for label, places in zip(turn.tolist(), quota.tolist(), strict=True):
            if places:
                rows = np.flatnonzero(predicted == label)
                picks.append(select_inside(self.strategy, candidates.take(rows), places, rng))
        longest = max(len(names) for names in picks)
        return [names[i] for i in range(longest) for names in picks if i < len(names)]


def share_out(counts: np.ndarray, n: int) -> np.ndarray:
    """Return how many places each class gets of `n`: equal shares, none more than it has.

    Args:
        counts: `[C]`, how many candidates each class has; together at least `n`.
        n: places to give; what doesn't divide goes to the first classes that have more.

    Example:
        >>> share_out(np.array([10, 1, 10]), 6).tolist()
        [3, 1, 2]
    """
    places = np.zeros_like(counts)
    while (left := n - int(places.sum())) > 0:
        open_classes = np.flatnonzero(counts > places)
        each = max(left // len(open_classes), 1)
        takers = open_classes[:left]
        places[takers] += np.minimum(each, (counts - places)[takers])
    return places

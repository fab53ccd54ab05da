"""A quota for each predicted class, so that a rare class is asked about too."""

from __future__ import annotations

import heapq

import numpy as np

from altasks.strategies._arrays import read_rows
from altasks.strategies.base import Array, Candidates, Strategy, check_request
from altasks.strategies.wrapping import as_strategy, reads_scores, select_inside, wants


class Balanced:
    """Level the classes' totals: labelled, asked and picked; a strategy picks within each class.

    Each place of the batch goes to the predicted class with the fewest samples labelled, asked and
    picked so far that has candidates left, so that a class which is behind catches up first. The
    predicted class, also of what is labelled or asked, is the most probable one on the committee's
    average, the first of equals. Classes that are equal take their turn in an order drawn by `rng`.
    The strategy sees one class at a time, so a diverse one keeps its picks apart within a class,
    not between classes.

    What is labelled and asked is read from `labelled_probs` and `pending_probs`, which a loop
    fills; where they are None the batch alone is levelled.

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
        self.wants: frozenset[str] = wants(self.strategy) | {"labelled_probs", "pending_probs"}
        self.reads_scores = reads_scores(self.strategy)

    def select(self, candidates: Candidates, n: int, *, rng: np.random.Generator) -> list[str]:
        """Return `n` ids, the classes in turn, each class's best first."""
        n = check_request(self, candidates, n)
        if n == 0:
            return []
        assert candidates.mean_probs is not None
        classes = candidates.mean_probs.shape[1]
        predicted = _predicted(candidates.mean_probs)
        counts = np.bincount(predicted, minlength=classes)
        have = np.zeros(classes, dtype=np.int64)
        for probs in (candidates.labelled_probs, candidates.pending_probs):
            if probs is not None:
                have += np.bincount(_predicted(probs), minlength=classes)
        turn = rng.permutation(classes)
        quota = share_out(counts[turn], n, have[turn])
        picks: list[list[str]] = []
        for label, places in zip(turn.tolist(), quota.tolist(), strict=True):
            if places:
                rows = np.flatnonzero(predicted == label)
                picks.append(select_inside(self.strategy, candidates.take(rows), places, rng))
        longest = max(len(names) for names in picks)
        return [names[i] for i in range(longest) for names in picks if i < len(names)]


def _predicted(probs: Array) -> np.ndarray:
    """Return the most probable class of each row, `[rows]`; the first of equals."""
    return read_rows(probs).argmax(1).cpu().numpy()


def share_out(counts: np.ndarray, n: int, have: np.ndarray | None = None) -> np.ndarray:
    """Return how many of `n` places each class gets, so that the totals are as equal as can be.

    Args:
        counts: `[C]`, how many candidates each class has; together at least `n`.
        n: places to give, one after the other to the class that has the fewest, the first of
            equals.
        have: `[C]`, how many each class has already; none if None.

    Example:
        >>> share_out(np.array([10, 1, 10]), 6).tolist()
        [3, 1, 2]
        >>> share_out(np.array([10, 10, 10]), 6, np.array([5, 0, 3])).tolist()
        [0, 5, 1]
    """
    places = np.zeros_like(counts)
    totals = np.zeros_like(counts) if have is None else have
    queue = [(int(totals[c]), c) for c in range(len(counts)) if counts[c]]
    heapq.heapify(queue)
    for _ in range(n):
        total, label = heapq.heappop(queue)
        places[label] += 1
        if places[label] < counts[label]:
            heapq.heappush(queue, (total + 1, label))
    return places

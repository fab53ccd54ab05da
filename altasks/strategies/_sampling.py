"""Drawing one after another, in proportion to weights.

Weights that stay as they are take one look: add Gumbel noise to their logarithms and take the
largest (`GumbelTopK`). Weights that fall as one draws take a race (`race`):

Give every row a clock that rings after an exponential time, at a rate that is the row's weight. The
first clock to ring is row i with probability w_i / sum(w). What is left of the other clocks' times
is again exponential, as if they had just started, so the next to ring, at the new rates, is the
next draw: one random number for each row serves for the whole batch. Because that number comes from
a hash of the id, the draws don't depend on the order of the rows; and because rates only fall, a
time computed from an old rate is too early, never too late, so a rate has to be brought up to date
only for the few rows whose clock seems about to ring.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar

import numpy as np

from altasks._internal.numbers import require_real
from altasks.strategies.base import Candidates, check_request, id_uniforms, top_rows

#: How many of the next clocks are watched together, at least.
FRONT = 1024

#: (rows, their weights after the first s picks, s) -> `[rows, count - s]`: their weights after
#: s + 1, ..., count picks, where count is how many have been picked by now.
Weigh = Callable[[np.ndarray, np.ndarray, int], np.ndarray]


def race(
    ids: Sequence[str],
    bounds: np.ndarray,
    picks: list[int],
    n: int,
    weigh: Weigh,
    picked: Callable[[int], None],
    rng: np.random.Generator,
) -> None:
    """Append draws to `picks` until it holds `n`, or until every weight left is 0.

    Args:
        ids: the names of the rows.
        bounds: `[N]` float64, no less than each row's weight after the picks so far.
        picks: rows; those in it already are not drawn again.
        n: how long `picks` is to become.
        weigh: gives weights; see `Weigh`.
        picked: called with each row drawn, after it was appended.
        rng: one draw salts the hash of the ids.
    """
    left = -np.log(id_uniforms(ids, rng))  # what is left of each clock's time at its rate
    weight = bounds.astype(np.float64)
    seen = np.zeros(len(ids), dtype=np.int64)
    start = len(picks)
    times = [0.0] * (start + 1)  # times[t]: when pick t was made; t = 0 stands for the start
    weight[picks] = 0
    with np.errstate(divide="ignore"):
        rings = np.where(weight > 0, left / weight, np.inf)
    front = FRONT
    while len(picks) < n:
        before = len(picks)
        if front < len(ids):
            near = np.argpartition(rings, front)[: front + 1]
            last = near[np.argmax(rings[near])]
            outside = rings[last]
            near = near[near != last]
        else:
            near, outside = np.arange(len(ids)), np.inf
        while len(picks) < n:
            local = rings[near]
            row = int(near[np.argmin(local)])
            if not rings[row] < outside:
                break
            if seen[row] == len(picks):
                times.append(float(rings[row]))
                rings[row] = np.inf
                picks.append(row)
                picked(row)
                continue
            # Bring the next few up to date at once: a call costs more than a row.
            some = near[np.argpartition(local, 15)[:16]] if len(near) > 16 else near
            some = some[(seen[some] < len(picks)) & (rings[some] < outside)]
            _update(some, weigh, len(picks), times, left, weight, seen, rings)
        if not np.isfinite(outside) and not np.isfinite(rings[near]).any():
            return
        if len(picks) - before < 4:
            front *= 2


def _update(
    rows: np.ndarray,
    weigh: Weigh,
    count: int,
    times: list[float],
    left: np.ndarray,
    weight: np.ndarray,
    seen: np.ndarray,
    rings: np.ndarray,
) -> None:
    for level in np.unique(seen[rows]).tolist():
        part = rows[seen[rows] == level]
        rates = weigh(part, weight[part], level)  # rows x (count - level)
        # From pick `level` on, each interval between two picks ran at the rate of its time.
        steps = np.diff(times[level : count + 1])
        run = weight[part] * steps[0] + rates[:, :-1] @ steps[1:]
        left[part] = np.maximum(left[part] - run, 0)
        weight[part] = rates[:, -1]
        with np.errstate(divide="ignore"):
            wait = np.where(weight[part] > 0, left[part] / weight[part], np.inf)
        rings[part] = times[count] + wait
        seen[part] = count


class GumbelTopK(ABC):
    """Draw n without replacement, in proportion to weights that a subclass makes of the scores.

    The n largest of log w_i + epsilon_i, with epsilon_i ~ Gumbel(0, 1), are such a draw. As Kirsch
    et al. (2023) write it, w_i = v_i ** beta, so that the keys are log v_i + epsilon_i / beta.

    Args:
        beta: above 0; 1 is the paper's default, infinity would be `TopK`.

    Raises:
        InvalidInputError: if beta is not above 0.
    """

    needs: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, beta: float = 1.0) -> None:
        self.beta = require_real("beta", beta, above=0)

    @abstractmethod
    def _log_weights(self, candidates: Candidates, rng: np.random.Generator) -> np.ndarray:
        """Return log v_i of each candidate, `[N]`; -inf where nothing else should be left."""

    def select(self, candidates: Candidates, n: int, *, rng: np.random.Generator) -> list[str]:
        """Return `n` ids in the order drawn."""
        n = check_request(self, candidates, n)
        logs = self._log_weights(candidates, rng)
        gumbel = -np.log(-np.log(id_uniforms(candidates.ids, rng)))
        keys = logs + gumbel / self.beta
        # -inf (a weight of 0) ties with its like, and ties break by hash.
        rows = top_rows(np.maximum(keys, np.finfo(np.float64).min), candidates.ids, n, rng)
        return [candidates.ids[i] for i in rows.tolist()]

"""How well what is taken covers a pool: each sample by the nearest one, as a kernel measures it.

The objective f(S) = sum over x of w(x) max over s in S of k(x, s), and its greedy maximum. Where k
is at least 0, f is monotone and submodular, so the greedy batch reaches 1 - 1/e of the best
(Nemhauser, Wolsey and Fisher 1978), and gains of earlier picks bound later ones.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from altasks.strategies._arrays import Rows, Ties
from altasks.strategies._lazy_greedy import lazy_greedy

#: Numbers in one block of similarities: 2 MiB of float32, which stay in a cache.
TILE = 2**19
#: Of rows looked at together, so many are bounded from below: those that may be the best.
_BEST = 8
#: Of more candidates, so many drawn ones may be picked.
CONSIDERED = 250_000
#: Rows looked at together, at most.
MOST = 1024
#: Above this relative error float32 tells nothing apart.
_BLIND = 0.1
#: A bound on the rounding of a sum in float32, as a share of it; torch adds in a cascade.
_SUM = 64 * 2.0**-24
#: The least exponent: what is below is no number that a CPU multiplies fast. exp(-80) = 2e-35.
_LEAST = {torch.float32: -80.0, torch.float64: -700.0}


class Drawn(NamedTuple):
    """What stands for a pool.

    Attributes:
        represented: the rows over which the objective sums.
        weights: of these, above 0.
        considered: the rows that may be picked; None for all.
    """

    represented: np.ndarray
    weights: np.ndarray
    considered: np.ndarray | None


def draw(
    count: int,
    weights: np.ndarray | None,
    n: int,
    ties: Ties,
    *,
    exact_up_to: int,
    sample: int,
) -> Drawn:
    """Return the rows over which the objective sums, their weights, and which may be picked.

    Up to `exact_up_to` samples they are all rows of a weight above 0. Beyond, `sample` of them are
    drawn by priority sampling (Duffield, Lund and Thorup 2007, "Priority sampling for estimation of
    arbitrary subset sums"): with u uniform in (0, 1), here by the seeded hash, those with the
    largest w / u, each weighing max(w, t) where t is the largest w / u left out. Any sum over the
    pool is then estimated without bias, and heavy rows are never missed. Equal weights make it a
    uniform draw.

    Of more than `CONSIDERED` candidates those of the largest w / u may be picked, what stands for
    the pool among them. A greedy algorithm that looks at a drawn part of the candidates loses
    little (Mirzasoleiman et al. 2015, "Lazier than lazy greedy": ln(1/e) N / n of them for each
    pick, and it is within a factor 1 - 1/e - e).

    Args:
        count: N.
        weights: `[N]`, at least 0; None is 1 for each.
        n: how many will be picked.
        ties: whose hashes draw.
        exact_up_to: the largest N of which nothing is left out.
        sample: how many stand for a larger pool.
    """
    every = np.ones(count) if weights is None else weights
    rows = np.flatnonzero(every > 0)
    looked = max(CONSIDERED, 2 * n)
    if count <= exact_up_to or (len(rows) <= sample and count <= looked):
        return Drawn(rows, every[rows], None)
    hashes = ties.hashes(np.arange(count))
    priority = every / (((hashes >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53)
    found = every[rows]
    if len(rows) > sample:
        order = np.argpartition(-priority, sample)
        rows = np.sort(order[:sample])
        found = np.maximum(every[rows], priority[order[sample]])
    if count <= looked:
        return Drawn(rows, found, None)
    # Rows that weigh nothing come last, in the order of the hash.
    return Drawn(rows, found, np.sort(np.lexsort((hashes, -priority))[:looked]))


def greedy_coverage(
    pool: Rows,
    taken: list[Rows],
    drawn: Drawn,
    n: int,
    ties: Ties,
    *,
    radius: float | None,
    costs: np.ndarray | None = None,
) -> list[int]:
    """Return `n` rows of the pool, each the one that adds most to f given those before it.

    Equal gains are ordered by the hash; so is the rest, once nothing is left to gain. Gains are
    compared in float64 and are equal only to its rounding; float32 finds out which few have to be
    known so exactly.

    Args:
        pool: `[N, d]` of unit length or zero.
        taken: what is labelled or asked, which covers from the start.
        drawn: what stands for the pool.
        n: at most N.
        ties: the order of equals.
        radius: of the Gaussian exp(-|x - s|^2 / radius^2); None is the cosine, none below 0.
        costs: `[N]`, above 0: gains are divided by them. The lazy greedy algorithm by gain per
            cost is CELF's (Leskovec et al. 2007, "Cost-effective outbreak detection in networks").
    """
    if not len(drawn.represented):
        return ties.fill([], n)
    cover = _Coverage(pool, drawn.represented, drawn.weights, radius)
    for rows in taken:
        cover.start(rows)
    prices = np.ones(len(pool)) if costs is None else costs

    def gains(rows: np.ndarray) -> np.ndarray:
        found: np.ndarray = cover.gains(rows) / prices[rows]
        return found

    def rough(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        low, high = cover.bounds(rows)
        return low / prices[rows], high / prices[rows]

    return lazy_greedy(
        cover.all_bounds(drawn.considered) / prices,
        n,
        gains,
        cover.add,
        ties,
        equal=cover.error[torch.float64] * cover.total / float(prices.min()),
        size=cover.step,
        first=min(32, cover.step),
        rough=rough if cover.sees else None,
        may_give_up=True,
    )


class _Coverage:
    """How similar each represented sample is to the most similar one taken, times its weight."""

    def __init__(
        self, pool: Rows, represented: np.ndarray, weights: np.ndarray, radius: float | None
    ) -> None:
        weights = weights / weights.max()
        self.pool = pool
        self.slope = 1.0 if radius is None else 2 / radius**2
        self.gaussian = radius is not None
        self.total = float(weights.sum())
        # In both types: the targets, scaled so that their product with a row is w cos(x, s) or the
        # exponent less `shift`.
        self.targets: dict[torch.dtype, Tensor] = {}
        self.shift: dict[torch.dtype, Tensor] = {}
        self.error: dict[torch.dtype, float] = {}
        index = torch.from_numpy(represented).to(pool.device)
        exact = pool.take(index, torch.float64)
        w = torch.from_numpy(weights).to(exact)
        if self.gaussian:
            # w k = exp(log w - (|x|^2 + |s|^2 - 2 x.s) / r^2), the lengths being 1 or 0.
            shift = w.log() - (1 + exact.square().sum(1).round()) * self.slope / 2
            exact *= self.slope
        else:
            shift = torch.zeros_like(w)
            exact *= w[:, None]
        for dtype in (torch.float64, torch.float32):
            self.targets[dtype] = exact.to(dtype)
            self.shift[dtype] = shift.to(dtype)
            self.error[dtype] = self._error(dtype, shift)
        #: Whether float32 tells anything.
        self.sees = self.error[torch.float32] < _BLIND
        self.share = self.error[torch.float32] if self.gaussian and self.sees else 0.0
        self.weights, self.covered = w, torch.zeros_like(w)
        self.certain = torch.empty_like(self.shift[torch.float32])
        self.possible = torch.empty_like(self.certain)
        self._limit()
        self.step = max(1, min(MOST, TILE // len(index)))

    def _error(self, dtype: torch.dtype, shift: Tensor) -> float:
        """Return a bound on the rounding of a similarity, as a share of the weight.

        A sum of d products of numbers of length 1 is off by about sqrt(d) units in the last place
        (Higham and Mary 2019, "A New Approach to Probabilistic Rounding Error Analysis"), the
        scaling of both rows by a few more; an exponent that is off by e changes its exponential by
        the share e.
        """
        units = 16 + self.pool.width**0.5
        if self.gaussian:
            # The exponential itself, and the rounding of what was added to the exponent.
            units = (units + 2) * self.slope + 4 + float(shift.abs().max())
        return float(units * torch.finfo(dtype).eps)

    def start(self, taken: Rows) -> None:
        """Count what is labelled or asked as taken."""
        double = torch.float64
        for first in range(0, len(taken), self.step):
            block = taken.slice(first, min(first + self.step, len(taken)), double)
            nearest = self._products(block).amax(0)
            self._cover(self._similarities(nearest))

    def add(self, row: int) -> None:
        """Count the candidate at `row` as taken."""
        picked = self.pool.take(torch.tensor([row], device=self.pool.device), torch.float64)
        self._cover(self._similarities(self._products(picked)[0]))

    def _cover(self, similar: Tensor) -> None:
        torch.maximum(self.covered, similar, out=self.covered)
        self._limit()

    def _limit(self) -> None:
        """Say what has to be surpassed, in float32, to gain for certain or possibly."""
        error = self.error[torch.float32]
        if self.gaussian:  # w k is wrong by a share of itself
            self.certain.copy_(self.covered / (1 - self.share))
            self.possible.copy_(self.covered / (1 + self.share))
        else:  # and w cos(x, s) by one of w
            self.certain.copy_(self.covered + error * self.weights)
            self.possible.copy_(self.covered - error * self.weights)

    def _products(self, block: Tensor) -> Tensor:
        """Return w cos(x, s), or the exponents of w k(x, s), for rows of s and targets x."""
        targets = self.targets[block.dtype]
        if not self.gaussian:
            return block @ targets.T
        products = torch.addmm(self.shift[block.dtype], block, targets.T)
        zero = ~block.any(1)
        if bool(zero.any()):  # the squared length of such a row is not 1
            products[zero] += self.slope / 2
        return products

    def _similarities(self, products: Tensor) -> Tensor:
        """Turn products into w k(x, s), in place."""
        if not self.gaussian:
            return products
        return products.clamp_min_(_LEAST[products.dtype]).exp_()

    def gains(self, rows: np.ndarray) -> np.ndarray:
        """Return how much f would grow with each of `rows`."""
        block = self.pool.take(torch.from_numpy(rows).to(self.pool.device), torch.float64)
        similar = self._similarities(self._products(block))
        found: np.ndarray = similar.sub_(self.covered).clamp_min_(0).sum(1).cpu().numpy()
        return found

    def bounds(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return bounds of the same from below and above, computed in float32.

        Only the best are bounded from below; of the others it is 0.
        """
        index = torch.from_numpy(rows).to(self.pool.device)
        similar = self._similarities(self._products(self.pool.take(index, torch.float32)))
        high = self._grown(similar - self.possible, 1 + self.share, 1 + _SUM)
        low = np.zeros(len(rows))
        best = np.argpartition(-high, _BEST)[:_BEST] if len(rows) > _BEST else np.arange(len(rows))
        some = similar[torch.from_numpy(best).to(similar.device)]
        low[best] = self._grown(some.sub_(self.certain), 1 - self.share, 1 - _SUM)
        return low, high

    def all_bounds(self, considered: np.ndarray | None) -> np.ndarray:
        """Return bounds from above for the whole pool; of rows not considered, -inf."""
        count = len(self.pool) if considered is None else len(considered)
        found = np.full(count, np.inf)
        for start in range(0, count if self.sees else 0, self.step):
            stop = min(start + self.step, count)
            if considered is None:
                block = self.pool.slice(start, stop, torch.float32)
            else:
                rows = torch.from_numpy(considered[start:stop]).to(self.pool.device)
                block = self.pool.take(rows, torch.float32)
            similar = self._similarities(self._products(block)).sub_(self.possible)
            found[start:stop] = self._grown(similar, 1 + self.share, 1 + _SUM)
        if considered is None:
            return found
        every = np.full(len(self.pool), -np.inf)
        every[considered] = found
        return every

    def _grown(self, more: Tensor, *factors: float) -> np.ndarray:
        total = more.clamp_min_(0).sum(1).to(torch.float64) * math.prod(factors)
        found: np.ndarray = total.cpu().numpy()
        return found

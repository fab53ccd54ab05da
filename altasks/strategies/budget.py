"""A budget in the unit that costs money: words, boxes, characters, seconds. For any strategy."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from altasks._internal.numbers import require_real
from altasks.abilities import provides
from altasks.errors import InvalidInputError, invalid
from altasks.strategies.base import Array, Candidates, PricesGains, Strategy, torch_rows
from altasks.strategies.wrapping import as_strategy, reads_scores, select_inside


class WithinBudget(NamedTuple):
    """The picks that a budget pays for.

    Attributes:
        picks: ids, best first.
        spent: what they cost together, at most the budget.
        over_budget: the ids that cost more than the whole budget, in the order of the candidates.
    """

    picks: list[str]
    spent: float
    over_budget: list[str]


def select_within(
    strategy: Strategy | str,
    candidates: Candidates,
    budget: float,
    *,
    rng: np.random.Generator,
    per_cost: bool = False,
) -> WithinBudget:
    """Pick what a strategy wants most, for at most `budget` in all.

    The strategy gives an order; whatever still fits is taken, in that order, until nothing that is
    left fits. What costs more than the whole budget is set aside first.

    A strategy says how it wants `n` samples, and nobody knows how many a budget buys. So it is
    asked for as many as would fit if they cost the mean, then for more, always from the start and
    with the same random numbers, until its picks cost at least the budget: a batch made to be
    diverse is one batch. What its walk leaves over is spent alike on the candidates that still
    fit.

    - For a strategy whose order doesn't depend on `n` nor on who else is there (`TopK`, `Random`,
      `Power`, and others that rank each candidate by itself) the picks are exactly those of a walk
      down its whole order.
    - One that compares candidates sees the batch of the last size asked for, walked in its own
      order, and for what was left over a batch of its own; there the earlier picks count as
      pending for a strategy that reads `pending_embeddings`, and are unknown to others.

    Args:
        strategy: a strategy or the name of one.
        candidates: with `costs`, and with what the strategy needs.
        budget: above 0, in the unit of the costs.
        rng: one number is drawn from it.
        per_cost: order by gain per cost where the strategy can (`PricesGains`: those that cover
            the pool), else by score per cost: it is given `values / costs`. Where scores grow with
            the cost (a sum over words) that is their density; a mean over words is one already,
            and divided once more it favours the shortest.

    Returns:
        The picks, what they cost, and the ids that no budget of this size buys. Costs are added
        exactly, as the binary numbers they are: ten times 0.1 is more than 1. Count in whole units
        where that matters.

    Raises:
        InvalidInputError: for a budget that isn't a finite number above 0, candidates without
            costs, a strategy that returns something else than ids of candidates; with `per_cost`,
            for a strategy that has no gain and reads no scores, or a score below 0, which division
            would turn round.

    Source:
        Score per cost: Haertel et al. 2008, "Return on investment for active learning".

    Example:
        >>> import numpy as np
        >>> candidates = Candidates(["long", "short", "book"], [0.9, 0.5, 1.0], costs=[30, 5, 900])
        >>> rng = np.random.default_rng(0)
        >>> select_within("top_k", candidates, 32, rng=rng)
        WithinBudget(picks=['long'], spent=30.0, over_budget=['book'])
        >>> select_within("top_k", candidates, 34, rng=rng, per_cost=True).picks
        ['short']
    """
    strategy = as_strategy(strategy)
    check_budget("budget", budget)
    _require("candidates", candidates, Candidates)
    _require("rng", rng, np.random.Generator)
    if candidates.costs is None:
        raise InvalidInputError(
            "candidates.costs: expected what each costs, found None. Give Candidates(..., costs=)."
        )
    if per_cost and provides(strategy, PricesGains):
        strategy = strategy.priced()
    elif per_cost:
        candidates = _densities(strategy, candidates)
    seed = int(rng.integers(0, 2**63, dtype=np.int64))
    row_of = {name: row for row, name in enumerate(candidates.ids)}
    costs: np.ndarray = candidates.costs  # N
    left = Fraction(float(budget))
    taken: list[int] = []
    rows = np.flatnonzero(costs <= float(budget))
    while len(rows):
        part = _part(strategy, candidates, rows, taken)
        for name in _order(strategy, part, left, seed):
            cost = Fraction(float(costs[row_of[name]]))
            if cost <= left:
                left -= cost
                taken.append(row_of[name])
        # Whatever was passed over costs more than is left; so the first of an order always fits.
        rows = rows[costs[rows] <= float_below(left)]
        rows = rows[~np.isin(rows, taken)]
    return WithinBudget(
        [candidates.ids[row] for row in taken],
        math.fsum(costs[taken]),
        [candidates.ids[row] for row in np.flatnonzero(costs > float(budget)).tolist()],
    )


def _require(argument: str, value: Any, kind: type) -> None:
    if not isinstance(value, kind):
        raise invalid(argument, f"a {kind.__name__}", type(value).__name__)


def check_budget(argument: str, value: Any) -> None:
    """Raise `InvalidInputError` unless `value` is a finite number above 0."""
    require_real(argument, value, above=0)


def remaining(budget: float, costs: Iterable[float]) -> float:
    """Return what is left of a budget, rounded down: spending it never exceeds the budget.

    Example:
        >>> remaining(10, [2.5, 4.0])
        3.5
    """
    return float_below(Fraction(float(budget)) - sum(Fraction(float(cost)) for cost in costs))


def float_below(exact: Fraction) -> float:
    """Return the largest float that is not above `exact`."""
    value = float(exact)
    return value if Fraction(value) <= exact else math.nextafter(value, -math.inf)


def _densities(strategy: Strategy, candidates: Candidates) -> Candidates:
    if not reads_scores(strategy):
        raise invalid(
            "per_cost",
            "a strategy that reads the scores",
            f"{type(strategy).__name__}, which reads none",
            hint="Leave per_cost out: the budget holds for any strategy.",
        )
    values, costs = candidates.values, candidates.costs
    if len(values) and values.min() < 0:
        row = int(values.argmin())
        raise invalid(
            "per_cost",
            "scores of at least 0: a score below 0, divided by its cost, would favour the dear",
            f"{values[row]:.4g}",
            where=f"id {candidates.ids[row]!r}",
        )
    # A tiny cost may push a score beyond the range: it stays the best there is.
    with np.errstate(over="ignore"):
        return replace(candidates, values=np.minimum(values / costs, np.finfo(np.float64).max))


def _part(strategy: Strategy, candidates: Candidates, rows: np.ndarray, taken: list[int]) -> Any:
    """Return the candidates at `rows`; where the strategy reads it, what is taken is pending."""
    part = candidates if len(rows) == len(candidates) else candidates.take(rows)
    there, pending = candidates.embeddings, candidates.pending_embeddings
    if not taken or pending is None or there is None or "pending_embeddings" not in strategy.needs:
        return part
    return replace(part, pending_embeddings=_joined(pending, there, np.array(taken)))


def _joined(pending: Array, embeddings: Array, rows: np.ndarray) -> Array:
    if isinstance(embeddings, Tensor):
        picked = embeddings[torch_rows(rows, embeddings)]
        return torch.cat([torch.as_tensor(pending).to(picked), picked])
    known = pending.detach().cpu().numpy() if isinstance(pending, Tensor) else pending
    return np.concatenate([known, embeddings[rows]])


def _order(strategy: Strategy, part: Candidates, left: Fraction, seed: int) -> list[str]:
    """Return picks that cost at least what is left, or all there are."""
    cost_of = dict(zip(part.ids, part.costs.tolist(), strict=True))
    budget = float(left)
    # Summed exactly, so that the order of the rows can't show.
    n = _between(1, len(part) * (budget / math.fsum(part.costs)), len(part))
    while True:
        picks = select_inside(strategy, part, n, np.random.default_rng(seed))
        total = math.fsum(cost_of[name] for name in picks)
        if n == len(part) or total >= budget:
            return picks
        # As many as it takes at the price of these, and a good step at least.
        n = _between(math.ceil(1.25 * n), n * (budget / total), len(part))


def _between(least: int, wanted: float, most: int) -> int:
    return min(max(least, math.ceil(min(wanted, most))), most)

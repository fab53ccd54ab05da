"""How much `ActiveLoop.run` asks each round: so many samples, or so much of what they cost.

Both read where they stand from the store, so that a resumed run asks what the uninterrupted one
would have.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from altasks._internal.numbers import require_whole
from altasks.errors import OverBudgetWarning, invalid
from altasks.loop.base import State
from altasks.loop.costs import Prices
from altasks.loop.cycle import Cycle
from altasks.loop.query import Query
from altasks.loop.query_maker import QueryMaker, over_budget_note
from altasks.loop.selection import AskRequest
from altasks.strategies.base import Strategy
from altasks.strategies.budget import check_budget, remaining


class Plan(Protocol):
    """How much a run asks in each round, and when it has asked enough."""

    def warn_unaffordable(self) -> None:
        """Warn of samples that the whole run will not ask."""
        ...

    def is_spent(self, state: State) -> bool:
        """Whether the budget buys no more."""
        ...

    def ask(self, state: State) -> Query | None:
        """Ask the next round; None if there is nothing that it could ask."""
        ...

    def spent(self, state: State) -> float | None:
        """Return the cost of all samples asked, where it is counted."""
        ...


@dataclass(frozen=True)
class SampleBudget:
    """A budget of so many samples."""

    loop: Cycle
    budget: int
    batch: int
    initial: int

    def warn_unaffordable(self) -> None:
        """Nothing to warn about: any sample may be asked."""

    def is_spent(self, state: State) -> bool:
        """Whether so many were asked."""
        return self._asked(state) >= self.budget

    def ask(self, state: State) -> Query:
        """Ask a batch, or what is left of the budget."""
        wanted = self.batch if state.round else self.initial
        return self.loop.ask(min(wanted, self.budget - self._asked(state)))

    def spent(self, state: State) -> None:  # noqa: ARG002 - the protocol's
        """Return None: samples are counted, not costs."""
        return

    def _asked(self, state: State) -> int:
        return sum(name not in state.skipped for name in state.asked)


@dataclass(frozen=True)
class CostBudget:
    """A budget of so much cost.

    What is spent is steered along the marks initial, initial + batch, initial + 2 batch, ...: each
    round asks up to the next mark, so that rounds don't drift from them by what each leaves over.
    A mark that is nearer than half a batch, or than a sample of average cost, counts as reached:
    a fit for a few samples is not worth its time. So does one that is nearer than the cheapest
    sample that is left: up to it nothing could be asked, and the budget may hold much more.
    """

    query_maker: QueryMaker
    budget: float
    batch: float
    initial: float
    per_cost: bool
    _looked_up: list[Prices] = field(default_factory=list, init=False, repr=False)

    @property
    def _max_sample_cost(self) -> float:
        return max(self.batch, self.initial)

    def warn_unaffordable(self) -> None:
        """Name the samples that fit into no batch."""
        ids = self.query_maker.open_ids(self.query_maker.store.state())
        prices = self.query_maker.prices()
        costs = prices.of(ids)
        self._looked_up.append(prices)  # the first ask, which follows, needn't look them up again
        most = min(self._max_sample_cost, self.budget)
        dear = {ids[row]: float(costs[row]) for row in np.flatnonzero(costs > most)}
        if dear:
            note = over_budget_note(dear, most)
            warnings.warn(OverBudgetWarning(note), stacklevel=4)

    def is_spent(self, state: State) -> bool:
        """Whether less is left than an asked sample costs on average."""
        costs = list(self.query_maker.spent(state).values())
        left = remaining(self.budget, costs)
        return left <= 0 or left < _mean(costs)

    def ask(self, state: State) -> Query | None:
        """Ask up to the next mark, or what is left of the budget; None if that buys nothing."""
        costs = list(self.query_maker.spent(state).values())
        # Looked up before anything is scored. The end of a budget is no warning.
        prices = self._looked_up.pop() if self._looked_up else self.query_maker.prices()
        left = prices.of(self.query_maker.open_ids(state))
        cheapest = left.min(initial=math.inf)
        if cheapest > min(self._max_sample_cost, remaining(self.budget, costs)):
            return None
        if not costs and cheapest > self.initial:
            raise invalid(
                "initial",
                f"at least {cheapest:g}, which the cheapest sample costs",
                f"{self.initial:g}",
            )
        near = math.fsum(costs) + max(_mean(costs), self.batch / 2, cheapest)
        marks = max(0, math.ceil((near - self.initial) / self.batch)) if costs else 0
        wanted = remaining(min(self.budget, self.initial + marks * self.batch), costs)
        # Sums of floats are rounded: by as little, the mark may miss the cheapest.
        wanted = max(wanted, float(cheapest))
        return self.query_maker.ask(
            AskRequest(None, wanted, self.per_cost, self._max_sample_cost), None, prices
        )

    def spent(self, state: State) -> float:
        """Return what all samples asked so far cost."""
        return math.fsum(self.query_maker.spent(state).values())


def _mean(costs: list[float]) -> float:
    return math.fsum(costs) / len(costs) if costs else 0.0


def make_plan(
    loop: Cycle,
    query_maker: QueryMaker,
    strategy: Strategy,
    budget: Any,
    batch: Any,
    cost_budget: Any,
    cost_batch: Any,
    per_cost: bool,
    initial: Any,
) -> Plan:
    """Return the plan that the arguments of `ActiveLoop.run` make.

    Raises:
        InvalidInputError: for numbers out of range, or budgets in both units or in none.
    """
    given = {
        "budget": budget, "batch": batch, "cost_budget": cost_budget, "cost_batch": cost_batch,
    }  # fmt: skip
    named = {name for name, value in given.items() if value is not None}
    if named == {"budget", "batch"}:
        budget, batch = (require_whole(name, given[name], 1) for name in ("budget", "batch"))
        initial = batch if initial is None else require_whole("initial", initial, 1)
        if per_cost:
            raise invalid("per_cost", "False in a run by samples", "True")
        return SampleBudget(loop, budget, batch, initial)
    if named == {"cost_budget", "cost_batch"}:
        first = cost_batch if initial is None else initial
        for name, value in (
            ("cost_budget", cost_budget), ("cost_batch", cost_batch), ("initial", first),
        ):  # fmt: skip
            check_budget(name, value)
        wanted = AskRequest(None, float(cost_batch), per_cost)
        wanted.check(strategy)
        return CostBudget(
            query_maker, float(cost_budget), float(cost_batch), float(first), per_cost
        )
    found = ", ".join(f"{name}={value!r}" for name, value in given.items() if name in named)
    raise invalid(
        "budget",
        "budget and batch, in samples, or cost_budget and cost_batch, in what they cost",
        found or "neither",
    )

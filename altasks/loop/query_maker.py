"""`ActiveLoop.ask`: which samples are open, what they are worth, which are asked."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from altasks.abilities import Predictor, Trainable, provides
from altasks.data import Pool
from altasks.errors import OverBudgetWarning, PoolExhaustedWarning
from altasks.loop.base import AskedSample, State, Store
from altasks.loop.costs import Costs
from altasks.loop.fit_log import FitLog
from altasks.loop.query import Query
from altasks.loop.recipes import strategy_recipe
from altasks.loop.selection import AskRequest, Selector
from altasks.loop.unreadable import read_samples
from altasks.strategies.base import Strategy


@dataclass(frozen=True)
class _Open:
    """The samples that may be asked.

    Args:
        ids: their ids, in the pool's order.
        costs: what each of these costs, if it is asked by cost. Looked up once an ask: a price
            that changes meanwhile can't break the budget.
        over_budget: ids that cost more than all that is asked for.
        note: what the user should know.
        warnings: the same, each in its category.
    """

    ids: list[str]
    costs: dict[str, float]
    over_budget: list[str]
    note: str
    warnings: tuple[Warning, ...]


class QueryMaker:
    """Asks, again and again if other processes are faster; the arguments are `ActiveLoop`'s."""

    def __init__(
        self,
        task: Any,
        pool: Pool,
        store: Store,
        fitter: FitLog,
        selector: Selector,
        cold_start: Strategy,
        costs: Costs,
    ) -> None:
        self.task = task
        self.pool = pool
        self.store = store
        self.fitter = fitter
        self.selector = selector
        self.cold_start = cold_start
        self.costs = costs

    def ask(self, wanted: AskRequest, given: Any) -> Query:
        """Pick, write to the store, and return what was written.

        Args:
            wanted: checked.
            given: `Scores` made elsewhere, or None.
        """
        warned = False
        made: tuple[int, int, Any] | None = None  # round, fit and scores of an earlier attempt
        while True:
            state = self.store.state()
            number = state.round + 1
            open_now = self._open(state, wanted, given)
            left, note = open_now.ids, open_now.note
            if note and not warned:
                # Before anything is written: where warnings are errors, nothing was asked.
                for warning in open_now.warnings:
                    warnings.warn(warning, stacklevel=3)
                warned = True
            if not left:
                return self.query(state.round, [], [], {}, note, open_now.over_budget)
            if provides(self.task, Trainable):
                self.fitter.catch_up(state.fit)
            selector = self._selector_of(state, given is not None)
            table = given
            if table is None and selector.reads_scores:
                fit = 0 if state.fit is None else state.fit.fit
                if made is None or made[:2] != (number, fit):
                    made = (number, fit, selector.score(left, number))
                table = made[2]
            if table is not None:
                allowed = set(left)
                rows = [row for row, name in enumerate(table.ids) if name in allowed]
                table = table if len(rows) == len(table.ids) else table.take(np.array(rows))
                left = table.ids
            picks, values = selector.pick(left, wanted, number, state, table, open_now.costs)
            # Before anything is written: what can't be handed out isn't asked.
            samples = read_samples(self.pool, picks, asked=False)
            told = {} if self._is_cold(state) else selector.describe(picks, number)
            asked = [
                AskedSample(name, value, told.get(name))
                for name, value in zip(picks, values, strict=True)
            ]
            how: dict[str, Any] = {
                "wanted": None if wanted.n is None else int(wanted.n),
                "strategy": strategy_recipe(selector.strategy),
                "given_scores": given is not None,
                "fit": None if state.fit is None else state.fit.fit,
            }
            costs: dict[str, float] = {}
            if wanted.cost is not None:
                costs = {name: open_now.costs[name] for name in picks}
                how |= {"cost": float(wanted.cost), "per_cost": wanted.per_cost}
                # In the order asked. What a sample costs is settled when it is asked.
                how["costs"] = list(costs.values())
            if self.store.record_ask(number, asked, how):
                return self.query(number, asked, samples, costs, note, open_now.over_budget)

    def open_ids(self, state: State, given: Any = None) -> list[str]:
        """Return what was never asked, labelled or skipped, in the pool's order."""
        ids = self.pool.ids if given is None else given.ids
        gone = state.asked.keys() | state.labelled | state.skipped
        return [name for name in ids if name not in gone]

    def _open(self, state: State, wanted: AskRequest, given: Any) -> _Open:
        left = self.open_ids(state, given)
        where = (
            "of the scored samples"
            if given is not None
            else f"of the pool's {len(self.pool)} samples"
        )
        others = "the others are labelled, asked or skipped."
        if wanted.n is not None:
            if len(left) >= wanted.n:
                return _Open(left, {}, [], "", ())
            note = f"Asked for {wanted.n}, and {len(left)} {where} are left: {others}"
            return _Open(left, {}, [], note, (PoolExhaustedWarning(note),))
        assert wanted.cost is not None
        costs = self.costs.of(left)
        warned: list[Warning] = []
        over_budget = {}
        if wanted.max_sample_cost is None:
            rows = np.flatnonzero(costs > wanted.cost)
            over_budget = {left[row]: float(costs[row]) for row in rows.tolist()}
        else:
            left = [
                name
                for name, cost in zip(left, costs, strict=True)
                if cost <= wanted.max_sample_cost
            ]
            costs = costs[costs <= wanted.max_sample_cost]
        if over_budget:
            warned.append(OverBudgetWarning(over_budget_note(over_budget, wanted.cost)))
        total = math.fsum(costs)
        if total < wanted.cost:
            warned.append(
                PoolExhaustedWarning(
                    f"Asked for a cost of {wanted.cost:g}, and the {len(left)} {where} that are "
                    f"left cost {total:g} together: {others}"
                )
            )
        fits = np.flatnonzero(costs <= wanted.cost)
        there = dict(zip([left[row] for row in fits.tolist()], costs[fits].tolist(), strict=True))
        return _Open(
            list(there), there, list(over_budget), " ".join(map(str, warned)), tuple(warned)
        )

    def _is_cold(self, state: State) -> bool:
        """Whether the model has not been trained here: its predictions say nothing yet.

        A task that can't be trained is one that was trained elsewhere.
        """
        if not provides(self.task, Predictor):
            return True
        return state.fit is None and provides(self.task, Trainable)

    def _selector_of(self, state: State, given: bool) -> Selector:
        if given or not self._is_cold(state):
            return self.selector
        return self.selector.with_strategy(self.cold_start)

    def query(
        self,
        number: int,
        rows: Sequence[AskedSample],
        samples: Sequence[Any],
        costs: Mapping[str, float],
        note: str = "",
        over_budget: Sequence[str] = (),
    ) -> Query:
        """Return some `rows` of query `number`, and their samples; `costs` are those recorded."""
        known = all(row.id in costs for row in rows)
        return Query(
            ids=[row.id for row in rows],
            samples=list(samples),
            scores=[row.score for row in rows],
            round=number,
            descriptions={row.id: row.description for row in rows if row.description is not None},
            note=note,
            cost=math.fsum(costs[row.id] for row in rows) if rows and known else None,
            over_budget=list(over_budget),
        )

    def pending(self) -> list[Query]:
        """Return what is still unanswered as queries, one for each round, oldest first."""
        state = self.store.state()
        costs = self._recorded(state)
        rounds = dict.fromkeys(state.asked[name] for name in state.pending)
        queries = []
        for number in rounds:
            open_ones = [one for one in self.store.asked(number) if state.is_open(one.id)]
            samples = read_samples(self.pool, [one.id for one in open_ones], asked=True)
            queries.append(self.query(number, open_ones, samples, costs))
        return queries

    def spent(self, state: State) -> dict[str, float]:
        """Return what each sample asked and not skipped cost: as recorded, else as it does now."""
        recorded = self._recorded(state)
        asked = [name for name in state.asked if name not in state.skipped]
        unknown = [name for name in asked if name not in recorded]
        now = dict(zip(unknown, self.costs.of(unknown).tolist(), strict=True))
        return {name: recorded[name] if name in recorded else now[name] for name in asked}

    def _recorded(self, state: State) -> dict[str, float]:
        """Return the cost of each sample that was asked by cost."""
        ids: dict[int, list[str]] = {}
        for name, number in state.asked.items():
            ids.setdefault(number, []).append(name)
        costs: dict[str, float] = {}
        for number, how in self.store.asks().items():
            # An ask that came after this look at the store is not in it yet.
            if "costs" in how and number in ids:
                costs |= dict(zip(ids[number], how["costs"], strict=True))
        return costs


def over_budget_note(costs: Mapping[str, float], budget: float) -> str:
    """Return what is said of samples that a budget can't buy.

    Example:
        >>> over_budget_note({"a": 12.0, "b": 30.5}, 10)
        "2 samples cost more than the whole 10 and were left out: 'a' (12), 'b' (30.5)."
    """
    named = ", ".join(f"{name!r} ({cost:g})" for name, cost in list(costs.items())[:5])
    more = f" and {len(costs) - 5} more" if len(costs) > 5 else ""
    many = "sample costs" if len(costs) == 1 else "samples cost"
    were = "was" if len(costs) == 1 else "were"
    return f"{len(costs)} {many} more than the whole {budget:g} and {were} left out: {named}{more}."

"""`ActiveLoop.ask`: which samples are open, what they are worth, which are asked."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from altasks.abilities import Predictor, Trainable, provides
from altasks.data import Pool
from altasks.errors import OverBudgetWarning, PoolExhaustedWarning
from altasks.loop.base import AskedSample, State, Store
from altasks.loop.costs import Costs, LabelCosts, Prices
from altasks.loop.fit_log import FitLog
from altasks.loop.kept_scores import KeptScores, draws_by_round, rows_of
from altasks.loop.query import Query
from altasks.loop.random_share import draw_share, mixing_rng, share_rng
from altasks.loop.recipes import strategy_recipe
from altasks.loop.selection import AskRequest, Selector
from altasks.loop.unreadable import read_samples
from altasks.strategies.base import Strategy


@dataclass(frozen=True)
class _Open:
    """The samples that may be asked.

    Args:
        ids: their ids, in the pool's order.
        costs: what each of these costs, if it is asked by cost.
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
    """Makes queries, again if another process was faster; the arguments are `ActiveLoop`'s.

    Scores are kept for the fit they came from: an ask that lost a race, and the next ones after the
    same fit, score nothing again.
    """

    def __init__(
        self,
        task: Any,
        pool: Pool,
        store: Store,
        fit_log: FitLog,
        selector: Selector,
        cold_start: Strategy,
        costs: Costs,
        label_costs: LabelCosts,
        for_given: Strategy,
        random_share: float = 0.0,
    ) -> None:
        self.task = task
        self.pool = pool
        self.store = store
        self.fit_log = fit_log
        self.selector = selector
        self.cold_start = cold_start
        self.costs = costs
        self.label_costs = label_costs
        self.for_given = for_given
        self.random_share = random_share
        self._recorded: dict[int, list[float]] = {}  # round -> costs of its query, as recorded
        self._recorded_upto = 0
        self._kept = KeptScores(task)

    def prices(self) -> Prices:
        """Return what looks up the costs of one ask."""
        return Prices(self.costs_of, kept=not self.costs.predicted)

    def forget(self) -> None:
        """Let go of the scores of the last fit: another one is about to be made."""
        self._kept.forget()

    def ask(self, wanted: AskRequest, given: Any, prices: Prices | None = None) -> Query:
        """Pick, write to the store, and return what was written.

        Args:
            wanted: checked.
            given: `Scores` made elsewhere, or None.
            prices: what the caller has looked up already for this ask.
        """
        try:
            return self._ask(wanted, given, prices or self.prices())
        finally:
            self._kept.end_of_ask()

    def _ask(self, wanted: AskRequest, given: Any, prices: Prices) -> Query:
        warned = False
        while True:
            state = self.store.state()
            number = state.round + 1
            open_now = self._open(state, wanted, given, prices)
            left, note = open_now.ids, open_now.note
            if note and not warned:
                # Before anything is written: where warnings are errors, nothing was asked.
                for warning in open_now.warnings:
                    warnings.warn(warning, stacklevel=4)
                warned = True
            if not left:
                return self.query(state.round, [], [], {}, note, open_now.over_budget)
            if provides(self.task, Trainable) and not self.fit_log.catch_up(state.last_fit):
                continue  # another process has fitted since
            selector = self._selector_of(state, given is not None)
            table, drawn_for = self._table(selector, left, state, given)
            if table is not None:
                left = table.ids
            costs_now = open_now.costs
            if not costs_now and "costs" in selector.strategy.needs:
                costs_now = dict(zip(left, prices.of(left).tolist(), strict=True))
            cold = given is None and self._is_cold(state)
            drawn = [] if cold else self._drawn_at_random(left, wanted, open_now.costs, number)
            picks, values = self._pick(
                selector, left, wanted, (number, drawn_for), state, table, costs_now, drawn
            )
            # Before anything is written: what can't be handed out isn't asked.
            samples = read_samples(self.pool, picks, asked=False)
            described = {} if self._is_cold(state) else selector.describe(picks, drawn_for)
            asked = [
                AskedSample(name, value, described.get(name))
                for name, value in zip(picks, values, strict=True)
            ]
            how: dict[str, Any] = {
                "wanted": None if wanted.n is None else int(wanted.n),
                "strategy": strategy_recipe(selector.strategy),
                "given_scores": given is not None,
                "fit": None if state.last_fit is None else state.last_fit.fit,
            }
            if drawn_for != number and draws_by_round(self.task):
                how["scored_for_round"] = drawn_for
            if drawn:
                how["random"] = drawn
            costs: dict[str, float] = {}
            if wanted.cost is not None:
                costs = {name: open_now.costs[name] for name in picks}
                how |= {"cost": float(wanted.cost), "per_cost": wanted.per_cost}
                # In the order asked. What a sample costs is settled when it is asked.
                how["costs"] = list(costs.values())
            if self.store.record_ask(number, asked, how):
                return self.query(number, asked, samples, costs, note, open_now.over_budget)

    def _drawn_at_random(
        self, ids: Sequence[str], wanted: AskRequest, costs: Mapping[str, float], number: int
    ) -> list[str]:
        """Return the random share of a query. A cold start has none: no model could be measured."""
        if not self.random_share:
            return []
        rng = share_rng(self.selector.seed, number)
        return draw_share(ids, wanted, costs, self.random_share, rng)

    def _pick(
        self,
        selector: Selector,
        ids: Sequence[str],
        wanted: AskRequest,
        rounds: tuple[int, int],
        state: State,
        table: Any,
        prices: Mapping[str, float],
        drawn: Sequence[str],
    ) -> tuple[list[str], list[float | None]]:
        """Return the picks of the strategy, with what was drawn at random among them.

        `rounds` are that of the ask, and the one that the committee's draws were made for.
        """

        def labels() -> Mapping[str, Any]:
            return self.store.labels().values

        if not drawn:
            return selector.pick(ids, wanted, rounds, state, table, prices, labels)
        random = set(drawn)
        rows = [row for row, name in enumerate(ids) if name not in random]
        known = {} if table is None else dict(zip(ids, table.values.tolist(), strict=True))
        if wanted.n is not None:
            less = replace(wanted, n=max(0, min(int(wanted.n), len(ids)) - len(drawn)))
        else:
            assert wanted.cost is not None
            less = replace(
                wanted, cost=max(0.0, wanted.cost - math.fsum(prices[name] for name in drawn))
            )
        picks: list[str] = []
        if rows and (less.n or less.cost):
            rest = [ids[row] for row in rows]
            narrower = None if table is None else table.take(np.array(rows))
            some = {name: prices[name] for name in rest} if prices else {}
            picks, _ = selector.pick(rest, less, rounds, state, narrower, some, labels)
        # Among the others, so that whoever stops half-way through a query has labelled its share.
        order = mixing_rng(selector.seed, rounds[0]).permutation(len(picks) + len(drawn))
        mixed = list(picks)
        for place, name in zip(sorted(order[: len(drawn)].tolist()), drawn, strict=True):
            mixed.insert(place, name)
        return mixed, [known.get(name) for name in mixed]

    def _table(
        self, selector: Selector, ids: list[str], state: State, given: Any
    ) -> tuple[Any, int]:
        """Return the `Scores` that are picked by, if any, and the round their draws are for."""
        if given is not None:
            return rows_of(given, ids), state.round + 1
        if not selector.reads_scores:
            return None, state.round + 1
        changed = selector.options is not self.selector.options
        return self._kept.scores_of(selector, ids, state, labels_count=changed)

    def costs_of(self, ids: Sequence[str]) -> np.ndarray:
        """Return the costs `[len(ids)]`, predicted by the last fit where the task does so."""
        if self.costs.predicted and provides(self.task, Trainable):
            self.fit_log.catch_up_with_store()
        return self.costs.of(ids, self.fit_log.current)

    def open_ids(self, state: State, given: Any = None) -> list[str]:
        """Return what was never asked, labelled or skipped, in the pool's order."""
        ids = self.pool.ids if given is None else given.ids
        gone = state.asked.keys() | state.labelled | state.skipped
        return [name for name in ids if name not in gone]

    def _open(self, state: State, wanted: AskRequest, given: Any, prices: Prices) -> _Open:
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
        costs = prices.of(left)
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
        return state.last_fit is None and provides(self.task, Trainable)

    def _selector_of(self, state: State, given: bool) -> Selector:
        selector = self.selector
        if given:
            return selector.with_strategy(self.for_given)
        if self._is_cold(state):
            selector = selector.with_strategy(self.cold_start, untrained=True)
        if not selector.reads_scores:
            return selector
        return selector.with_labels(lambda: self.store.labels().values)

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
        costs = self._as_asked(state)
        rounds = dict.fromkeys(state.asked[name] for name in state.pending)
        queries = []
        for number in rounds:
            open_ones = [one for one in self.store.asked(number) if state.is_open(one.id)]
            samples = read_samples(self.pool, [one.id for one in open_ones], asked=True)
            queries.append(self.query(number, open_ones, samples, costs))
        return queries

    def spent(self, state: State) -> dict[str, float]:
        """Return what each sample asked and not skipped cost.

        By its label, where the task counts those; else as recorded when it was asked; else as it
        would be asked now.
        """
        known = {**self._as_asked(state), **self.label_costs.now(state.last_event)}
        asked = [name for name in state.asked if name not in state.skipped]
        unknown = [name for name in asked if name not in known]
        now = dict(zip(unknown, self.costs_of(unknown).tolist(), strict=True))
        return {name: known[name] if name in known else now[name] for name in asked}

    def _as_asked(self, state: State) -> dict[str, float]:
        """Return the cost of each sample that was asked by cost; each record is read once."""
        if state.round > self._recorded_upto:
            for number, how in self.store.asks(after=self._recorded_upto).items():
                if "costs" in how:
                    self._recorded[number] = how["costs"]
                self._recorded_upto = number
        places: dict[int, int] = {}
        costs: dict[str, float] = {}
        for name, number in state.asked.items():  # in the order asked, round by round
            place = places.get(number, 0)
            places[number] = place + 1
            if number in self._recorded:
                costs[name] = self._recorded[number][place]
        return costs


def over_budget_note(costs: Mapping[str, float], budget: float) -> str:
    """Return the note on samples that a budget can't buy.

    Example:
        >>> over_budget_note({"a": 12.0, "b": 30.5}, 10)
        "2 samples cost more than the whole 10 and were left out: 'a' (12), 'b' (30.5)."
    """
    named = ", ".join(f"{name!r} ({cost:g})" for name, cost in list(costs.items())[:5])
    more = f" and {len(costs) - 5} more" if len(costs) > 5 else ""
    many = "sample costs" if len(costs) == 1 else "samples cost"
    were = "was" if len(costs) == 1 else "were"
    return f"{len(costs)} {many} more than the whole {budget:g} and {were} left out: {named}{more}."

"""Asking and running by cost."""

from __future__ import annotations

import math
import warnings
from decimal import Decimal
from fractions import Fraction
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import altasks as al
from altasks.errors import (
    InvalidInputError,
    LoopWarning,
    OverBudgetWarning,
    PoolExhaustedWarning,
    UnknownNameError,
    UnreadableSampleError,
)
from altasks.loop import Round, SQLStore

Data = tuple[dict[str, Any], dict[str, str]]


def words(costs: dict[str, float], **options: Any) -> al.ActiveLoop:
    """A loop without a model, whose samples are their own cost."""
    return al.ActiveLoop(None, dict(costs), costs=float, **options)


class Cheap:
    """A trained task that scores a sample by itself, and says nothing of cost."""

    default_acquisition = "least_confidence"

    def predict(self, samples: Any) -> al.Categorical:
        return al.Categorical([[1 - x, x] for x in samples])


class Trained(Cheap):
    """The same, with a fit that changes nothing."""

    def fit(self, samples: Any, labels: Any, **options: Any) -> None:
        pass


class TestAsk:
    def test_the_best_that_fit(self) -> None:
        loop = words({"a": 20, "b": 12, "c": 9, "d": 1})
        query = loop.ask(cost=22, scores={"a": 0.7, "b": 0.8, "c": 0.5, "d": 0.1})
        assert (query.ids, query.cost, query.over_budget) == (["b", "c", "d"], 22.0, [])
        assert (query.scores, query.note) == ([0.8, 0.5, 0.1], "")
        assert loop.spent == 22.0

    def test_by_score_per_cost(self) -> None:
        scores = {"long": 0.9, "short": 0.5, "tiny": 0.1}
        loop = words({"long": 20, "short": 5, "tiny": 1})
        assert loop.ask(cost=21, scores=scores).ids == ["long", "tiny"]
        loop = words({"long": 20, "short": 5, "tiny": 1})
        query = loop.ask(cost=21, scores=scores, per_cost=True)
        assert query.ids == ["short", "tiny"]
        # What is told is the score, not the score per cost.
        assert query.scores == [0.5, 0.1]

    def test_what_the_task_says_is_the_default(self, make: Any, worker: ModuleType) -> None:
        loop = make()
        query = loop.ask(cost=10)
        task = worker.VectorTask()
        assert query.cost == math.fsum(task.cost(sample) for sample in query.samples) <= 10
        assert query.cost > 10 - 4  # the pool has cheap ones to fill up with

    def test_a_dict_goes_before_the_task(self, make: Any, data: Data) -> None:
        assert len(make(costs=dict.fromkeys(data[0], 2.0)).ask(cost=11).ids) == 5

    def test_one_each_without_any(self) -> None:
        loop = al.ActiveLoop(Cheap(), {"a": 0.9, "b": 0.6, "c": 0.7}, progress=False)
        query = loop.ask(cost=2)
        assert (query.ids, query.cost) == (["b", "c"], 2.0)

    def test_costs_reach_a_strategy_that_needs_them(self, data: Data) -> None:
        class Cheapest:
            needs = frozenset({"costs"})

            def select(self, candidates: al.Candidates, n: int, *, rng: Any) -> list[str]:
                order = np.argsort(candidates.costs, kind="stable")
                return [candidates.ids[i] for i in order[:n]]

        pool = {"a": 3.0, "b": 1.0, "c": 2.0}
        scores = dict.fromkeys(pool, 0.5)
        loop = al.ActiveLoop(None, pool, strategy=Cheapest(), costs=float)
        assert loop.ask(1, scores=scores).ids == ["b"]
        assert loop.ask(cost=4, scores=scores).ids == ["c"]

    def test_prices_that_change_while_asking(self) -> None:
        asked = {"a": 0, "b": 0, "c": 0}

        def rising(sample: str) -> float:
            asked[sample] += 1
            return float(asked[sample])

        loop = al.ActiveLoop(None, {name: name for name in asked}, costs=rising)
        query = loop.ask(cost=2, scores=dict.fromkeys(asked, 1.0))
        assert (len(query), query.cost, loop.spent) == (2, 2.0, 2.0)
        assert set(asked.values()) == {1}

    def test_too_dear_is_reported_once(self) -> None:
        loop = words({"a": 30, "b": 2, "c": 50, "d": 9})
        with pytest.warns(
            OverBudgetWarning, match=r"2 samples cost more than the whole 10"
        ) as caught:
            query = loop.ask(cost=10, scores=dict.fromkeys("abcd", 1.0))
        assert len(caught) == 1
        assert query.over_budget == ["a", "c"]
        assert "'a' (30), 'c' (50)" in query.note

    def test_all_too_dear(self) -> None:
        loop = words({"a": 30, "b": 20})
        with pytest.warns(OverBudgetWarning):
            query = loop.ask(cost=10, scores=dict.fromkeys("ab", 1.0))
        assert (query.ids, query.over_budget, query.round, query.cost) == ([], ["a", "b"], 0, None)
        assert (loop.round, loop.pending) == (0, [])

    def test_more_than_all_that_is_left_costs(self) -> None:
        loop = words({"a": 3, "b": 2})
        with pytest.warns(PoolExhaustedWarning, match="a cost of 10, and the 2 of .* cost 5"):
            query = loop.ask(cost=10, scores=dict.fromkeys("ab", 1.0))
        assert sorted(query.ids) == ["a", "b"]
        with pytest.warns(PoolExhaustedWarning, match="the 0 of the scored samples"):
            assert loop.ask(cost=10, scores={"a": 1.0}).ids == []

    def test_where_warnings_are_errors_nothing_was_asked(self) -> None:
        loop = words({"a": 30, "b": 2})
        with pytest.raises(OverBudgetWarning):
            loop.ask(cost=10, scores=dict.fromkeys("ab", 1.0))
        assert loop.round == 0

    def test_asked_by_number_has_no_cost(self) -> None:
        loop = words({"a": 3, "b": 2})
        assert loop.ask(1, scores={"a": 1.0, "b": 0.0}).cost is None
        assert loop.spent == 3.0

    def test_what_it_cost_is_kept(self, url: str) -> None:
        pool = {"a": "one two", "b": "one", "c": "one two three"}
        scores = {"a": 0.1, "b": 0.2, "c": 0.3}
        loop = al.ActiveLoop(None, pool, store=url, costs=lambda text: len(text.split()))
        assert loop.ask(cost=4, scores=scores).cost == 4.0
        loop.tell({"c": "x"})
        # Prices go up; what was asked was asked.
        again = al.ActiveLoop(None, pool, store=url, costs={"a": 20.0, "b": 10.0, "c": 30.0})
        assert again.spent == 4.0
        (open_one,) = again.pending_queries()
        assert (open_one.ids, open_one.cost) == (["b"], 1.0)
        how = SQLStore(url).asks()[1]
        assert (how["cost"], how["costs"], how["per_cost"]) == (4.0, [3.0, 1.0], False)
        again.skip(["b"])
        assert again.spent == 3.0
        assert again.ask(1, scores={"a": 1.0}).ids == ["a"]
        assert again.spent == 23.0

    @settings(max_examples=25, derandomize=True)
    @given(
        costs=st.lists(
            st.one_of(st.integers(1, 30).map(float), st.floats(0.01, 30.0)), min_size=1, max_size=15
        ),
        budgets=st.lists(st.floats(0.5, 60.0), min_size=1, max_size=4),
        per_cost=st.booleans(),
        seed=st.integers(0, 3),
    )
    def test_no_ask_exceeds_its_budget(
        self, costs: list[float], budgets: list[float], per_cost: bool, seed: int
    ) -> None:
        pool = {f"s{i}": cost for i, cost in enumerate(costs)}
        scores = dict(zip(pool, np.random.default_rng(seed).random(len(pool)), strict=True))
        loop = words(pool, seed=seed)
        seen: list[str] = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", LoopWarning)
            for budget in budgets:
                query = loop.ask(cost=budget, scores=scores, per_cost=per_cost)
                paid = sum(Fraction(pool[name]) for name in query.ids)
                assert paid <= Fraction(budget)
                left = [name for name in pool if name not in {*seen, *query.ids}]
                assert all(paid + Fraction(pool[name]) > Fraction(budget) for name in left)
                assert query.over_budget == [
                    name for name in pool if name not in seen and pool[name] > budget
                ]
                seen += query.ids
        assert loop.spent == math.fsum(pool[name] for name in seen)
        loop.close()


class TestErrors:
    def test_one_of_the_two(self) -> None:
        loop = words({"a": 1})
        with pytest.raises(InvalidInputError, match=r"n: expected a whole number .* or cost="):
            loop.ask()
        with pytest.raises(InvalidInputError, match="found n=1 and cost=2"):
            loop.ask(1, cost=2)
        with pytest.raises(InvalidInputError, match="per_cost: expected False with n"):
            loop.ask(1, per_cost=True)

    @pytest.mark.parametrize("cost", [0, -1, math.nan, math.inf, True, "ten"])
    def test_budgets_that_are_none(self, cost: Any) -> None:
        with pytest.raises(InvalidInputError, match="cost: expected a finite number above 0"):
            words({"a": 1}).ask(cost=cost)

    @pytest.mark.parametrize("cost", [0, -1, math.nan, math.inf, "ten", None])
    def test_costs_that_are_none_name_the_id(self, cost: Any) -> None:
        scores = {"a": 1.0, "b": 1.0}
        for costs in ({"a": 1, "b": cost}, lambda sample: cost if sample == "y" else 1):
            loop = al.ActiveLoop(None, {"a": "x", "b": "y"}, costs=costs)
            with pytest.raises(InvalidInputError, match=r"costs: .*above 0.*\(id 'b'\)"):
                loop.ask(cost=3, scores=scores)
            assert loop.round == 0

    def test_the_tasks_own(self) -> None:
        class Free(Cheap):
            def cost(self, sample: float, prediction: Any = None) -> float:
                return 0.0

        loop = al.ActiveLoop(Free(), {"a": 0.9}, progress=False)
        with pytest.raises(InvalidInputError, match=r"Free.cost: .*'a'.*1 \+ boxes"):
            loop.ask(cost=3)

    def test_a_dict_that_lacks_an_id(self) -> None:
        loop = al.ActiveLoop(None, {"a": "x", "b": "y"}, costs={"a": 1.0})
        with pytest.raises(UnknownNameError, match="it holds 1 costs and none of 'b'"):
            loop.ask(cost=3, scores={"a": 1.0, "b": 1.0})

    def test_what_costs_may_be(self) -> None:
        with pytest.raises(InvalidInputError, match="costs: expected a dict"):
            al.ActiveLoop(None, {"a": "x"}, costs=3)  # type: ignore[arg-type]

    def test_score_per_cost_needs_scores(self, make: Any, data: Data) -> None:
        for loop in (make(strategy="random"),):
            with pytest.raises(InvalidInputError, match="Random, which reads none"):
                loop.ask(cost=3, per_cost=True)
            with pytest.raises(InvalidInputError, match="Random, which reads none"):
                loop.run(al.Simulated(data[1]), cost_budget=9, cost_batch=3, per_cost=True)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({}, "cost_budget and cost_batch, in what they cost, found neither"),
            ({"budget": 5}, "found budget=5"),
            ({"cost_budget": 5.0}, "found cost_budget=5.0"),
            ({"budget": 5, "batch": 1, "cost_batch": 1}, "found budget=5, batch=1, cost_batch=1"),
            ({"cost_budget": 0, "cost_batch": 1}, "cost_budget: .* found 0"),
            ({"cost_budget": -5, "cost_batch": 1}, "cost_budget: .* found -5"),
            ({"cost_budget": 5, "cost_batch": 0}, "cost_batch: .* found 0"),
            ({"cost_budget": 5, "cost_batch": 1, "initial": 0}, "initial: .* found 0"),
            ({"budget": 5, "batch": 1, "per_cost": True}, "per_cost: expected False"),
            ({"budget": 0, "batch": 1}, "budget: .* found 0"),
        ],
    )
    def test_runs_without_a_budget(
        self, make: Any, data: Data, options: dict[str, Any], message: str
    ) -> None:
        with pytest.raises(InvalidInputError, match=message):
            make().run(al.Simulated(data[1]), **options)


class TestRun:
    def test_rounds_keep_to_their_marks(self, make: Any, data: Data, worker: ModuleType) -> None:
        task = worker.VectorTask()
        loop = make()
        rounds = list(loop.run(al.Simulated(data[1]), cost_budget=70, cost_batch=20, initial=25))
        assert [one.round for one in rounds] == [1, 2, 3, 4]
        spent = 0.0
        for one, mark in zip(rounds, (25, 45, 65, 70), strict=True):
            spent += sum(task.cost(data[0][name]) for name in one.ids)
            assert one.spent == pytest.approx(spent)
            assert mark - 4 < spent <= mark
        assert loop.spent == rounds[-1].spent <= 70
        assert make().rounds == rounds
        assert list(make().run(al.Simulated(data[1]), cost_budget=70, cost_batch=20)) == []

    def test_by_samples_there_is_no_cost(self, make: Any, data: Data) -> None:
        (one,) = make().run(al.Simulated(data[1]), 5, 5)
        assert one.spent is None

    def test_a_resumed_run_asks_the_same(self, make: Any, data: Data) -> None:
        oracle = al.Simulated(data[1])
        plan = {"cost_budget": 60, "cost_batch": 15, "per_cost": True}
        whole = make(store=None)
        rounds = list(whole.run(oracle, **plan))
        assert len(rounds) >= 4
        for _ in rounds:
            # Each by a process of its own.
            assert next(make().run(oracle, **plan)).round == make().round
        assert list(make().run(oracle, **plan)) == []
        assert [one.ids for one in make().rounds] == [one.ids for one in rounds]
        assert [one.spent for one in make().rounds] == [one.spent for one in rounds]

    def test_a_bigger_budget_goes_on(self, make: Any, data: Data) -> None:
        oracle = al.Simulated(data[1])
        list(make().run(oracle, cost_budget=40, cost_batch=20))
        later = list(make().run(oracle, cost_budget=80, cost_batch=20))
        assert [one.round for one in later] == [3, 4]
        whole = make(store=None)
        list(whole.run(oracle, cost_budget=80, cost_batch=20))
        assert [one.ids for one in whole.rounds] == [one.ids for one in make().rounds]

    def test_cut_off_between_asking_and_answering(self, make: Any, data: Data) -> None:
        whole = make(store=None)
        plan = {"cost_budget": 40, "cost_batch": 20}
        list(whole.run(al.Simulated(data[1]), **plan))

        class Dies:
            def label(self, query: al.Query) -> dict[str, str]:
                assert query.cost is not None
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            next(make().run(Dies(), **plan))
        assert make().pending == whole.rounds[0].ids
        list(make().run(al.Simulated(data[1]), **plan))
        assert [one.ids for one in make().rounds] == [one.ids for one in whole.rounds]

    def test_partial_answers_count_and_skips_do_not(self, make: Any, data: Data) -> None:
        class Half:
            def label(self, query: al.Query) -> dict[str, str]:
                return {name: data[1][name] for name in query.ids[: len(query) // 2]}

        loop = make()
        first, *_ = loop.run(Half(), cost_budget=30, cost_batch=15)
        before = loop.spent
        assert first.unanswered == len(first.ids) - len(first.ids) // 2
        assert 26 < before <= 30
        loop.skip(loop.pending)
        assert loop.spent < before - 5
        more = list(make().run(al.Simulated(data[1]), cost_budget=30, cost_batch=15))
        assert more
        assert 26 < make().spent <= 30

    def test_less_than_a_sample_on_average_ends_it(self, make: Any, data: Data) -> None:
        costs = {name: 1.0 + 8.0 * (i % 2) for i, name in enumerate(data[0])}

        class AllButOneCheap:
            def label(self, query: al.Query) -> dict[str, str]:
                spared = next(name for name in query.ids if costs[name] == 1.0)
                return {name: data[1][name] for name in query.ids if name != spared}

        loop = make(costs=costs)
        list(loop.run(AllButOneCheap(), cost_budget=30, cost_batch=30))
        assert loop.spent == 30
        loop.skip(loop.pending)
        assert loop.spent == 29  # and samples of 1 are left
        assert list(loop.run(al.Simulated(data[1]), cost_budget=30, cost_batch=30)) == []

    def test_score_per_cost_after_the_first_fit(self, make: Any, data: Data, url: str) -> None:
        plan = {"cost_budget": 30, "cost_batch": 15}
        by_score = list(make(store=None).run(al.Simulated(data[1]), **plan))
        rounds = list(make().run(al.Simulated(data[1]), **plan, per_cost=True))
        assert rounds[0].ids == by_score[0].ids  # random: there are no scores yet
        assert len(rounds[1].ids) > len(by_score[1].ids)
        assert [how["per_cost"] for how in SQLStore(url).asks().values()] == [True, True]

    def test_samples_that_fit_no_batch_are_named_once(self, make: Any, data: Data) -> None:
        costs = dict.fromkeys(data[0], 1.0) | {"s007": 40.0, "s009": 6.5}
        loop = make(costs=costs)
        with pytest.warns(
            OverBudgetWarning, match=r"2 samples .* 's007' \(40\), 's009' \(6.5\)"
        ) as w:
            rounds = list(loop.run(al.Simulated(data[1]), cost_budget=18, cost_batch=6))
        assert len(w) == 1
        assert [one.spent for one in rounds] == [6.0, 12.0, 18.0]
        assert not {"s007", "s009"} & set(loop.labels)

    def test_nothing_fits(self, make: Any, data: Data) -> None:
        loop = make(costs=dict.fromkeys(data[0], 9.0))
        with pytest.warns(OverBudgetWarning, match="120 samples"):
            assert list(loop.run(al.Simulated(data[1]), cost_budget=30, cost_batch=5)) == []
        assert loop.round == 0

    def test_what_rounds_leave_over_is_not_lost(self, make: Any, data: Data) -> None:
        loop = make(costs=dict.fromkeys(data[0], 3.0))
        rounds = list(loop.run(al.Simulated(data[1]), cost_budget=30, cost_batch=10))
        assert [one.spent for one in rounds] == [9.0, 18.0, 30.0]
        loop = make(costs=dict.fromkeys(data[0], 7.0), store=None)
        rounds = list(loop.run(al.Simulated(data[1]), cost_budget=30, cost_batch=10))
        assert [one.spent for one in rounds] == [7.0, 14.0, 28.0]

    def test_a_near_mark_does_not_end_a_run(self, make: Any, data: Data) -> None:
        # The cheap ones leave 4 of a batch of 10, and nothing that is left costs less than 9.
        costs = {name: 1.0 if i < 16 else 9.0 for i, name in enumerate(data[0])}
        ids = list(data[0])

        class CheapFirst:
            reads_scores = False
            needs = frozenset[str]()

            def select(self, candidates: al.Candidates, n: int, *, rng: Any) -> list[str]:
                return sorted(candidates.ids, key=ids.index)[:n]

        plan = {"cost_budget": 60, "cost_batch": 10}
        options = {"costs": costs, "cold_start": CheapFirst(), "strategy": CheapFirst()}
        loop = make(**options)
        rounds = list(loop.run(al.Simulated(data[1]), **plan))
        assert [one.spent for one in rounds] == [10.0, 16.0, 25.0, 34.0, 43.0, 52.0]
        whole = [one.ids for one in rounds]
        again = make(store=None, **options)
        for one in whole:  # each begun anew
            assert next(iter(again.run(al.Simulated(data[1]), **plan))).ids == one

    def test_dearer_than_the_whole_budget(self, make: Any, data: Data) -> None:
        loop = make(costs=dict.fromkeys(data[0], 9.0))
        with pytest.warns(OverBudgetWarning, match="120 samples cost more than the whole 5 "):
            assert list(loop.run(al.Simulated(data[1]), cost_budget=5, cost_batch=20)) == []

    def test_a_beginning_that_buys_nothing(self, make: Any, data: Data) -> None:
        loop = make(costs=dict.fromkeys(data[0], 9.0))
        with pytest.raises(InvalidInputError, match=r"initial: expected at least 9, .*found 5"):
            list(loop.run(al.Simulated(data[1]), cost_budget=50, cost_batch=20, initial=5))
        assert loop.round == 0

    def test_the_whole_pool(self, make: Any, data: Data) -> None:
        loop = make(costs=dict.fromkeys(data[0], 1.0))
        with pytest.warns(PoolExhaustedWarning, match="cost 20 together") as caught:
            rounds = list(loop.run(al.Simulated(data[1]), cost_budget=500, cost_batch=100))
        assert len(caught) == 1
        assert [len(one.ids) for one in rounds] == [100, 20]

    def test_the_oracles_own_cost_is_another_thing(self, make: Any, data: Data) -> None:
        oracle = al.Simulated(data[1], cost=lambda name, label: 0.5)
        costs = dict.fromkeys(data[0], 2.0)
        (one,) = make(costs=costs).run(oracle, cost_budget=10, cost_batch=10)
        assert (len(one.ids), one.spent, one.cost) == (5, 10.0, 2.5)

    def test_a_mixed_history(self, make: Any, data: Data) -> None:
        loop = make(costs=dict.fromkeys(data[0], 2.0))
        query = loop.ask(4)
        loop.tell({name: data[1][name] for name in query.ids})
        rounds = list(loop.run(al.Simulated(data[1]), cost_budget=30, cost_batch=10))
        # Up to the mark of 10 it is less than half a batch.
        assert [one.spent for one in rounds] == [8.0, 20.0, 30.0]

    def test_a_small_beginning(self, make: Any, data: Data) -> None:
        loop = make(costs=dict.fromkeys(data[0], 1.0))
        rounds = list(loop.run(al.Simulated(data[1]), cost_budget=30, cost_batch=20, initial=5))
        assert [one.spent for one in rounds] == [5.0, 25.0, 30.0]


class TestLookedUpOnce:
    def test_a_function_is_called_once_a_sample(self, data: Data, worker: ModuleType) -> None:
        seen: list[Any] = []

        def price(sample: Any) -> float:
            seen.append(tuple(sample))
            return 1.0 + abs(sample[0])

        loop = al.ActiveLoop(worker.VectorTask(), data[0], costs=price, progress=False)
        rounds = list(loop.run(al.Simulated(data[1]), cost_budget=60, cost_batch=20))
        assert len(rounds) >= 3
        assert loop.spent <= 60
        assert len(seen) == len(set(seen)) == len(data[0])

    def test_a_task_is_asked_once_a_sample(self, make: Any, worker: ModuleType, data: Data) -> None:
        class Counting(worker.VectorTask):  # type: ignore[name-defined, misc]
            looked = 0

            def cost(self, sample: Any, prediction: Any = None) -> float:
                self.looked += 1
                return float(super().cost(sample, prediction))

        loop = make(task=Counting())
        list(loop.run(al.Simulated(data[1]), cost_budget=60, cost_batch=20))
        loop.ask(cost=10)
        assert loop.task.looked == len(data[0])

    def test_a_dict_may_be_changed(self) -> None:
        prices = {"a": 1.0, "b": 5.0}
        loop = al.ActiveLoop(None, {"a": "x", "b": "y"}, costs=prices)
        assert loop.ask(cost=1, scores={"a": 0.0}).ids == ["a"]
        prices["b"] = 2.0
        assert loop.ask(cost=2, scores={"b": 0.0}).ids == ["b"]

    def test_a_sample_that_can_not_be_read_is_named(self) -> None:
        class Damaged:
            def __len__(self) -> int:
                return 3

            def __getitem__(self, row: int) -> float:
                if row == 1:
                    raise OSError("truncated")
                return float(row)

        loop = al.ActiveLoop(None, Damaged(), costs=lambda x: 1 + x)
        with pytest.raises(UnreadableSampleError, match=r"'1': OSError: truncated.*loop.skip"):
            loop.ask(cost=3, scores=[0.1, 0.2, 0.3])
        loop.skip(["1"])
        assert loop.ask(cost=3, scores=[0.1, 0.2, 0.3]).ids == ["2"]


class Boxes:
    """Samples say how many boxes the model will see, after so many fits; labels are boxes."""

    default_acquisition = "least_confidence"

    def __init__(self) -> None:
        self.fits = 0
        self.passes = 0

    def predict(self, samples: Any) -> al.Categorical:
        return al.Categorical([[0.5 + 0.001 * x, 0.5 - 0.001 * x] for x, _ in samples])

    def fit(self, samples: Any, labels: Any, *, seed: int) -> None:
        del samples, labels, seed
        self.fits += 1

    def cost(self, sample: Any, prediction: Any = None) -> float:
        del sample, prediction
        return 1.0

    def costs(self, samples: Any) -> list[float]:
        self.passes += len(samples)
        return [1.0 if self.fits == 0 else float(expected) for _, expected in samples]

    def label_cost(self, label: Any) -> float:
        return max(1.0, float(len(label)))


class TestPredictedCosts:
    pool: ClassVar[dict[str, tuple[int, int]]] = {f"s{i:02d}": (i, 1 + i % 5) for i in range(40)}
    boxes: ClassVar[dict[str, list[int]]] = {
        name: [0] * (2 * expected) for name, (_, expected) in pool.items()
    }

    def test_what_is_expected_is_spent_and_then_what_was_drawn(self, url: str) -> None:
        loop = al.ActiveLoop(Boxes(), self.pool, store=url, progress=False)
        first = loop.ask(cost=4)
        assert (len(first), first.cost, loop.spent) == (4, 4.0, 4.0)  # the model sees nothing yet
        drawn = sum(len(self.boxes[name]) for name in first.ids[:3])
        loop.tell({name: self.boxes[name] for name in first.ids[:3]})
        assert loop.spent == drawn + 1
        loop.fit()
        second = loop.ask(cost=12)
        assert second.cost == sum(self.pool[name][1] for name in second.ids) <= 12
        assert loop.spent == drawn + 1 + second.cost
        name = first.ids[0]
        loop.tell({name: [0]}, replace=True)
        expected = drawn - len(self.boxes[name]) + 1 + 1 + second.cost
        assert loop.spent == expected
        again = al.ActiveLoop(Boxes(), self.pool, store=url, progress=False)
        assert again.spent == expected

    def test_a_run_counts_boxes_not_images(self, url: str) -> None:
        plan: dict[str, Any] = {"cost_budget": 60, "cost_batch": 15, "initial": 4}

        def run(**options: Any) -> list[Round]:
            loop = al.ActiveLoop(Boxes(), self.pool, progress=False, seed=1, **options)
            return list(loop.run(al.Simulated(self.boxes), **plan))

        rounds = run()
        drawn = sum(len(self.boxes[name]) for one in rounds for name in one.ids)
        assert rounds[-1].spent == drawn
        assert sum(len(one.ids) for one in rounds) < 20  # images
        assert drawn <= 60 + 15  # the last batch's boxes were more than expected
        whole = [one.ids for one in rounds]
        loop = al.ActiveLoop(Boxes(), self.pool, store=url, progress=False, seed=1)
        for one in loop.run(al.Simulated(self.boxes), cost_budget=60, cost_batch=15, initial=4):
            if one.round == 2:
                break
        assert [*[one.ids for one in loop.rounds], *[one.ids for one in run(store=url)]] == whole

    def test_each_sample_is_predicted_once_a_fit(self) -> None:
        loop = al.ActiveLoop(Boxes(), self.pool, progress=False)
        rounds = list(loop.run(al.Simulated(self.boxes), cost_budget=60, cost_batch=15))
        assert loop.task.passes <= 40 * (len(rounds) + 1)

    def test_the_users_costs_count_throughout(self) -> None:
        loop = al.ActiveLoop(Boxes(), self.pool, progress=False, costs=lambda _: 3.0)
        query = loop.ask(cost=9)
        loop.tell({name: self.boxes[name] for name in query.ids})
        assert (loop.spent, loop.task.passes) == (9.0, 0)

    def test_an_image_that_can_not_be_read_is_left_out_of_its_batch(self) -> None:
        class Damaged:
            def __len__(self) -> int:
                return 40

            def __getitem__(self, row: int) -> tuple[int, int]:
                if row == 3:
                    raise OSError("truncated")
                return row, 2

        loop = al.ActiveLoop(Boxes(), Damaged(), progress=False)
        with pytest.raises(UnreadableSampleError, match=r"'3': OSError: truncated.*loop.skip"):
            loop.ask(cost=4)
        loop.skip(["3"])
        assert loop.ask(cost=4).cost == 4

    @pytest.mark.parametrize("costs", [[1.0], [0.0] * 32, ["a"] * 32])
    def test_what_a_task_predicts_is_checked(self, costs: Any) -> None:
        class Wrong(Boxes):
            def costs(self, samples: Any) -> Any:
                return costs[: len(samples)]

        loop = al.ActiveLoop(Wrong(), self.pool, progress=False)
        with pytest.raises(InvalidInputError, match=r"Wrong\.costs: expected"):
            loop.ask(cost=4)


ODD = [
    math.nan, math.inf, -math.inf, 0, -1, 0.0, "1e3", "5", True, None, 2 + 0j, np.complex64(2),
    Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), 10**400, np.array([2]), [2],
]  # fmt: skip


@pytest.mark.parametrize("value", ODD, ids=lambda value: f"{value!r}"[:20])
def test_odd_budgets_are_refused_by_name(value: Any) -> None:
    loop = al.ActiveLoop(Trained(), {"a": 0.1, "b": 0.2})
    oracle = al.Simulated({"a": 0, "b": 1})
    if value is not None:
        with pytest.raises(InvalidInputError, match=r"^cost: expected a finite number"):
            loop.ask(cost=value)
        for name in ("cost_budget", "cost_batch", "initial"):
            given = {"cost_budget": 2, "cost_batch": 1, name: value}
            with pytest.raises(InvalidInputError, match=rf"^{name}: expected a finite number"):
                list(loop.run(oracle, **given))
        if not isinstance(value, int) or value < 1:
            for name in ("budget", "batch", "initial"):
                given = {"budget": 2, "batch": 1, name: value}
                with pytest.raises(InvalidInputError, match=rf"^{name}: expected a whole number"):
                    list(loop.run(oracle, **given))
    with pytest.raises(InvalidInputError, match=r"costs: .*id 'a'"):
        al.ActiveLoop(None, {"a": "x"}, costs={"a": value}).ask(cost=1, scores={"a": 1.0})
    assert loop.round == 0


@pytest.mark.parametrize("kind", [int, float, np.int8, np.uint16, np.float16, Decimal, Fraction])
def test_numbers_of_every_kind_are_budgets(kind: Any) -> None:
    loop = words(dict.fromkeys("abcdef", 1))
    assert len(loop.ask(cost=kind(2), scores=dict.fromkeys("abcdef", 0.5))) == 2
    samples = dict.fromkeys("abcdef", 0.1)
    costs = {name: kind(1) for name in "abcdef"}
    oracle = al.Simulated(dict.fromkeys("abcdef", 1), cost=kind(3))
    run = al.ActiveLoop(Trained(), samples, costs=costs).run(
        oracle, cost_budget=kind(4), cost_batch=kind(2)
    )
    assert [(one.labelled, one.spent, one.cost) for one in run] == [(2, 2.0, 6.0), (4, 4.0, 6.0)]
    if not issubclass(kind, float | np.floating | Decimal | Fraction):
        run = al.ActiveLoop(Trained(), samples).run(
            oracle, budget=kind(5), batch=kind(3), initial=kind(2)
        )
        assert [one.labelled for one in run] == [2, 5]


class CountingPrices(dict[str, float]):
    """A dict of prices that notes how often each was read."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.reads: dict[str, int] = {}

    def __getitem__(self, name: str) -> float:
        self.reads[name] = self.reads.get(name, 0) + 1
        return super().__getitem__(name)


@pytest.mark.parametrize("needs_costs", [False, True])
def test_a_price_is_looked_up_once_a_round(needs_costs: bool) -> None:
    class Dearest:
        needs = frozenset({"costs"} if needs_costs else set())

        def select(self, candidates: Any, n: int, rng: Any) -> list[str]:
            return sorted(candidates.ids)[:n]

    pool = {f"s{i:02d}": i / 100 for i in range(60)}
    prices = CountingPrices({name: 1.0 + value for name, value in pool.items()})
    loop = al.ActiveLoop(
        Trained(), pool, costs=prices, strategy=Dearest(), cold_start=Dearest(), progress=False
    )
    oracle = al.Simulated(dict.fromkeys(pool, "a"))
    most = []
    for _ in loop.run(oracle, cost_budget=30, cost_batch=6):
        most.append(max(prices.reads.values()))
        prices.reads.clear()
    assert len(most) >= 4
    assert set(most) == {1}
    loop.ask(3)
    assert max(prices.reads.values(), default=0) <= int(needs_costs)

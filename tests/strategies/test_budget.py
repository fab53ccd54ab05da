from __future__ import annotations

import inspect
import math
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import altasks as al
from altasks.errors import InvalidInputError, UnknownNameError
from altasks.registry import STRATEGIES, get_strategy
from altasks.strategies import Candidates, Hybrid, KCenter, Power, Random, Strategy, TopK
from altasks.strategies.budget import float_below, remaining, select_within
from altasks.testing.strategies import POOLS, make_candidates

WRAPPERS = {"balanced", "epsilon_greedy", "hybrid", "subsampled"}
OPTIONS: dict[str, dict[str, Any]] = {"batch_bald": {"configurations": 100}}


def needs_options(name: str) -> bool:
    """Whether a strategy can't be made without saying more, as a wrapper's inner one."""
    parameters = inspect.signature(get_strategy(name)).parameters.values()
    return any(one.default is one.empty and one.kind is not one.VAR_KEYWORD for one in parameters)


PLAIN = [name for name in STRATEGIES.names() if not needs_options(name)]
COSTS = st.one_of(
    st.integers(1, 40).map(float),
    st.floats(0.01, 40.0),
    st.sampled_from([1e-300, 0.1, 0.30000000000000004, 1e9]),
)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def pool(values: Any, costs: Any, **fields: Any) -> Candidates:
    return Candidates([f"s{i}" for i in range(len(values))], values, costs=costs, **fields)


def walk(order: list[str], cost_of: dict[str, float], budget: float) -> list[str]:
    """Greedily, one by one, down the whole order."""
    left, picks = Fraction(budget), []
    for name in order:
        if Fraction(cost_of[name]) <= left:
            left -= Fraction(cost_of[name])
            picks.append(name)
    return picks


def check(candidates: Candidates, budget: float, found: Any) -> None:
    """What holds for every strategy."""
    cost_of = dict(zip(candidates.ids, candidates.costs.tolist(), strict=True))
    costs = [cost_of[name] for name in found.picks]
    assert len(set(found.picks)) == len(found.picks)
    assert sum(map(Fraction, costs)) <= Fraction(budget)
    assert found.spent == math.fsum(costs) <= budget
    assert found.over_budget == [name for name in candidates.ids if cost_of[name] > budget]
    # Nothing that is left would still fit.
    left = Fraction(budget) - sum(map(Fraction, costs))
    others = set(candidates.ids) - set(found.picks)
    assert all(Fraction(cost_of[name]) > left for name in others)


@settings(max_examples=120, derandomize=True)
@given(
    costs=st.lists(COSTS, min_size=0, max_size=30),
    budget=st.one_of(st.integers(1, 200).map(float), st.floats(0.001, 300.0)),
    name=st.sampled_from(["top_k", "random", "power"]),
    per_cost=st.booleans(),
    seed=st.integers(0, 5),
)
def test_a_walk_down_the_whole_order(
    costs: list[float], budget: float, name: str, per_cost: bool, seed: int
) -> None:
    values = np.random.default_rng(seed).integers(0, 5, len(costs)) / 4  # with ties
    candidates = pool(values, np.array(costs))
    strategy: Strategy = get_strategy(name)()
    per_cost = per_cost and name != "random"
    found = select_within(strategy, candidates, budget, rng=rng(seed), per_cost=per_cost)
    check(candidates, budget, found)
    read = values / np.array(costs) if per_cost else values
    # The order of those that aren't too dear, by the generator that each selection gets.
    inner = np.random.default_rng(rng(seed).integers(0, 2**63, dtype=np.int64))
    rows = np.flatnonzero(candidates.costs <= budget)
    order = strategy.select(pool(read, costs).take(rows), len(rows), rng=inner)
    cost_of = dict(zip(candidates.ids, costs, strict=True))
    assert found.picks == walk(order, cost_of, budget)


def test_the_strategies_at_hand_are_many() -> None:
    assert len(PLAIN) > 15


@pytest.mark.parametrize("name", PLAIN)
def test_every_strategy_keeps_within_the_budget(name: str) -> None:
    strategy: Strategy = get_strategy(name)(**OPTIONS.get(name, {}))
    for seed, kind in enumerate(POOLS):
        candidates = make_candidates(strategy.needs | {"costs"}, 40, kind=kind, seed=seed)
        turned = candidates.take(np.random.default_rng(seed).permutation(40))
        for budget in (0.4, 1.9, 9.0, 1000.0):
            found = select_within(strategy, candidates, budget, rng=rng(seed))
            check(candidates, budget, found)
            # The order of the pool doesn't matter, and the same generator gives the same.
            again = select_within(strategy, turned, budget, rng=rng(seed))
            assert again.picks == found.picks
    empty = make_candidates(strategy.needs | {"costs"}, 0, labelled=0, pending=0)
    assert select_within(strategy, empty, 1.0, rng=rng()) == ([], 0.0, [])


@pytest.mark.parametrize("wrapper", sorted(WRAPPERS))
def test_wrappers_too(wrapper: str) -> None:
    options: dict[str, Any] = {"subsampled": {"size": 12}, "epsilon_greedy": {}}.get(wrapper, {})
    strategy: Strategy = get_strategy(wrapper)("top_k", **options)
    candidates = make_candidates(strategy.needs | {"costs"}, 60)
    for budget in (3.0, 20.0):
        check(candidates, budget, select_within(strategy, candidates, budget, rng=rng()))


def test_by_score_and_by_score_per_cost() -> None:
    candidates = pool([0.9, 0.8, 0.3], [10.0, 2.0, 1.0])
    assert select_within("top_k", candidates, 11, rng=rng()).picks == ["s0", "s2"]
    found = select_within("top_k", candidates, 11, rng=rng(), per_cost=True)
    assert found == (["s1", "s2"], 3.0, [])
    # The candidates themselves are left alone.
    assert candidates.values.tolist() == [0.9, 0.8, 0.3]


def test_too_dear_is_reported_and_does_not_stop_the_walk() -> None:
    candidates = pool([0.9, 0.8, 0.7, 0.1], [11.0, 6.0, 500.0, 4.0])
    assert select_within(TopK(), candidates, 10, rng=rng()) == (["s1", "s3"], 10.0, ["s0", "s2"])
    assert select_within(TopK(), candidates, 3, rng=rng()) == ([], 0.0, candidates.ids)


def test_equal_costs_give_what_n_gives() -> None:
    candidates = make_candidates(frozenset({"costs", *KCenter.needs}), 50)
    candidates = Candidates(
        candidates.ids, candidates.values, candidates.embeddings, costs=np.full(50, 2.0),
        labelled_embeddings=candidates.labelled_embeddings,
        pending_embeddings=candidates.pending_embeddings,
    )  # fmt: skip
    for strategy in (TopK(), Random(), KCenter(), Power(), Hybrid("top_k", 3)):
        found = select_within(strategy, candidates, 21.0, rng=rng(3))
        inner = np.random.default_rng(rng(3).integers(0, 2**63, dtype=np.int64))
        assert found.picks == strategy.select(candidates, 10, rng=inner)


class Counted:
    """A strategy that says how often it was asked, and what for."""

    needs: ClassVar[frozenset[str]] = frozenset({"embeddings", "pending_embeddings"})

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.pending: list[Any] = []

    def select(self, candidates: Candidates, n: int, *, rng: np.random.Generator) -> list[str]:
        self.asked.append(n)
        self.pending.append(candidates.pending_embeddings)
        return TopK().select(candidates, n, rng=rng)


@pytest.mark.parametrize("as_tensor", [False, True])
def test_what_is_left_over_is_a_batch_that_knows_the_picks(as_tensor: bool) -> None:
    vectors = np.arange(8.0)[:, None]
    candidates = pool(
        np.arange(8.0)[::-1].copy(), [5.0, 5, 5, 5, 5, 5, 5, 1],
        embeddings=torch.from_numpy(vectors) if as_tensor else vectors,
        pending_embeddings=np.array([[-1.0]]),
    )  # fmt: skip
    strategy = Counted()
    assert select_within(strategy, candidates, 11, rng=rng()).picks == ["s0", "s1", "s7"]
    assert [np.asarray(block).ravel().tolist() for block in strategy.pending] == [
        *[[-1.0]] * (len(strategy.asked) - 1),
        [-1.0, 0.0, 1.0],
    ]


def test_a_strategy_that_likes_the_cheap_still_gives_one_batch() -> None:
    costs = np.repeat([1.0, 3.0], 50)  # the mean of 2 says 20 samples, and there are 40 to be had
    candidates = pool(
        np.linspace(1, 0, 100), costs,
        embeddings=np.zeros((100, 1)), pending_embeddings=np.zeros((0, 1)),
    )  # fmt: skip
    strategy = Counted()
    found = select_within(strategy, candidates, 40.0, rng=rng())
    assert found.picks == [f"s{i}" for i in range(40)]
    assert strategy.asked == sorted(strategy.asked)
    assert all(len(block) == 0 for block in strategy.pending)  # nothing was left to a second one


def test_costly_strategies_are_asked_for_little() -> None:
    costs = np.random.default_rng(0).integers(1, 40, 5000).astype(float)
    candidates = pool(
        np.random.default_rng(1).random(5000), costs,
        embeddings=np.zeros((5000, 1)), pending_embeddings=np.zeros((0, 1)),
    )  # fmt: skip
    strategy = Counted()
    found = select_within(strategy, candidates, 2000.0, rng=rng())
    assert found.spent == 2000.0
    assert len(strategy.asked) < 10
    assert sum(strategy.asked) < 4 * len(found.picks)


def test_costs_that_do_not_add_up_evenly() -> None:
    tenths = pool(np.ones(20), np.full(20, 0.1))
    assert len(select_within("top_k", tenths, 1.0, rng=rng()).picks) == 9
    ones = pool(np.ones(20), np.ones(20))
    assert len(select_within("top_k", ones, 10, rng=rng()).picks) == 10


def test_tiny_costs_and_per_cost_stay_finite() -> None:
    candidates = pool([1.0, 1.0, 0.0], [5e-324, 1.0, 1.0])
    assert select_within("top_k", candidates, 1.0, rng=rng(), per_cost=True).picks[0] == "s0"
    assert select_within("top_k", candidates, 1e300, rng=rng()).spent == 2.0


@pytest.mark.parametrize("budget", [0, -3, math.nan, math.inf, True, "12", None])
def test_budgets_that_are_none(budget: Any) -> None:
    with pytest.raises(InvalidInputError, match="budget: expected a finite number above 0"):
        select_within("top_k", pool([1.0], [1.0]), budget, rng=rng())


def test_what_it_refuses() -> None:
    with pytest.raises(InvalidInputError, match=r"candidates\.costs: expected"):
        select_within("top_k", Candidates(["a"], [1.0]), 3, rng=rng())
    with pytest.raises(InvalidInputError, match=r"costs: .*above 0, found 0 \(id 's1'\)"):
        pool([1.0, 1.0], [1.0, 0.0])
    with pytest.raises(InvalidInputError, match="Random, which reads none"):
        select_within("random", pool([1.0], [1.0]), 3, rng=rng(), per_cost=True)
    with pytest.raises(InvalidInputError, match=r"per_cost: .*found -0.5 \(id 's1'\)"):
        select_within("top_k", pool([1.0, -0.5], [1.0, 1.0]), 3, rng=rng(), per_cost=True)
    with pytest.raises(UnknownNameError):
        select_within("top_kk", pool([1.0], [1.0]), 3, rng=rng())


def test_a_strategy_that_breaks_its_promise() -> None:
    class Liar(TopK):
        def select(self, candidates: Candidates, n: int, *, rng: Any) -> list[str]:
            return [f"other {i}" for i in range(n)]

    with pytest.raises(InvalidInputError, match="ids of candidates from Liar, found 'other 0'"):
        select_within(Liar(), pool([1.0], [1.0]), 3, rng=rng())


def test_remaining_never_rounds_up() -> None:
    for costs in ([0.1] * 7, [1e16, 1.0], [0.3, 0.6]):
        left = remaining(1e16 + 2, costs)
        assert Fraction(left) + sum(map(Fraction, costs)) <= Fraction(1e16 + 2)
    assert remaining(3, []) == 3.0
    assert float_below(Fraction(1, 3)) <= Fraction(1, 3) < math.nextafter(1 / 3, 1)


def test_it_is_public() -> None:
    assert al.select_within is select_within

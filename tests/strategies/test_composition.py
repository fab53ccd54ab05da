"""Every registered strategy keeps the rules inside every wrapper, and by its defaults alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from altasks.registry import STRATEGIES, get_strategy
from altasks.strategies import Balanced, EpsilonGreedy, Hybrid, Strategy, Subsampled
from altasks.testing.strategies import POOLS, make_candidates

WRAPPERS: dict[str, Callable[[Strategy], Strategy]] = {
    "balanced": Balanced,
    "epsilon_greedy": lambda inner: EpsilonGreedy(inner, 0.3),
    "hybrid": lambda inner: Hybrid(inner, 2),
    "subsampled": lambda inner: Subsampled(inner, 20),
    "seals": lambda inner: Subsampled(inner, 20, "seals", neighbours=5),
    "all of them": lambda inner: Subsampled(
        Hybrid(EpsilonGreedy(Balanced(inner), 0.2), 3), 30, "seals", neighbours=8
    ),
}
_RNG = np.random.default_rng(0)
OPTIONS = {
    "batch_bald": {"configurations": 100},  # the default is made for larger pools than these
    "fisher_matching": {"target": (_RNG.normal(size=(9, 5)), _RNG.dirichlet(np.ones(4), 9))},
}
PLAIN = sorted(set(STRATEGIES.names()) - set(WRAPPERS))


def make(name: str) -> Strategy:
    strategy: Strategy = get_strategy(name)(**OPTIONS.get(name, {}))
    return strategy


def check(strategy: Strategy, batches: tuple[int, ...] = (1, 9)) -> None:
    for seed, kind in enumerate(POOLS):
        candidates = make_candidates(strategy.needs, 40, kind=kind, seed=seed)
        order = np.random.default_rng(seed).permutation(40)
        for n in batches:
            picks = strategy.select(candidates, n, rng=np.random.default_rng(seed))
            assert len(picks) == len(set(picks)) == n
            assert set(picks) <= set(candidates.ids)
            again = strategy.select(candidates.take(order), n, rng=np.random.default_rng(seed))
            assert again == picks
        empty = make_candidates(strategy.needs, 0, labelled=0, pending=0)
        assert strategy.select(empty, 3, rng=np.random.default_rng(0)) == []


@pytest.mark.parametrize("name", PLAIN)
def test_by_its_defaults(name: str) -> None:
    check(make(name), (1, 40))


@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.parametrize("name", PLAIN)
def test_inside_a_wrapper(name: str, wrapper: str) -> None:
    inner = make(name)
    strategy = WRAPPERS[wrapper](inner)
    assert strategy.needs >= inner.needs
    check(strategy)

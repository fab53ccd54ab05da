from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
import pytest

from altasks.errors import InvalidInputError
from altasks.strategies import Candidates, Hybrid, KCenter, Random, TopK, TypiClust
from altasks.testing.strategies import POOLS, StrategySuite, make_candidates


class TestHybrid(StrategySuite):
    @pytest.fixture
    def strategy(self) -> Hybrid:
        return Hybrid(KCenter(), 3)


@pytest.mark.parametrize("kind", POOLS)
def test_only_the_highest_scores_are_seen(kind: str) -> None:
    for seed in range(30):
        size, n = 10 + seed, 1 + seed % 7
        beta = (1, 1.5, 4, 100)[seed % 4]
        candidates = make_candidates(TypiClust.needs, size, kind=kind, seed=seed)
        picks = Hybrid("typiclust", beta).select(candidates, n, rng=np.random.default_rng(seed))
        floor = np.sort(candidates.values)[::-1][min(size, math.ceil(beta * n)) - 1]
        value = dict(zip(candidates.ids, candidates.values, strict=True))
        assert all(value[name] >= floor for name in picks)


def test_the_ends() -> None:
    candidates = make_candidates(frozenset(), 40)
    top = TopK().select(candidates, 8, rng=np.random.default_rng(0))
    assert set(Hybrid("random", 1).select(candidates, 8, rng=np.random.default_rng(0))) == set(top)
    free = Random().select(candidates, 8, rng=np.random.default_rng(0))
    assert Hybrid("random", np.inf).select(candidates, 8, rng=np.random.default_rng(0)) == free


class Short:
    """Breaks its promise: one id, whatever was asked."""

    needs: ClassVar[frozenset[str]] = frozenset()

    def select(self, candidates: Candidates, n: int, *, rng: np.random.Generator) -> list[str]:
        return list(candidates.ids[:1])


def test_a_strategy_that_breaks_its_promise_is_named() -> None:
    with pytest.raises(InvalidInputError, match="3 distinct ids from Short"):
        Hybrid(Short()).select(make_candidates(frozenset(), 9), 3, rng=np.random.default_rng(0))


def test_bad_beta() -> None:
    with pytest.raises(InvalidInputError, match="beta"):
        Hybrid("top_k", 0.5)

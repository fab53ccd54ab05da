from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from altasks.errors import InvalidInputError
from altasks.strategies import DensityWeighted, TopK
from altasks.testing.strategies import POOLS, StrategySuite, make_candidates, replace


class TestCosine(StrategySuite):
    @pytest.fixture
    def strategy(self) -> DensityWeighted:
        return DensityWeighted()


class TestRbf(StrategySuite):
    @pytest.fixture
    def strategy(self) -> DensityWeighted:
        return DensityWeighted(0.5, kernel="rbf", sample=20)


def cosine(a: list[float], b: list[float]) -> float:
    lengths = math.sqrt(sum(x * x for x in a)) * math.sqrt(sum(x * x for x in b))
    return sum(x * y for x, y in zip(a, b, strict=True)) / lengths if lengths else 0.0


def rbf(a: list[float], b: list[float]) -> float:
    return math.exp(-0.3 * sum((x - y) ** 2 for x, y in zip(a, b, strict=True)))


@pytest.mark.parametrize("kind", POOLS)
@pytest.mark.parametrize(("kernel", "similarity"), [("cosine", cosine), ("rbf", rbf)])
def test_equals_all_pairs(kind: str, kernel: Any, similarity: Any) -> None:
    for seed in range(25):
        size, beta = 1 + seed, (0.0, 0.5, 1.0, 2.0)[seed % 4]
        candidates: Any = make_candidates(frozenset({"embeddings"}), size, kind=kind, seed=seed)
        rows = candidates.embeddings.astype(np.float64).tolist()
        weighted = {
            name: value * max(sum(similarity(row, other) for other in rows) / size, 0.0) ** beta
            for name, value, row in zip(candidates.ids, candidates.values, rows, strict=True)
        }
        n = 1 + seed % size
        strategy = DensityWeighted(beta, kernel=kernel, gamma=0.3)
        picks = strategy.select(candidates, n, rng=np.random.default_rng(seed))
        expected = sorted(weighted.values(), reverse=True)[:n]
        assert [weighted[name] for name in picks] == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_beta_zero_is_the_top() -> None:
    candidates = make_candidates(frozenset({"embeddings"}), 30)
    top = TopK().select(candidates, 6, rng=np.random.default_rng(0))
    assert DensityWeighted(0).select(candidates, 6, rng=np.random.default_rng(0)) == top


def test_an_outlier_loses_to_the_crowd() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal((8, 0, 0), 1, (51, 3))
    points[50] = [-3, 90, 0]
    values = np.full(51, 0.8)
    values[50] = 1.0
    made = make_candidates(frozenset({"embeddings"}), 51, dim=3)
    candidates = replace(made, embeddings=points, values=values)
    for kernel in ("cosine", "rbf"):
        strategy = DensityWeighted(kernel=kernel)
        picks = strategy.select(candidates, 50, rng=np.random.default_rng(0))
        assert "random-50" not in picks


def test_a_sample_of_the_pool_comes_close() -> None:
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.normal(0, 1, (900, 2)), rng.normal(5, 1, (300, 2))])
    made = make_candidates(frozenset({"embeddings"}), 1200, dim=2)
    candidates = replace(made, embeddings=points, values=np.ones(1200))
    exact = DensityWeighted(kernel="rbf", gamma=0.5, sample=1200)
    drawn = DensityWeighted(kernel="rbf", gamma=0.5, sample=400)
    first = exact.select(candidates, 200, rng=np.random.default_rng(0))
    second = drawn.select(candidates, 200, rng=np.random.default_rng(0))
    assert len(set(first) & set(second)) > 140


def test_a_negative_score_is_named() -> None:
    candidates = make_candidates(frozenset({"embeddings"}), 3)
    bad = replace(candidates, values=[1.0, -2.0, 0.0])
    with pytest.raises(InvalidInputError, match="'random-1'"):
        DensityWeighted().select(bad, 1, rng=np.random.default_rng(0))


@pytest.mark.parametrize(
    "option", [{"beta": -1.0}, {"kernel": "linear"}, {"gamma": 0.0}, {"sample": 0}]
)
def test_bad_options(option: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError, match=next(iter(option))):
        DensityWeighted(**option)

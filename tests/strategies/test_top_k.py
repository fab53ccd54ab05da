from __future__ import annotations

import numpy as np
import pytest

from altasks.strategies import Candidates, TopK
from altasks.testing.strategies import POOLS, StrategySuite, make_candidates


class TestTopK(StrategySuite):
    @pytest.fixture
    def strategy(self) -> TopK:
        return TopK()


@pytest.mark.parametrize("kind", POOLS)
def test_equals_sorting(kind: str) -> None:
    for seed in range(50):
        size = 1 + seed
        candidates = make_candidates(frozenset(), size, kind=kind, seed=seed)
        n = 1 + seed % size
        picks = TopK().select(candidates, n, rng=np.random.default_rng(seed))
        value = dict(zip(candidates.ids, candidates.values, strict=True))
        assert [value[name] for name in picks] == sorted(value.values(), reverse=True)[:n]


def test_ties_are_drawn_evenly() -> None:
    candidates = Candidates([str(i) for i in range(10)], [1.0] * 10)
    counts = dict.fromkeys(candidates.ids, 0)
    for seed in range(2000):
        for name in TopK().select(candidates, 3, rng=np.random.default_rng(seed)):
            counts[name] += 1
    # 600 expected for each; the standard deviation of a binomial(2000, 0.3) is 20.5.
    assert all(abs(count - 600) < 5 * 20.5 for count in counts.values()), counts


def test_a_larger_batch_starts_with_the_smaller_one() -> None:
    candidates = make_candidates(frozenset(), 40, kind="ties")
    small = TopK().select(candidates, 5, rng=np.random.default_rng(1))
    large = TopK().select(candidates, 25, rng=np.random.default_rng(1))
    assert large[:5] == small

from __future__ import annotations

import numpy as np
import pytest

from altasks.strategies import Random
from altasks.testing.strategies import StrategySuite, make_candidates, replace


class TestRandom(StrategySuite):
    @pytest.fixture
    def strategy(self) -> Random:
        return Random()


def test_every_id_is_equally_likely() -> None:
    candidates = make_candidates(frozenset(), 8)
    counts = dict.fromkeys(candidates.ids, 0)
    for seed in range(2000):
        for name in Random().select(candidates, 2, rng=np.random.default_rng(seed)):
            counts[name] += 1
    # 500 expected for each; the standard deviation of a binomial(2000, 0.25) is 19.4.
    assert all(abs(count - 500) < 5 * 19.4 for count in counts.values()), counts


def test_scores_are_not_read() -> None:
    candidates = make_candidates(frozenset(), 30)
    other = replace(candidates, values=-candidates.values)
    picks = Random().select(candidates, 7, rng=np.random.default_rng(0))
    assert Random().select(other, 7, rng=np.random.default_rng(0)) == picks

from __future__ import annotations

import numpy as np
import pytest

from altasks.strategies import Candidates, SoftRank
from altasks.testing.strategies import StrategySuite


class TestSoftRank(StrategySuite):
    @pytest.fixture
    def strategy(self) -> SoftRank:
        return SoftRank(2.0)


def test_equal_scores_share_their_ranks_evenly() -> None:
    candidates = Candidates(list("abc"), [1.0, 1.0, 1.0])
    firsts = [
        SoftRank(8.0).select(candidates, 1, rng=np.random.default_rng(seed))[0]
        for seed in range(3000)
    ]
    # 1,000 expected for each; the standard deviation of a binomial(3000, 1/3) is 25.8.
    assert all(abs(firsts.count(name) - 1000) < 5 * 25.8 for name in "abc")

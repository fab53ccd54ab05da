from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from altasks.errors import InvalidInputError
from altasks.strategies import Candidates, SoftRank, TopK
from altasks.testing.strategies import StrategySuite, make_candidates


class TestSoftRank(StrategySuite):
    @pytest.fixture
    def strategy(self) -> SoftRank:
        return SoftRank(2.0)


def test_draws_in_proportion() -> None:
    scores, beta, trials = np.array([-1.0, 0.5, 1.0, 0.0]), 1.3, 6000
    candidates = Candidates(list("abcd"), scores)
    seen: dict[tuple[str, ...], int] = {}
    for seed in range(trials):
        picks = tuple(SoftRank(beta).select(candidates, 2, rng=np.random.default_rng(seed)))
        seen[picks] = seen.get(picks, 0) + 1
    weights = {"a": 4.0**-beta, "b": 2.0**-beta, "c": 1.0, "d": 3.0**-beta}
    whole = sum(weights.values())
    for first, second in permutations("abcd", 2):
        # Without replacement: the second is drawn from what is left.
        share = weights[first] / whole * weights[second] / (whole - weights[first])
        spread = np.sqrt(trials * share * (1 - share))
        assert abs(seen.get((first, second), 0) - trials * share) < 5 * spread + 1


def test_a_high_beta_is_the_top() -> None:
    candidates = make_candidates(frozenset(), 30)
    top = TopK().select(candidates, 5, rng=np.random.default_rng(0))
    assert SoftRank(1e6).select(candidates, 5, rng=np.random.default_rng(0)) == top


@pytest.mark.parametrize("beta", [0, -1, np.inf, np.nan])
def test_bad_beta(beta: float) -> None:
    with pytest.raises(InvalidInputError, match="beta"):
        SoftRank(beta)


def test_equal_scores_share_their_ranks_evenly() -> None:
    candidates = Candidates(list("abc"), [1.0, 1.0, 1.0])
    firsts = [
        SoftRank(8.0).select(candidates, 1, rng=np.random.default_rng(seed))[0]
        for seed in range(3000)
    ]
    # 1,000 expected for each; the standard deviation of a binomial(3000, 1/3) is 25.8.
    assert all(abs(firsts.count(name) - 1000) < 5 * 25.8 for name in "abc")

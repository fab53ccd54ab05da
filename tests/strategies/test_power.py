from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from altasks.errors import InvalidInputError
from altasks.strategies import Candidates, Power, TopK
from altasks.testing.strategies import StrategySuite, make_candidates


class TestPower(StrategySuite):
    @pytest.fixture
    def strategy(self) -> Power:
        return Power(2.0)


def test_draws_in_proportion_to_score_to_the_power() -> None:
    scores, beta, trials = np.array([1.0, 2.0, 3.0, 0.5]), 1.5, 6000
    candidates = Candidates(list("abcd"), scores)
    seen: dict[tuple[str, ...], int] = {}
    for seed in range(trials):
        picks = tuple(Power(beta).select(candidates, 2, rng=np.random.default_rng(seed)))
        seen[picks] = seen.get(picks, 0) + 1
    weights = dict(zip("abcd", scores**beta, strict=True))
    whole = sum(weights.values())
    for first, second in permutations("abcd", 2):
        # Without replacement: the second is drawn from what is left.
        share = weights[first] / whole * weights[second] / (whole - weights[first])
        spread = np.sqrt(trials * share * (1 - share))
        assert abs(seen.get((first, second), 0) - trials * share) < 5 * spread + 1


def test_a_high_power_is_the_top() -> None:
    candidates = make_candidates(frozenset(), 30)
    top = TopK().select(candidates, 5, rng=np.random.default_rng(0))
    assert Power(1e6).select(candidates, 5, rng=np.random.default_rng(0)) == top


def test_a_score_of_zero_comes_last() -> None:
    candidates = Candidates(list("abcd"), [0.0, 1e-9, 0.0, 5.0])
    for seed in range(50):
        picks = Power().select(candidates, 3, rng=np.random.default_rng(seed))
        assert set(picks[:2]) == {"b", "d"}


def test_a_negative_score_is_named() -> None:
    with pytest.raises(InvalidInputError, match="'b'"):
        Power().select(Candidates(["a", "b"], [1.0, -1.0]), 1, rng=np.random.default_rng(0))


@pytest.mark.parametrize("beta", [0, -1, np.inf, np.nan])
def test_bad_beta(beta: float) -> None:
    with pytest.raises(InvalidInputError, match="beta"):
        Power(beta)

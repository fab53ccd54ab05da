from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from altasks.errors import InvalidInputError
from altasks.strategies import Candidates, Softmax, TopK
from altasks.testing.strategies import StrategySuite, make_candidates


class TestSoftmax(StrategySuite):
    @pytest.fixture
    def strategy(self) -> Softmax:
        return Softmax(2.0)


def test_draws_in_proportion() -> None:
    scores, beta, trials = np.array([-1.0, 0.5, 1.0, 0.0]), 1.3, 6000
    candidates = Candidates(list("abcd"), scores)
    seen: dict[tuple[str, ...], int] = {}
    for seed in range(trials):
        picks = tuple(Softmax(beta).select(candidates, 2, rng=np.random.default_rng(seed)))
        seen[picks] = seen.get(picks, 0) + 1
    weights = dict(zip("abcd", np.exp(beta * scores), strict=True))
    whole = sum(weights.values())
    for first, second in permutations("abcd", 2):
        # Without replacement: the second is drawn from what is left.
        share = weights[first] / whole * weights[second] / (whole - weights[first])
        spread = np.sqrt(trials * share * (1 - share))
        assert abs(seen.get((first, second), 0) - trials * share) < 5 * spread + 1


def test_a_high_beta_is_the_top() -> None:
    candidates = make_candidates(frozenset(), 30)
    top = TopK().select(candidates, 5, rng=np.random.default_rng(0))
    assert Softmax(1e6).select(candidates, 5, rng=np.random.default_rng(0)) == top


@pytest.mark.parametrize("beta", [0, -1, np.inf, np.nan])
def test_bad_beta(beta: float) -> None:
    with pytest.raises(InvalidInputError, match="beta"):
        Softmax(beta)

from __future__ import annotations

import numpy as np
import pytest

from altasks.errors import InvalidInputError
from altasks.strategies import Candidates, Power
from altasks.testing.strategies import StrategySuite


class TestPower(StrategySuite):
    @pytest.fixture
    def strategy(self) -> Power:
        return Power(2.0)


def test_a_score_of_zero_comes_last() -> None:
    candidates = Candidates(list("abcd"), [0.0, 1e-9, 0.0, 5.0])
    for seed in range(50):
        picks = Power().select(candidates, 3, rng=np.random.default_rng(seed))
        assert set(picks[:2]) == {"b", "d"}


def test_a_negative_score_is_named() -> None:
    with pytest.raises(InvalidInputError, match="'b'"):
        Power().select(Candidates(["a", "b"], [1.0, -1.0]), 1, rng=np.random.default_rng(0))

from __future__ import annotations

from collections import Counter
from itertools import combinations

import numpy as np
import pytest

from altasks.errors import InvalidInputError
from altasks.strategies.base import Candidates
from altasks.strategies.k_dpp import KDPP, eigenvectors
from altasks.testing.strategies import StrategySuite, make_candidates, replace


class TestKDPP(StrategySuite):
    @pytest.fixture
    def strategy(self):
        return KDPP()


class TestKDPPWithoutScores(StrategySuite):
    @pytest.fixture
    def strategy(self):
        return KDPP(beta=0)


def kernel(candidates: Candidates, beta: float = 1.0) -> np.ndarray:
    rows = np.asarray(candidates.embeddings, dtype=np.float64)
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    rows = rows * (candidates.values**beta)[:, None]
    return rows @ rows.T


def chi_square(found: Counter, expected: dict, rounds: int) -> float:
    return sum(
        (found[key] - rounds * chance) ** 2 / (rounds * chance) for key, chance in expected.items()
    )


@pytest.mark.parametrize("beta", [0.0, 1.0, 2.0])
def test_sets_follow_the_determinants(beta):
    """Frequencies of all 20 sets of 3 of 6, against their determinants."""
    candidates = make_candidates(KDPP.needs, 6, seed=2, dim=4)
    full = kernel(candidates, beta)
    weight = {rows: np.linalg.det(full[np.ix_(rows, rows)]) for rows in combinations(range(6), 3)}
    total = sum(weight.values())
    rounds = 1500
    found: Counter = Counter()
    for seed in range(rounds):
        picks = KDPP(beta).select(candidates, 3, rng=np.random.default_rng(seed))
        found[tuple(sorted(candidates.ids.index(name) for name in picks))] += 1
    assert set(found) <= set(weight)
    statistic = chi_square(found, {rows: w / total for rows, w in weight.items()}, rounds)
    assert statistic < 43.8  # chi-square, 19 degrees of freedom, 0.1 %


def test_eigenvectors_follow_their_products():
    values = np.array([3.0, 0.5, 1.0, 2.0, 1e-3])
    weight = {some: np.prod(values[list(some)]) for some in combinations(range(5), 2)}
    total = sum(weight.values())
    rounds = 20_000
    rng = np.random.default_rng(0)
    found = Counter(tuple(sorted(eigenvectors(values, 2, rng))) for _ in range(rounds))
    common = {some: w / total for some, w in weight.items() if rounds * w / total > 5}
    assert chi_square(found, common, rounds) < 27.9  # 9 degrees of freedom, 0.1 %


def test_eigenvectors_neither_overflow_nor_vanish():
    for scale in (1e-200, 1e200):
        chosen = eigenvectors(np.full(300, scale), 150, np.random.default_rng(0))
        assert len(set(chosen)) == 150


def test_a_copy_of_a_pick_is_not_drawn_within_the_rank():
    """Four directions, many copies of each: the first four picks hold one of each."""
    rows = np.repeat(np.eye(4, dtype=np.float32), 9, axis=0)
    candidates = Candidates([str(i) for i in range(36)], np.ones(36), rows)
    for seed in range(30):
        picks = KDPP().select(candidates, 10, rng=np.random.default_rng(seed))
        for start in (0, 4):
            group = {int(name) // 9 for name in picks[start : start + 4]}
            assert group == {0, 1, 2, 3}


def test_a_score_of_zero_comes_last():
    candidates = make_candidates(KDPP.needs, 12, seed=1)
    values = candidates.values.copy()
    values[:5] = 0
    some = replace(candidates, values=values)
    for seed in range(10):
        picks = KDPP().select(some, 12, rng=np.random.default_rng(seed))
        assert set(picks[7:]) == set(candidates.ids[:5])


def test_negative_score():
    candidates = Candidates(["a", "b"], [0.1, -1.0], np.ones((2, 2)))
    with pytest.raises(InvalidInputError, match="'b'"):
        KDPP().select(candidates, 1, rng=np.random.default_rng(0))
    assert KDPP(beta=0).select(candidates, 2, rng=np.random.default_rng(0))


def test_an_embedding_too_long_to_be_measured():
    """Its length is infinite in float32: scaled to 1 it would be a row of zeros."""
    rows = np.array([[1e25, 0.0], [0.0, 1.0]], dtype=np.float32)
    with pytest.raises(InvalidInputError, match=r"embeddings.*'a'"):
        KDPP().select(Candidates(["a", "b"], np.ones(2), rows), 1, rng=np.random.default_rng(0))


def test_bad_options():
    with pytest.raises(InvalidInputError, match="beta"):
        KDPP(beta=-1)

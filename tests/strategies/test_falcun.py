from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

import altasks as al
from altasks.errors import InvalidInputError
from altasks.strategies.base import Candidates, id_hashes
from altasks.testing.strategies import POOLS, StrategySuite, make_candidates, replace


def chances(probs, picks, gamma):
    """Equations 1 to 6 for each row after some picks, with a plain loop over all."""
    rows = range(len(probs))
    doubt = [1 - (sorted(row)[-1] - sorted(row)[-2]) for row in probs]
    far = list(doubt)
    for pick in picks:
        chosen = probs[pick]
        far = [
            min(far[i], sum(abs(a - b) for a, b in zip(probs[i], chosen, strict=True)))
            for i in rows
        ]
        low, high = min(far), max(far)
        far = [(d - low) / (high - low) if high > low else 0.0 for d in far]
    weights = [0.0 if i in picks else (doubt[i] + far[i]) ** gamma for i in rows]
    if sum(weights) == 0:
        weights = [float(i not in picks) for i in rows]
    return np.array(weights) / sum(weights)


def twin(candidates, n, seed, gamma=10.0):
    rng = np.random.default_rng(seed)
    order = np.argsort(id_hashes(candidates.ids, rng), kind="stable")
    probs = np.asarray(candidates.mean_probs, dtype=np.float64)[order].tolist()
    picks = []
    for _ in range(min(n, len(probs))):
        ends = np.cumsum(chances(probs, picks, gamma))
        spot = rng.random() * ends[-1]
        picks.append(next(i for i in range(len(ends)) if ends[i] > spot))
    return [candidates.ids[order[i]] for i in picks]


class TestFalcun(StrategySuite):
    @pytest.fixture(params=[10.0, 0.0, 300.0])
    def strategy(self, request):
        return al.Falcun(request.param)


@pytest.mark.parametrize("kind", POOLS)
def test_equals_the_plain_loop(kind):
    for seed in range(8):
        size = 3 + 4 * seed
        candidates = make_candidates(al.Falcun.needs, size, kind=kind, seed=seed)
        for n in (1, 5, size):
            picks = al.Falcun().select(candidates, n, rng=np.random.default_rng(seed))
            assert picks == twin(candidates, n, seed)


def test_beyond_a_block(monkeypatch):
    candidates = make_candidates(al.Falcun.needs, 60)
    monkeypatch.setattr("altasks.strategies.falcun._TILE", 28)
    picks = al.Falcun().select(candidates, 6, rng=np.random.default_rng(2))
    assert picks == twin(candidates, 6, 2)


def test_frequencies():
    candidates = make_candidates(al.Falcun.needs, 6, seed=4)
    probs = candidates.mean_probs.tolist()
    rounds = 800
    found = Counter(
        tuple(al.Falcun(3).select(candidates, 2, rng=np.random.default_rng(seed)))
        for seed in range(rounds)
    )
    statistic = 0.0
    for first, chance in enumerate(chances(probs, [], 3)):
        for second, then in enumerate(chances(probs, [first], 3)):
            if first != second:
                expected = rounds * chance * then
                count = found[candidates.ids[first], candidates.ids[second]]
                statistic += (count - expected) ** 2 / expected
    assert statistic < 58.3  # chi-square, 29 degrees of freedom, 0.1 %


def test_a_large_power_takes_the_largest():
    probs = np.array([[0.9, 0.1, 0.0], [0.4, 0.4, 0.2], [0.1, 0.2, 0.7]])
    candidates = Candidates(list("abc"), np.zeros(3), mean_probs=probs)
    for seed in range(20):
        assert al.Falcun(1e6).select(candidates, 1, rng=np.random.default_rng(seed)) == ["b"]


@pytest.mark.parametrize("gamma", [-1, np.inf, np.nan, True])
def test_bad_gamma(gamma):
    with pytest.raises(InvalidInputError, match="gamma"):
        al.Falcun(gamma)


@pytest.mark.parametrize(
    "row", [[np.nan, 0.5, 0.5, 0.0], [0.9, 0.9, 0.1, 0.0], [-0.5, 1.5, 0.0, 0.0]]
)
def test_no_distribution(row):
    candidates = make_candidates(al.Falcun.needs, 9)
    probs = candidates.mean_probs.copy()
    probs[4] = row
    with pytest.raises(InvalidInputError, match=r"mean_probs.*random-4"):
        al.Falcun().select(replace(candidates, mean_probs=probs), 2, rng=np.random.default_rng(0))


def test_one_class():
    candidates = Candidates(["a"], [0.0], mean_probs=np.ones((1, 1)))
    with pytest.raises(InvalidInputError, match="two classes"):
        al.Falcun().select(candidates, 1, rng=np.random.default_rng(0))

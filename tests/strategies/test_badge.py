from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch

from altasks.errors import InvalidInputError
from altasks.strategies.badge import Badge, BadgeRegression
from altasks.strategies.base import Candidates, id_hashes, id_uniforms
from altasks.testing.strategies import POOLS, StrategySuite, make_candidates, replace


def gradients(candidates: Candidates, strategy) -> np.ndarray:
    """Every gradient written out, N x (C d)."""
    inner = np.asarray(candidates.embeddings, dtype=np.float64)
    if isinstance(strategy, Badge):
        probs = np.asarray(candidates.mean_probs, dtype=np.float64)
        outer = probs - np.eye(probs.shape[1])[probs.argmax(1)]
        return (outer[:, :, None] * inner[:, None, :]).reshape(len(inner), -1)
    return inner * (np.sqrt(candidates.values)[:, None] if strategy.scale == "score" else 1)


def twin(candidates: Candidates, n: int, seed: int, strategy) -> list[str]:
    """Every distance again for every draw, and every clock moved on by hand."""
    rng = np.random.default_rng(seed)
    hashes = id_hashes(candidates.ids, np.random.default_rng(rng.integers(0, 2**63)))
    clock = -np.log(id_uniforms(candidates.ids, rng))
    grads = gradients(candidates, strategy)
    length = (grads**2).sum(1)
    n = min(n, len(grads))
    if n == 0:
        return []
    longest = np.flatnonzero(length >= length.max() * (1 - 1e-12))
    picks = [int(longest[hashes[longest].argmin()])]
    while len(picks) < n:
        far = ((grads[:, None] - grads[picks]) ** 2).sum(2)
        far[far < 1e-12 * (length[:, None] + length[picks])] = 0
        weight = far.min(1)
        weight[picks] = 0
        if not weight.any():
            rest = sorted(set(range(len(grads))) - set(picks), key=lambda i: hashes[i])
            picks += rest[: n - len(picks)]
            break
        with np.errstate(divide="ignore", invalid="ignore"):
            wait = np.where(weight > 0, clock / weight, np.inf)
        pick = int(wait.argmin())
        clock = clock - weight * wait[pick]
        picks.append(pick)
    return [candidates.ids[i] for i in picks]


class TestBadge(StrategySuite):
    @pytest.fixture
    def strategy(self):
        return Badge()


class TestBadgeRegression(StrategySuite):
    @pytest.fixture(params=["none", "score"])
    def strategy(self, request):
        return BadgeRegression(scale=request.param)


STRATEGIES = [Badge(), BadgeRegression(), BadgeRegression(scale="score")]


@pytest.mark.parametrize("strategy", STRATEGIES, ids=["classes", "none", "score"])
@pytest.mark.parametrize("kind", POOLS)
def test_equals_the_plain_loop(kind, strategy):
    for seed in range(15):
        size = 3 + 3 * seed
        candidates = make_candidates(strategy.needs, size, kind=kind, seed=seed)
        for n in (1, 5, size):
            found = strategy.select(candidates, n, rng=np.random.default_rng(seed))
            assert found == twin(candidates, n, seed, strategy)


@pytest.mark.parametrize("kind", ["random", "duplicates"])
def test_equals_the_plain_loop_beyond_the_front(kind):
    candidates = make_candidates(Badge.needs, 3000, kind=kind)
    found = Badge().select(candidates, 60, rng=np.random.default_rng(1))
    assert found == twin(candidates, 60, 1, Badge())


def test_draws_follow_the_squared_distances():
    """The frequencies of pairs and triples of picks, against k-means++ computed by hand."""
    candidates = make_candidates(Badge.needs, 6, seed=4)
    grads = gradients(candidates, Badge())
    first = int((grads**2).sum(1).argmax())
    expected = {}
    far = ((grads - grads[first]) ** 2).sum(1)
    for second in set(range(6)) - {first}:
        near = np.minimum(far, ((grads - grads[second]) ** 2).sum(1))
        for third in set(range(6)) - {first, second}:
            chance = far[second] / far.sum() * near[third] / near.sum()
            expected[candidates.ids[second], candidates.ids[third]] = chance
    rounds = 4000
    found = Counter(
        tuple(Badge().select(candidates, 3, rng=np.random.default_rng(seed))[1:])
        for seed in range(rounds)
    )
    assert sum(expected.values()) == pytest.approx(1)
    statistic = sum(
        (found[pair] - rounds * chance) ** 2 / (rounds * chance)
        for pair, chance in expected.items()
    )
    assert statistic < 43.8  # chi-square, 19 degrees of freedom, 0.1 %


def test_not_finite():
    candidates = make_candidates(Badge.needs, 9)
    probs = candidates.mean_probs.copy()
    probs[4, 1] = np.nan
    with pytest.raises(InvalidInputError, match=r"mean_probs.*random-4"):
        Badge().select(replace(candidates, mean_probs=probs), 2, rng=np.random.default_rng(0))


def test_negative_variance():
    candidates = Candidates(["a", "b"], [0.1, -1.0], torch.ones(2, 2))
    with pytest.raises(InvalidInputError, match="'b'"):
        BadgeRegression(scale="score").select(candidates, 1, rng=np.random.default_rng(0))


def test_bad_scale():
    with pytest.raises(InvalidInputError, match="scale"):
        BadgeRegression(scale="std")

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from altasks.errors import InvalidInputError
from altasks.strategies.base import Candidates, id_hashes
from altasks.strategies.batch_bald import BatchBALD
from altasks.testing.strategies import StrategySuite, make_candidates, replace


def entropy(probs) -> float:
    probs = np.asarray(probs)
    probs = probs[probs > 0]
    return float(-(probs * np.log(probs)).sum())


def information(draws: np.ndarray) -> float:
    """I(labels; member) of the samples in `draws` [B, K, C], by listing every combination."""
    count, members, classes = draws.shape
    joint = [
        np.mean([np.prod([draws[b, k, y] for b, y in enumerate(labels)]) for k in range(members)])
        for labels in product(range(classes), repeat=count)
    ]
    own = sum(entropy(draws[b, k]) for b in range(count) for k in range(members)) / members
    return entropy(joint) - own


def twin(candidates: Candidates, n: int, seed: int) -> list[str]:
    """For every pick, the information of every batch that could come of it."""
    rng = np.random.default_rng(seed)
    hashes = id_hashes(candidates.ids, np.random.default_rng(rng.integers(0, 2**63)))
    draws = np.asarray(candidates.draws, dtype=np.float64)
    picks: list[int] = []
    for _ in range(min(n, len(draws))):
        left = [i for i in range(len(draws)) if i not in picks]
        so_far = information(draws[picks]) if picks else 0.0
        gain = {i: information(draws[[*picks, i]]) - so_far for i in left}
        best = max(gain.values())
        equal = [i for i in left if gain[i] >= best - 1e-9 or best <= 1e-9]
        picks.append(min(equal, key=lambda i: hashes[i]))
    return [candidates.ids[i] for i in picks]


class TestBatchBALD(StrategySuite):
    @pytest.fixture
    def strategy(self):
        return BatchBALD(configurations=300)


class TestSampledBatchBALD(StrategySuite):
    @pytest.fixture
    def strategy(self):
        return BatchBALD(configurations=1)


@pytest.mark.parametrize("kind", ["random", "duplicates", "all_equal"])
def test_equals_every_combination_listed(kind):
    for seed in range(12):
        candidates = make_candidates(
            BatchBALD.needs, 5 + seed, kind=kind, seed=seed, classes=2 + seed % 2, members=3
        )
        for n in (1, 2, 4):
            found = BatchBALD().select(candidates, n, rng=np.random.default_rng(seed))
            assert found == twin(candidates, n, seed)


def test_batch_is_pool():
    for seed in range(6):
        candidates = make_candidates(BatchBALD.needs, 6, seed=seed, classes=2, members=3)
        found = BatchBALD().select(candidates, 6, rng=np.random.default_rng(seed))
        assert found == twin(candidates, 6, seed)


def test_certain_members():
    """Probabilities of 0 and 1: entropy has no NaN, and copies add nothing."""
    draws = np.array([[[1.0, 0.0], [0.0, 1.0]]] * 3 + [[[1.0, 0.0], [1.0, 0.0]]] * 3)
    candidates = Candidates(list("abcdef"), np.zeros(6), draws=draws)
    for seed in range(10):
        picks = BatchBALD().select(candidates, 6, rng=np.random.default_rng(seed))
        assert picks[0] in "abc"
        assert picks == twin(candidates, 6, seed)


def test_first_pick_is_the_largest_bald():
    for seed in range(20):
        draws = make_candidates(BatchBALD.needs, 40, seed=seed).draws
        bald = [entropy(p.mean(0)) - np.mean([entropy(q) for q in p]) for p in draws]
        candidates = Candidates([str(i) for i in range(40)], np.zeros(40), draws=draws)
        picks = BatchBALD().select(candidates, 1, rng=np.random.default_rng(0))
        assert picks == [str(int(np.argmax(bald)))]


@pytest.mark.parametrize("seed", range(3))
def test_the_sampled_estimate_is_near_the_exact(seed):
    """A batch chosen by sampled estimates tells nearly what the exact greedy batch tells."""
    candidates = make_candidates(BatchBALD.needs, 30, seed=seed, classes=3, members=5)
    rows = {name: row for row, name in enumerate(candidates.ids)}

    def worth(configurations: int) -> float:
        strategy = BatchBALD(configurations=configurations)
        picks = strategy.select(candidates, 7, rng=np.random.default_rng(seed))
        return information(candidates.draws[[rows[name] for name in picks]])

    assert worth(500) > 0.98 * worth(10_000)


def test_sampling_never_changes_the_exact_part():
    candidates = make_candidates(BatchBALD.needs, 30, classes=3, members=5)
    exact = BatchBALD().select(candidates, 8, rng=np.random.default_rng(0))
    drawn = BatchBALD(configurations=27).select(candidates, 8, rng=np.random.default_rng(0))
    assert drawn[:4] == exact[:4]  # 27 = 3 ** 3 combinations are listed for the fourth pick


def test_memory_does_not_grow_with_the_batch():
    """A batch whose combinations could never be listed: 4 ** 36 of them."""
    candidates = make_candidates(BatchBALD.needs, 60)
    picks = BatchBALD(configurations=200).select(candidates, 36, rng=np.random.default_rng(0))
    assert len(set(picks)) == 36


@pytest.mark.parametrize("value", [-0.5, np.nan, 7.0])
def test_no_probabilities(value):
    candidates = make_candidates(BatchBALD.needs, 9)
    draws = candidates.draws.copy()
    draws[4, 1, 0] = value
    with pytest.raises(InvalidInputError, match=r"draws.*random-4"):
        BatchBALD().select(replace(candidates, draws=draws), 2, rng=np.random.default_rng(0))


@pytest.mark.parametrize("value", [0, 1.5, True])
def test_bad_options(value):
    with pytest.raises(InvalidInputError, match="configurations"):
        BatchBALD(configurations=value)


def joint_information(draws: np.ndarray) -> float:
    """Return I(labels; model) of a batch `[n, K, C]` in nats, by listing every combination."""
    members = draws.shape[1]
    weights = np.full((1, members), 1 / members)
    for one in draws:
        weights = (weights[:, None] * one.T).reshape(-1, members)
    chance = weights.sum(1)
    own = -(draws * np.log(draws)).sum((0, 2)).mean()
    return float(-(chance * np.log(chance)).sum() - own)


def test_of_drawn_combinations_a_part_is_nearly_as_good(monkeypatch):
    """With a short list of five by 16 of 100 combinations, batches tell nearly as much."""
    candidates = make_candidates(BatchBALD.needs, 80, members=8, classes=3, seed=3)
    row_of = {name: row for row, name in enumerate(candidates.ids)}

    def told(configurations: int, seed: int) -> float:
        picks = BatchBALD(configurations).select(candidates, 8, rng=np.random.default_rng(seed))
        return joint_information(np.asarray(candidates.draws, float)[[row_of[p] for p in picks]])

    exact = told(3**8, 0)
    monkeypatch.setattr("altasks.strategies.batch_bald.FEW", 16)
    monkeypatch.setattr("altasks.strategies.batch_bald.SHORT_LIST", 5)
    rough = [told(100, seed) for seed in range(5)]
    assert min(rough) > 0.9 * exact
    assert np.mean(rough) > 0.95 * exact
    assert told(100, 1) == rough[1]

from __future__ import annotations

import numpy as np
import pytest
import torch

from altasks.errors import InvalidInputError
from altasks.strategies.base import Candidates, id_hashes
from altasks.strategies.k_center import KCenter
from altasks.testing.strategies import POOLS, StrategySuite, make_candidates, replace


def twin(candidates: Candidates, n: int, seed: int, outliers: float = 0.0, unit: bool = False):
    """The greedy algorithm as the paper writes it: all distances, again for every pick."""

    def rows(array):
        array = np.asarray(torch.as_tensor(array).to(torch.float64))
        if unit:
            length = np.sqrt((array**2).sum(1, keepdims=True))
            array = array / np.where(length > 0, length, 1)
        return array

    rng = np.random.default_rng(seed)
    hashes = id_hashes(candidates.ids, np.random.default_rng(rng.integers(0, 2**63)))
    pool = rows(candidates.embeddings)
    taken = [*rows(candidates.labelled_embeddings), *rows(candidates.pending_embeddings)]
    picks: list[int] = []
    while len(picks) < min(n, len(pool)):
        left = [i for i in range(len(pool)) if i not in picks]
        centres = np.array([*taken, *(pool[i] for i in picks)])
        if len(centres):
            far = {i: ((pool[i] - centres) ** 2).sum(1).min() for i in left}
        else:
            far = dict.fromkeys(left, 1.0)
        skip = min(int(outliers * len(pool)), len(left) - 1) if len(centres) else 0
        value = sorted(far.values(), reverse=True)[skip]
        equal = [i for i in left if abs(far[i] - value) <= 1e-12 * value]
        above = sum(far[i] > value * (1 + 1e-12) for i in left)
        picks.append(sorted(equal, key=lambda i: hashes[i])[skip - above])
    return [candidates.ids[i] for i in picks]


class TestKCenter(StrategySuite):
    @pytest.fixture
    def strategy(self):
        return KCenter()


class TestRobustKCenter(StrategySuite):
    @pytest.fixture
    def strategy(self):
        return KCenter(metric="cosine", outliers=0.1)


def grid(seed: int, n: int, **options) -> Candidates:
    """Whole numbers, so that many distances are exactly equal."""
    candidates = make_candidates(KCenter.needs, n, seed=seed, **options)
    rng = np.random.default_rng(seed)
    return replace(
        candidates,
        embeddings=rng.integers(-2, 3, candidates.embeddings.shape).astype(np.float32),
    )


@pytest.mark.parametrize("outliers", [0.0, 0.2])
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("kind", [*POOLS, "grid"])
def test_equals_the_plain_loop(kind, metric, outliers):
    for seed in range(12):
        size, labelled = 3 + 4 * seed, (0, 5)[seed % 2]
        if kind == "grid":
            candidates = grid(seed, size, labelled=labelled, pending=seed % 3)
        else:
            candidates = make_candidates(
                KCenter.needs, size, kind=kind, seed=seed, labelled=labelled, pending=seed % 3
            )
        strategy = KCenter(metric, outliers)
        for n in (1, 5, size):
            found = strategy.select(candidates, n, rng=np.random.default_rng(seed))
            assert found == twin(candidates, n, seed, outliers, metric == "cosine")


@pytest.mark.parametrize("outliers", [0.0, 0.01])
@pytest.mark.parametrize("make", ["gauss", "clusters", "far from zero", "copies"])
def test_equals_the_plain_loop_beyond_the_front(make, outliers, in_type):
    """Large enough that the front is not the whole pool."""
    rng = np.random.default_rng(1)
    pool = rng.standard_normal((6000, 8)).astype(np.float32)
    if make == "clusters":
        pool = (pool * 0.05 + 4 * rng.standard_normal((9, 8))[rng.integers(0, 9, 6000)]).astype(
            "f4"
        )
    elif make == "far from zero":
        pool += np.float32(300)
    elif make == "copies":
        pool = pool[rng.integers(0, 60, 6000)]
    ids = [f"id{i}" for i in range(6000)]
    taken = pool[:4] + np.float32(0.5)
    candidates = Candidates(
        ids, np.zeros(6000), pool, labelled_embeddings=taken, pending_embeddings=taken[:0]
    )
    candidates, exactly = in_type(candidates)
    found = KCenter(outliers=outliers).select(candidates, 80, rng=np.random.default_rng(3))

    exact, taken = exactly.embeddings, exactly.labelled_embeddings
    near = ((exact[:, None] - taken) ** 2).sum(2).min(1)
    rng = np.random.default_rng(3)
    hashes = id_hashes(ids, np.random.default_rng(rng.integers(0, 2**63)))
    picks: list[int] = []
    for _ in range(80):
        order = np.lexsort((hashes, -near))
        pick = int(order[int(outliers * 6000)])
        picks.append(pick)
        near = np.minimum(near, ((exact - exact[pick]) ** 2).sum(1))
        near[picks] = -1
    assert found == [ids[i] for i in picks]


@pytest.mark.parametrize(("metric", "offset"), [("euclidean", 3), ("euclidean", 30), ("cosine", 0)])
def test_double_embeddings_away_from_zero(metric, offset):
    """Distances are to the samples as they came, not to their shifted copies."""
    rng = np.random.default_rng(0)
    pool = rng.standard_normal((3000, 6)) + offset
    none = np.empty((0, 6))
    ids = [f"id{i}" for i in range(3000)]
    candidates = Candidates(
        ids, np.zeros(3000), pool, labelled_embeddings=none, pending_embeddings=none
    )
    found = KCenter(metric).select(candidates, 200, rng=np.random.default_rng(1))
    if metric == "cosine":
        pool /= np.linalg.norm(pool, axis=1, keepdims=True)
    picks = [ids.index(found[0])]
    near = ((pool - pool[picks[0]]) ** 2).sum(1)
    for _ in range(199):
        picks.append(int(near.argmax()))
        near = np.minimum(near, ((pool - pool[picks[-1]]) ** 2).sum(1))
    assert found == [ids[i] for i in picks]


def test_radius_is_at_most_twice_the_best():
    """The guarantee of the greedy algorithm, against all subsets."""
    from itertools import combinations

    for seed in range(10):
        candidates = make_candidates(KCenter.needs, 9, seed=seed, labelled=0, pending=0)
        pool = candidates.embeddings.astype(np.float64)
        gaps = np.sqrt(((pool[:, None] - pool) ** 2).sum(2))
        picks = KCenter().select(candidates, 3, rng=np.random.default_rng(seed))
        radius = gaps[:, [candidates.ids.index(name) for name in picks]].min(1).max()
        best = min(gaps[:, list(some)].min(1).max() for some in combinations(range(9), 3))
        assert radius <= 2 * best + 1e-9


def test_outliers_attract_no_pick():
    rng = np.random.default_rng(0)
    pool = rng.standard_normal((200, 3)).astype(np.float32)
    pool[:4] += np.array([100, -100, 0], dtype=np.float32)
    candidates = Candidates(
        [str(i) for i in range(200)],
        np.zeros(200),
        pool,
        labelled_embeddings=pool[10:12],
        pending_embeddings=pool[:0],
    )
    plain = KCenter().select(candidates, 5, rng=np.random.default_rng(0))
    robust = KCenter(outliers=0.02).select(candidates, 5, rng=np.random.default_rng(0))
    assert set(plain) & {"0", "1", "2", "3"}
    assert not set(robust) & {"0", "1", "2", "3"}


@pytest.mark.parametrize(
    "options", [{"metric": "manhattan"}, {"outliers": 1.0}, {"outliers": -0.1}]
)
def test_bad_options(options):
    with pytest.raises(InvalidInputError, match=next(iter(options))):
        KCenter(**options)


@pytest.mark.parametrize("field", ["embeddings", "labelled_embeddings"])
def test_not_finite(field):
    candidates = make_candidates(KCenter.needs, 9)
    array = getattr(candidates, field).copy()
    array[4, 1] = np.nan
    where = "random-4" if field == "embeddings" else "row 4"
    with pytest.raises(InvalidInputError, match=where):
        KCenter().select(replace(candidates, **{field: array}), 2, rng=np.random.default_rng(0))


@pytest.mark.parametrize("field", ["embeddings", "labelled_embeddings"])
def test_a_row_without_a_finite_length_has_no_direction(field):
    points = {"embeddings": np.eye(3), "labelled_embeddings": np.eye(3)[:1]}
    points[field] = points[field] * 1e200
    points["pending_embeddings"] = np.empty((0, 3))
    candidates = Candidates(list("abc"), [0.0] * 3, **points)
    with pytest.raises(InvalidInputError, match=rf"candidates\.{field}: .*squares"):
        KCenter("cosine").select(candidates, 1, rng=np.random.default_rng(0))

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from altasks.errors import InvalidInputError
from altasks.strategies._kmeans import assign, inertia, kmeans
from altasks.strategies.typiclust import TypiClust, pick_typical
from altasks.testing.strategies import POOLS, StrategySuite, make_candidates, replace


class TestTypiClust(StrategySuite):
    @pytest.fixture
    def strategy(self) -> TypiClust:
        return TypiClust()


class TestFewClusters(StrategySuite):
    @pytest.fixture
    def strategy(self) -> TypiClust:
        return TypiClust(3, max_clusters=4, min_cluster=0)


def check_greedy(
    points: np.ndarray, labels: np.ndarray, free: int, picks: list[int], neighbours: int, small: int
) -> None:
    """Replay the picks and require, at each, that no better one was there. Plain and slow."""
    points = points.astype(np.float64)
    members: dict[int, list[int]] = {}
    for row, label in enumerate(labels.tolist()):
        members.setdefault(label, []).append(row)
    taken: set[int] = set()
    covered = {c: sum(r >= free for r in rows) for c, rows in members.items()}

    def mean_distance(row: int) -> float:
        others = [r for r in members[labels[row]] if r != row]
        near = sorted(float(np.linalg.norm(points[row] - points[r])) for r in others)[:neighbours]
        return sum(near) / len(near) if near else 0.0

    for pick in picks:
        left = {c: [r for r in rows if r < free and r not in taken] for c, rows in members.items()}
        keys = {
            c: (len(members[c]) <= small, covered[c], -len(members[c]))
            for c, rows in left.items()
            if rows
        }
        cluster = labels[pick]
        assert keys[cluster] == min(keys.values())
        best = min(mean_distance(row) for row in left[cluster])
        assert mean_distance(pick) <= best + 1e-3 * max(1.0, best)
        taken.add(pick)
        covered[cluster] += 1


@pytest.mark.parametrize("kind", POOLS)
def test_picks_are_the_best_at_every_step(kind: str) -> None:
    for seed in range(40):
        size, known = 5 + seed, seed % 7
        needs = frozenset({"embeddings", "labelled_embeddings"})
        made: Any = make_candidates(needs, size, kind=kind, seed=seed, labelled=known, dim=2)
        points = np.concatenate([made.embeddings, made.labelled_embeddings])
        x = torch.from_numpy(points)
        labels = kmeans(x, 1 + seed % 6, np.random.default_rng(seed)).numpy()
        n, small = 1 + seed % size, seed % 3
        picks = pick_typical(x, labels, size, n, neighbours=3, min_cluster=small)
        assert len(set(picks)) == n
        check_greedy(points, labels, size, picks, 3, small)


def mean_distances(points: np.ndarray, neighbours: int) -> np.ndarray:
    """Return each row's mean distance to its nearest others."""
    gaps = torch.cdist(torch.from_numpy(points), torch.from_numpy(points)).numpy()
    np.fill_diagonal(gaps, np.inf)
    return np.partition(gaps, neighbours - 1, axis=1)[:, :neighbours].mean(1)


@pytest.mark.parametrize("dim", [2, 8, 32])
def test_in_a_large_cluster_the_pick_is_nearly_the_most_typical(dim: int, monkeypatch: Any) -> None:
    monkeypatch.setattr("altasks.strategies._typical.ALL_PAIRS", 100)
    monkeypatch.setattr("altasks.strategies._typical.REFERENCES", 300)
    monkeypatch.setattr("altasks.strategies._typical.SHORT_LIST", 60)
    for seed in range(5):
        points = np.random.default_rng(seed).standard_normal((1200, dim))
        labels = np.zeros(1200, dtype=np.int64)
        (pick,) = pick_typical(
            torch.from_numpy(points), labels, 1150, 1, neighbours=20, min_cluster=0
        )
        distances = mean_distances(points, 20)[:1150]
        assert pick < 1150
        assert distances[pick] <= 1.15 * distances.min()
        assert (distances < distances[pick]).sum() < 20  # of 1,150


def test_a_large_cluster_is_used_up_row_by_row(monkeypatch: Any) -> None:
    monkeypatch.setattr("altasks.strategies._typical.ALL_PAIRS", 20)
    monkeypatch.setattr("altasks.strategies._typical.REFERENCES", 16)
    monkeypatch.setattr("altasks.strategies._typical.SHORT_LIST", 8)
    points = np.random.default_rng(0).standard_normal((60, 3))
    labels = np.repeat([0, 1], [50, 10])[np.random.default_rng(1).permutation(60)]
    picks = pick_typical(torch.from_numpy(points), labels, 55, 55, neighbours=5, min_cluster=0)
    assert sorted(picks) == list(range(55))


def test_the_short_list_of_a_large_cluster_is_in_order(monkeypatch: Any) -> None:
    """Where it holds all, the ranking is that of all pairs."""
    points = torch.from_numpy(np.random.default_rng(0).standard_normal((70, 3)))
    labels = np.zeros(70, dtype=np.int64)
    exact = pick_typical(points, labels, 64, 64, neighbours=5, min_cluster=0)
    monkeypatch.setattr("altasks.strategies._typical.ALL_PAIRS", 40)
    monkeypatch.setattr("altasks.strategies._typical.REFERENCES", 30)
    assert pick_typical(points, labels, 64, 64, neighbours=5, min_cluster=0) == exact


@pytest.mark.slow
class TestLargeClusters(StrategySuite):
    """With two clusters, of which the larger counts as large in the suite's pools."""

    @pytest.fixture
    def strategy(self, monkeypatch: Any) -> TypiClust:
        monkeypatch.setattr("altasks.strategies._typical.ALL_PAIRS", 8)
        monkeypatch.setattr("altasks.strategies._typical.REFERENCES", 7)
        monkeypatch.setattr("altasks.strategies._typical.SHORT_LIST", 4)
        return TypiClust(3, max_clusters=2)


def test_covers_every_blob_before_any_twice() -> None:
    rng = np.random.default_rng(0)
    centres = rng.normal(0, 40, (6, 4))
    blob = np.repeat(np.arange(6), 30)
    points = (centres[blob] + rng.normal(0, 1, (180, 4))).astype(np.float32)
    made = make_candidates(TypiClust.needs, 180, labelled=0, pending=0, dim=4)
    candidates = replace(made, embeddings=points)
    picks = TypiClust().select(candidates, 6, rng=np.random.default_rng(0))
    assert {blob[candidates.ids.index(name)] for name in picks} == set(range(6))
    # With three blobs labelled or asked, the other three are next.
    covered = replace(
        candidates,
        labelled_embeddings=centres[:2].astype(np.float32),
        pending_embeddings=centres[2:3].astype(np.float32),
    )
    picks = TypiClust().select(covered, 3, rng=np.random.default_rng(0))
    assert {blob[candidates.ids.index(name)] for name in picks} == {3, 4, 5}


def test_kmeans_ends_where_lloyd_ends() -> None:
    for seed in range(30):
        rng = np.random.default_rng(seed)
        points = torch.from_numpy(rng.standard_normal((60, 3)))
        labels = kmeans(points, 5, rng, iterations=(0, 1000))
        centres = torch.stack([points[labels == c].mean(0) for c in range(5)])
        # A fixed point: every point is with the nearest mean.
        assert torch.equal(assign(points, centres), labels)


def test_kmeans_finds_what_scikit_learn_finds() -> None:
    cluster = pytest.importorskip("sklearn.cluster")
    rng = np.random.default_rng(0)
    points = rng.normal(0, 30, (8, 5))[rng.integers(0, 8, 400)] + rng.normal(0, 1, (400, 5))
    ours = []
    for seed in range(5):
        labels = kmeans(torch.from_numpy(points), 8, np.random.default_rng(seed)).numpy()
        means = np.stack([points[labels == c].mean(0) for c in range(8) if (labels == c).any()])
        nearest = ((points[:, None] - means) ** 2).sum(2).min(1)
        ours.append(float(nearest.sum()))
    theirs = cluster.KMeans(8, n_init=10, random_state=0).fit(points).inertia_
    assert min(ours) == pytest.approx(theirs, rel=1e-6)


@pytest.mark.parametrize("blobs", [20, 50])
def test_kmeans_is_as_good_as_scikit_learn_s_at_one_start(blobs: int) -> None:
    cluster = pytest.importorskip("sklearn.cluster")
    ours, theirs = [], []
    for data in range(6):
        rng = np.random.default_rng(data)
        centres = 1.5 * rng.standard_normal((blobs, 16))
        size = 60 * blobs
        points = centres[rng.integers(0, blobs, size)] + 0.5 * rng.standard_normal((size, 16))
        best = cluster.KMeans(blobs, n_init=10, random_state=0).fit(points).inertia_
        for seed in range(12):
            mixed = torch.from_numpy(np.random.default_rng(seed).permutation(points))
            labels = kmeans(mixed, blobs, np.random.default_rng(seed))
            ours.append(inertia(mixed, labels) / best)
            fitted = cluster.KMeans(blobs, n_init=1, random_state=seed).fit(points)
            theirs.append(fitted.inertia_ / best)
    # The standard error of the difference is about 0.02; seeding without trials is off by 0.3.
    assert np.mean(ours) <= np.mean(theirs) + 0.05


def test_inertia_by_hand() -> None:
    points = torch.tensor([[0.0, 0.0], [2.0, 0.0], [5.0, 5.0], [5.0, 9.0]])
    assert inertia(points + 100, torch.tensor([0, 0, 2, 2])) == pytest.approx(2 + 8)


def test_kmeans_far_from_the_origin() -> None:
    rng = np.random.default_rng(0)
    points = torch.from_numpy(rng.normal(0, 1, (200, 3)))
    points[:100] += 10
    labels = kmeans((points + 1000).float(), 2, np.random.default_rng(0))
    assert len(set(labels[:100].tolist())) == len(set(labels[100:].tolist())) == 1
    assert labels[0] != labels[-1]


def test_a_sample_fits_the_centres_of_many_rows() -> None:
    rng = np.random.default_rng(0)
    blob = rng.integers(0, 2, 5000)
    points = torch.from_numpy((rng.normal(0, 1, (5000, 3)) + 20 * blob[:, None]).astype("f4"))
    labels = kmeans(points, 2, np.random.default_rng(0)).numpy()
    assert len(labels) == 5000
    assert (labels == blob).all() or (labels == 1 - blob).all()


@pytest.mark.parametrize("option", [{"neighbours": 0}, {"max_clusters": 0}, {"min_cluster": -1}])
def test_bad_options(option: dict[str, int]) -> None:
    with pytest.raises(InvalidInputError, match=next(iter(option))):
        TypiClust(**option)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["embeddings", "labelled_embeddings"])
def test_nan_is_named(name: str) -> None:
    candidates: Any = make_candidates(TypiClust.needs, 9)
    array = getattr(candidates, name).copy()
    array[4, 1] = np.nan
    with pytest.raises(InvalidInputError, match="'random-4'" if name == "embeddings" else "row 4"):
        TypiClust().select(replace(candidates, **{name: array}), 2, rng=np.random.default_rng(0))

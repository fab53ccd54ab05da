from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from altasks.errors import InvalidInputError
from altasks.strategies import Candidates, ClusterMargin
from altasks.strategies._linkage import average_linkage, cut, mirror
from altasks.testing.strategies import StrategySuite, make_candidates, replace


class TestClusterMargin(StrategySuite):
    @pytest.fixture
    def strategy(self) -> ClusterMargin:
        return ClusterMargin(2.0, cluster_size=4)


class TestClusteredInPart(StrategySuite):
    """More candidates than may be clustered, and more kept by score than that."""

    @pytest.fixture
    def strategy(self) -> ClusterMargin:
        return ClusterMargin(3.0, cluster_size=3, max_rows=10)


def slow_linkage(points: np.ndarray, clusters: int) -> set[frozenset[int]]:
    """Merge the pair with the smallest mean distance until so many are left."""
    groups = [[i] for i in range(len(points))]
    while len(groups) > clusters:
        best = min(
            (
                (
                    sum(math.dist(points[i], points[j]) for i in a for j in b) / len(a) / len(b),
                    x,
                    y,
                )
                for x, a in enumerate(groups)
                for y, b in enumerate(groups[:x])
            ),
        )
        groups[best[2]] += groups.pop(best[1])
    return {frozenset(group) for group in groups}


def test_linkage_equals_merging_by_hand() -> None:
    for seed in range(60):
        rng = np.random.default_rng(seed)
        size = int(rng.integers(1, 16))
        points = rng.standard_normal((size, 3))
        clusters = int(rng.integers(1, size + 1))
        distances = np.linalg.norm(points[:, None] - points, axis=2)
        labels = cut(average_linkage(distances), clusters)
        ours = {frozenset(np.flatnonzero(labels == c).tolist()) for c in set(labels.tolist())}
        assert ours == slow_linkage(points, clusters)


def test_linkage_equals_scipy() -> None:
    hierarchy = pytest.importorskip("scipy.cluster.hierarchy")
    for seed in range(20):
        rng = np.random.default_rng(seed)
        points = rng.standard_normal((120, 4))
        theirs = hierarchy.linkage(points, "average")
        merges = average_linkage(np.linalg.norm(points[:, None] - points, axis=2))
        np.testing.assert_allclose(np.sort(merges[:, 2]), theirs[:, 2], rtol=1e-9)
        for clusters in (1, 2, 13, 60, 120):
            labels = cut(merges, clusters)
            flat = hierarchy.fcluster(theirs, clusters, "maxclust")
            pairs = set(zip(labels.tolist(), flat.tolist(), strict=True))
            assert len(pairs) == clusters


def test_mirror_equals_the_upper_half() -> None:
    for size in (0, 1, 7, 8, 9, 30):
        matrix = np.random.default_rng(size).random((size, size))
        expected = np.triu(matrix) + np.triu(matrix, 1).T
        mirror(matrix, tile=8)
        assert np.array_equal(matrix, expected)


def test_linkage_of_ties_and_duplicates_ends() -> None:
    for points in (np.zeros((40, 1)), np.repeat(np.arange(5.0), 8)[:, None]):
        merges = average_linkage(np.abs(points - points.T))
        labels = cut(merges, 5)
        assert len(set(labels.tolist())) == 5
    # Five groups of duplicates are five clusters.
    assert all(len(set(labels[8 * i : 8 * i + 8].tolist())) == 1 for i in range(5))


@pytest.mark.parametrize("kind", ["random", "ties", "one_cluster"])
def test_picks_go_round_the_clusters(kind: str) -> None:
    for seed in range(40):
        size, factor, cluster_size = 12 + seed, 1 + seed % 4, 1 + seed % 5
        candidates: Any = make_candidates(frozenset({"embeddings"}), size, kind=kind, seed=seed)
        n = 1 + seed % 9
        strategy = ClusterMargin(factor, cluster_size=cluster_size)
        picks = strategy.select(candidates, n, rng=np.random.default_rng(seed))
        row = {name: i for i, name in enumerate(candidates.ids)}
        values = candidates.values
        # 1. Only the highest factor * n scores.
        kept = min(size, factor * n)
        floor = np.sort(values)[::-1][kept - 1]
        assert all(values[row[name]] >= floor for name in picks)
        if kind == "ties":
            continue
        # 2. Sizes of the visited clusters: each circle goes upwards, and no cluster is visited
        #    again before every one that has more left has been.
        groups = slow_linkage(
            candidates.embeddings.astype(np.float64), max(1, round(size / cluster_size))
        )
        inside = {i for i in range(size) if values[i] >= floor}
        groups = {group & inside for group in groups if group & inside}
        where = {i: group for group in groups for i in group}
        circle = sorted(len(group) for group in groups)
        expected = [length for turn in range(max(circle)) for length in circle if length > turn][:n]
        assert [len(where[row[name]]) for name in picks] == expected
        visits = [where[row[name]] for name in picks]
        for turn, group in enumerate(visits):
            before = visits[:turn].count(group)
            assert all(visits[:turn].count(other) >= min(before, len(other)) for other in groups)


def test_a_lone_sample_comes_before_the_crowd() -> None:
    points = np.concatenate([np.zeros((20, 2)), [[50.0, 0.0]]])
    points += np.random.default_rng(0).normal(0, 0.1, points.shape)
    candidates = Candidates([str(i) for i in range(21)], np.ones(21), embeddings=points)
    for seed in range(5):
        picks = ClusterMargin(21, cluster_size=10).select(
            candidates, 2, rng=np.random.default_rng(seed)
        )
        assert picks[0] == "20"


def test_what_does_not_fit_joins_the_nearest() -> None:
    rng = np.random.default_rng(0)
    blob = rng.integers(0, 4, 400)
    points = rng.normal(0, 60, (4, 3))[blob] + rng.normal(0, 1, (400, 3))
    made = make_candidates(frozenset({"embeddings"}), 400, dim=3)
    candidates = replace(made, embeddings=points)
    strategy = ClusterMargin(10, cluster_size=15, max_rows=60)
    picks = strategy.select(candidates, 40, rng=np.random.default_rng(0))
    counts = np.bincount([blob[candidates.ids.index(name)] for name in picks], minlength=4)
    assert counts.max() - counts.min() <= 1


@pytest.mark.parametrize("option", [{"margin_factor": 0.5}, {"cluster_size": 0}, {"max_rows": 1}])
def test_bad_options(option: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError, match=next(iter(option))):
        ClusterMargin(**option)


def test_embeddings_with_infinite_distances_are_refused() -> None:
    """Among infinite distances no two are nearest, and the clustering would never end."""
    made = make_candidates(frozenset({"embeddings"}), 12, dim=3)
    points = np.ones((12, 3), dtype=np.float32)
    points[7] = 1e30
    with pytest.raises(InvalidInputError, match=rf"too large.*{made.ids[7]}"):
        ClusterMargin().select(replace(made, embeddings=points), 5, rng=np.random.default_rng(0))
    points[7] = 1e18  # far, but not beyond reckoning
    picks = ClusterMargin().select(
        replace(made, embeddings=points), 5, rng=np.random.default_rng(0)
    )
    assert len(set(picks)) == 5


def test_bytes_in_foreign_order_are_read_alike() -> None:
    made = make_candidates(frozenset({"embeddings"}), 30)
    foreign = made.embeddings.astype(made.embeddings.dtype.newbyteorder())
    native, swapped = (
        ClusterMargin().select(replace(made, embeddings=array), 5, rng=np.random.default_rng(0))
        for array in (made.embeddings, foreign)
    )
    assert native == swapped

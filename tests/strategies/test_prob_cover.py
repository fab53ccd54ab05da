from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from altasks.errors import InvalidInputError
from altasks.strategies.base import Candidates
from altasks.strategies.prob_cover import RESTARTS, ProbCover, greedy_cover, pure_radius
from altasks.testing.strategies import POOLS, StrategySuite, make_candidates, replace


class TestProbCover(StrategySuite):
    @pytest.fixture
    def strategy(self) -> ProbCover:
        return ProbCover()


class TestGivenRadius(StrategySuite):
    @pytest.fixture
    def strategy(self) -> ProbCover:
        return ProbCover(1.5)


@pytest.mark.slow
class TestDrawn(StrategySuite):
    @pytest.fixture
    def strategy(self) -> ProbCover:
        return ProbCover(exact_up_to=10, sample=8)


def slow_cover(points: list[tuple[int, ...]], known: list[Any], delta: float, n: int) -> list[int]:
    """Greedy coverage with sets; ties to the first row. Integers, so that all is exact."""

    def near(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
        return sum((x - y) ** 2 for x, y in zip(a, b, strict=True)) < delta**2

    balls = [{j for j, q in enumerate(points) if near(p, q)} for p in points]
    left = {j for j, q in enumerate(points) if not any(near(k, q) for k in known)}
    picks: list[int] = []
    for _ in range(n):
        rows = [i for i in range(len(points)) if i not in picks]
        picks.append(max(rows, key=lambda i: (len(balls[i] & left), -i)))
        left -= balls[picks[-1]]
    return picks


@pytest.mark.parametrize("dim", [1, 2, 4])
def test_equals_sets(dim: int) -> None:
    for seed in range(100):
        rng = np.random.default_rng(seed)
        size, known = int(rng.integers(1, 40)), int(rng.integers(0, 4))
        # A small lattice: plenty of duplicates and of distances equal to the radius.
        points = rng.integers(0, 1 + seed % 6, (size, dim))
        labelled = rng.integers(0, 1 + seed % 6, (known, dim))
        delta = float(rng.choice([0.5, 1.0, 1.5, 2.0, 3.0]))
        n = int(rng.integers(1, size + 1))
        fast = greedy_cover(
            torch.from_numpy(points).float(), torch.from_numpy(labelled).float(), delta, n
        )
        slow = slow_cover(
            [tuple(p) for p in points.tolist()], [tuple(p) for p in labelled.tolist()], delta, n
        )
        assert fast.tolist() == slow, (seed, delta)


@pytest.mark.parametrize("kind", POOLS)
def test_labelled_and_pending_balls_are_covered(kind: str) -> None:
    candidates = make_candidates(ProbCover.needs, 30, kind=kind, labelled=4, pending=0)
    moved = replace(
        candidates,
        labelled_embeddings=candidates.labelled_embeddings[:0],
        pending_embeddings=candidates.labelled_embeddings,
    )
    picks = [
        ProbCover(1.0).select(given, 10, rng=np.random.default_rng(0))
        for given in (candidates, moved)
    ]
    assert picks[0] == picks[1]


def test_a_labelled_blob_is_left_alone() -> None:
    points = np.array([[0.0], [0.1], [0.2], [5.0], [5.1], [9.0]])
    made = make_candidates(ProbCover.needs, 6, dim=1, pending=0)
    candidates = replace(made, embeddings=points, labelled_embeddings=np.array([[0.1]]))
    for seed in range(10):
        picks = ProbCover(0.15).select(candidates, 2, rng=np.random.default_rng(seed))
        assert set(picks) <= {"random-3", "random-4", "random-5"}


def test_the_radius_is_the_largest_pure_enough() -> None:
    for seed in range(50):
        rng = np.random.default_rng(seed)
        points = torch.from_numpy(rng.standard_normal((60, 2)))
        purity = float(rng.choice([0.5, 0.8, 0.95]))
        radius = pure_radius(points, 4, purity, np.random.default_rng(seed))
        from altasks.strategies._kmeans import best_kmeans

        labels = best_kmeans(points, 4, np.random.default_rng(seed), RESTARTS).tolist()
        where = points.tolist()

        def share(delta: float, labels: list[int] = labels, where: Any = where) -> float:
            pure = [
                all(
                    labels[i] == labels[j]
                    for j in range(60)
                    if np.hypot(where[i][0] - where[j][0], where[i][1] - where[j][1]) < delta
                )
                for i in range(60)
            ]
            return sum(pure) / 60

        assert share(radius * (1 - 1e-6)) >= purity
        assert share(radius * (1 + 1e-6)) < purity


@pytest.mark.parametrize("delta", [None, 1.2])
def test_what_is_drawn_of_all_is_all(delta: float | None) -> None:
    """As long as everything is drawn, the picks are those of the exact algorithm."""
    candidates = make_candidates(ProbCover.needs, 90, labelled=4, pending=3)
    exact, drawn = (
        ProbCover(delta, exact_up_to=size).select(candidates, 30, rng=np.random.default_rng(1))
        for size in (90, 89)
    )
    assert exact == drawn


def test_few_drawn_samples_are_covered_as_a_large_pool_is() -> None:
    rng = np.random.default_rng(0)
    sizes = np.arange(1, 31)
    blob = np.repeat(np.arange(30), 20 * sizes)  # 9,300 samples
    points = (20 * rng.standard_normal((30, 6)))[blob] + 0.1 * rng.standard_normal((len(blob), 6))
    none = np.empty((0, 6))
    candidates = Candidates(
        [str(i) for i in range(len(blob))], np.zeros(len(blob)), embeddings=points,
        labelled_embeddings=none, pending_embeddings=none,
    )  # fmt: skip
    picks = ProbCover(3.0, exact_up_to=1000, sample=2000).select(candidates, 10, rng=rng)
    covered = {int(blob[int(name)]) for name in picks}
    assert len(covered) == 10
    assert sizes[list(covered)].sum() >= 0.95 * sizes[-10:].sum()


def test_the_radius_looks_at_the_whole_pool(monkeypatch: Any) -> None:
    """Balls of drawn samples, k-means on drawn samples, and distances to all."""
    from altasks.strategies._kmeans import best_kmeans

    rng = np.random.default_rng(3)
    points = torch.from_numpy(rng.standard_normal((300, 2)))
    few, rest = points[:100], points[100:]
    found = pure_radius(few, 4, 0.9, np.random.default_rng(0), [rest[:150], rest[150:]], len(rest))
    labels = best_kmeans(few, 4, np.random.default_rng(0), RESTARTS)
    middles = torch.stack([few[labels == c].mean(0) for c in range(4)])
    theirs = torch.cat([labels, torch.cdist(rest, middles).argmin(1)])
    gaps = torch.cdist(few, points)
    gaps[labels[:, None] == theirs] = torch.inf
    assert found == pytest.approx(float(gaps.amin(1).sort().values[10]))


def test_a_sample_that_is_not_finite_is_named_wherever_it_is(monkeypatch: Any) -> None:
    monkeypatch.setattr("altasks.strategies.prob_cover.CONSIDERED", 15)
    candidates: Any = make_candidates(ProbCover.needs, 60, dim=3)
    for row in (0, 31, 59):
        broken = np.array(candidates.embeddings)
        broken[row] = np.nan
        for delta in (None, 1.0):
            with pytest.raises(InvalidInputError, match=candidates.ids[row]):
                ProbCover(delta, exact_up_to=10, sample=5).select(
                    replace(candidates, embeddings=broken), 2, rng=np.random.default_rng(0)
                )


def blobs(seed: int, count: int = 20, spread: float = 0.15) -> Candidates:
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((count, 8))
    rows = centres[rng.integers(0, count, 1000)] + spread * rng.standard_normal((1000, 8))
    ids = [str(i) for i in range(1000)]
    none = np.empty((0, 8))
    return Candidates(ids, np.zeros(1000), rows, labelled_embeddings=none, pending_embeddings=none)


def estimated(candidates: Candidates, n: int, seed: int, monkeypatch: Any, **options: Any) -> float:
    """Return the radius with which `n` are picked."""
    import altasks.strategies.prob_cover as module

    used: list[float] = []

    def cover(points: Any, known: Any, delta: float, n: int) -> Any:
        used.append(delta)
        return greedy_cover(points, known, delta, n)

    monkeypatch.setattr(module, "greedy_cover", cover)
    ProbCover(**options).select(candidates, n, rng=np.random.default_rng(seed))
    return used[0]


def test_the_radius_does_not_depend_on_the_batch_size(monkeypatch: Any) -> None:
    radii = {estimated(blobs(0), n, 3, monkeypatch) for n in (1, 2, 40)}
    assert len(radii) == 1


def test_the_radius_is_that_of_good_clusters_whatever_the_seed(monkeypatch: Any) -> None:
    """The blobs themselves are the best clusters; a poor k-means cuts some of them in two."""
    candidates: Any = blobs(1)
    cluster = pytest.importorskip("sklearn.cluster")
    labels = cluster.KMeans(20, n_init=20, random_state=0).fit(candidates.embeddings).labels_
    gaps = np.linalg.norm(candidates.embeddings[:, None] - candidates.embeddings, axis=2)
    gaps[labels[:, None] == labels] = np.inf
    best = float(np.sort(gaps.min(1))[int(0.05 * 1000)])
    for seed in range(6):
        found = estimated(candidates, 5, seed, monkeypatch, classes=20)
        assert found == pytest.approx(best, rel=0.02)


def test_one_cluster_has_no_bound() -> None:
    points = torch.ones(5, 2)
    assert pure_radius(points, 3, 0.95, np.random.default_rng(0)) == np.inf


@pytest.mark.parametrize(
    "option",
    [
        {"delta": 0.0},
        {"delta": np.inf},
        {"classes": 1},
        {"purity": 1.0},
        {"exact_up_to": 0},
        {"sample": 0},
    ],
)
def test_bad_options(option: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError, match=next(iter(option))):
        ProbCover(**option)


@pytest.mark.parametrize("classes", [None, 2, 6, 12])
def test_too_few_clusters_still_tell_groups_apart(classes):
    """Twelve groups far apart: the radius must never lie inside one of them."""
    rng = np.random.default_rng(0)
    truth = np.repeat(np.arange(12), np.linspace(10, 120, 12).astype(int))
    points = rng.normal(0, 12, (12, 6))[truth] + rng.normal(0, 1, (len(truth), 6))
    candidates = Candidates(
        [str(i) for i in range(len(points))],
        np.zeros(len(points)),
        embeddings=points,
        labelled_embeddings=np.empty((0, 6)),
        pending_embeddings=np.empty((0, 6)),
    )
    strategy = ProbCover(classes=classes)
    found = [
        len({truth[int(one)] for one in strategy.select(candidates, 12, rng=rng)})
        for rng in map(np.random.default_rng, range(5))
    ]
    assert np.mean(found) > 9

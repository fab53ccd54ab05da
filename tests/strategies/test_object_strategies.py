"""CategoryMatching and ObjectHerding: images compared object by object."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import altasks as al
from altasks.errors import InvalidInputError
from altasks.strategies.base import Candidates
from altasks.strategies.uncertainty_herding import scaled_scores
from altasks.testing.strategies import POOLS, StrategySuite, make_candidates, replace

NEEDS = al.ObjectHerding.needs | {"costs"}


class TestCategoryMatching(StrategySuite):
    @pytest.fixture
    def strategy(self):
        return al.CategoryMatching()


class TestFewCompared(StrategySuite):
    large_pool_size = 300

    @pytest.fixture
    def strategy(self):
        return al.CategoryMatching(2.5, at_most=7, iterations=3)


class TestObjectHerding(StrategySuite):
    large_pool_size = 600

    @pytest.fixture
    def strategy(self):
        return al.ObjectHerding(at_most=300)


class TestObjectHerdingPerCost(StrategySuite):
    large_pool_size = 300

    @pytest.fixture
    def strategy(self):
        return al.ObjectHerding(0.4, uncertainty=False, at_most=10, per_cost=True)


def select(strategy, candidates: Candidates, n: int, seed: int = 0) -> list[str]:
    return strategy.select(candidates, n, rng=np.random.default_rng(seed))


def one_way(left, right) -> float:
    """From the definition, object by object."""
    ours = [row for row in left if row[1] > 0]
    theirs = [row for row in right if row[1] > 0]
    if not ours:
        return 2.0 if theirs else 0.0
    total = weight = 0.0
    for kind, score, *point in ours:
        best = 2.0
        for other, _, *place in theirs:
            if other == kind:
                lengths = np.linalg.norm(point) * np.linalg.norm(place)
                best = min(best, 1 - (float(np.dot(point, place)) / lengths if lengths else 0.0))
        total += score * best
        weight += score
    return total / weight


def distance(left, right) -> float:
    return (one_way(left, right) + one_way(right, left)) / 2


def table(left, right) -> np.ndarray:
    return np.array([[distance(one, other) for other in right] for one in left])


def images(*pictures, width=8) -> np.ndarray:
    """Return `[N, B, 2 + width]` from lists of (class, score, embedding)."""
    found = np.zeros((len(pictures), max(map(len, pictures)), 2 + width))
    for n, picture in enumerate(pictures):
        for place, (kind, score, point) in enumerate(picture):
            found[n, place] = [kind, score, *point]
    return found


def similarity_to_first(objects, radius=1.0) -> list[float]:
    """How much of each image is covered once the first one is labelled, seen from outside.

    What an image gains tells its distance. It is found by the price at which another image, one
    that nothing is like, would be picked instead.
    """
    far = np.zeros_like(objects[:1])
    far[0, 0] = [99, 1, 1, *np.zeros(objects.shape[2] - 3)]
    found = []
    for one in objects[1:]:
        low, high = 0.0, 1.0
        for _ in range(30):
            share = (low + high) / 2
            # The far image gains 1 - exp(-4 / r^2) for the price; the other 1 - k for 1.
            candidates = Candidates(
                ["it", "far"],
                [1.0, 1.0],
                objects=np.concatenate([one[None], far]),
                labelled_objects=objects[:1],
                pending_objects=objects[:0],
                costs=[1.0, 1 / max(share, 1e-9)],
            )
            strategy = al.ObjectHerding(radius, uncertainty=False, per_cost=True)
            dearer = select(strategy, candidates, 1) == ["it"]
            low, high = (share, high) if dearer else (low, share)
        found.append(low)
    return found


def test_only_an_image_itself_is_at_no_distance():
    """Not the k-th object of one image from the k-th of another, as in the published code.

    Two images with four objects each, all eight features orthogonal, are at 1; so they are with
    the objects of one in another order. The published code has 0 for the first, 1 for the other.
    """
    points = np.eye(8)
    left = [(0, 0.5, points[i]) for i in range(4)]
    right = [(0, 0.5, points[4 + i]) for i in range(4)]
    swapped = right[::-1]
    for other in (right, swapped):
        assert distance(images(left)[0], images(other)[0]) == pytest.approx(1.0)
        (gain,) = similarity_to_first(images(left, other))
        expected = (1 - np.exp(-1.0)) / (1 - np.exp(-4.0))
        assert gain == pytest.approx(expected, abs=1e-6)
    # The same objects, whatever their order, are at 0, also in another image.
    shuffled = [left[i] for i in (2, 0, 3, 1)]
    assert similarity_to_first(images(left, shuffled)) == pytest.approx([0.0], abs=1e-6)


def test_distances_equal_the_definition():
    """Through what a labelled image covers, for every pair of random images."""
    for seed in range(3):
        made = make_candidates(NEEDS, 9, seed=seed, dim=3).objects.astype(np.float64)
        expected = table(made[1:], made[:1])[:, 0]
        gains = (1 - np.exp(-(expected**2))) / (1 - np.exp(-4.0))
        assert similarity_to_first(made) == pytest.approx(gains.tolist(), abs=1e-6)


def medoids(distances, k, iterations=100):
    """k-medoids by loops, as the docstring says it."""
    count = len(distances)
    chosen = [0]
    while len(chosen) < k:
        left = [row for row in range(count) if row not in chosen]
        chosen.append(max(left, key=lambda row: (min(distances[row][c] for c in chosen), -row)))

    def assign():
        clusters = [[] for _ in chosen]
        for row in range(count):
            if row in chosen:
                clusters[chosen.index(row)].append(row)
            else:
                best = min(range(k), key=lambda place: (distances[row][chosen[place]], place))
                clusters[best].append(row)
        return clusters

    clusters = assign()
    for _ in range(iterations):
        before = list(chosen)
        for place, members in enumerate(clusters):
            sums = {row: sum(distances[row][other] for other in members) for row in members}
            best = min(members, key=lambda row: (sums[row], row))
            if sums[best] < sums[chosen[place]] - 1e-9 * max(sums[chosen[place]], 1.0):
                chosen[place] = best
        if chosen == before:
            break
        clusters = assign()
    return [chosen[place] for place in sorted(range(k), key=lambda p: -len(clusters[p]))]


@pytest.mark.parametrize("expand", [1.0, 2.0, 4.0])
def test_category_matching_equals_loops(expand):
    for seed in range(6):
        candidates = make_candidates(NEEDS, 17, seed=seed, dim=3)
        for n in (1, 3, 5):
            count = min(17, int(np.ceil(expand * n)))
            kept = np.argsort(-candidates.values)[:count]  # no two scores are equal
            chosen = medoids(table(*[candidates.objects[kept].astype(np.float64)] * 2).tolist(), n)
            expected = [candidates.ids[kept[place]] for place in chosen]
            assert select(al.CategoryMatching(expand), candidates, n, seed) == expected


def test_copies_leave_no_cluster_empty():
    """As they do in the published code, which fails on them."""
    made = make_candidates(NEEDS, 12, kind="all_equal")
    assert len(set(select(al.CategoryMatching(), made, 9))) == 9
    two = replace(made, objects=np.concatenate([made.objects[:6], made.objects[:6] * 0]))
    assert len(set(select(al.CategoryMatching(), two, 5))) == 5


@pytest.mark.parametrize("kind", POOLS)
@pytest.mark.parametrize("uncertainty", [True, False])
@pytest.mark.parametrize("per_cost", [True, False])
def test_object_herding_picks_what_gains_most(kind, uncertainty, per_cost):
    for seed in range(3):
        candidates = make_candidates(NEEDS, 14, kind=kind, seed=seed, dim=3, labelled=seed)
        similar = np.exp(-((table(candidates.objects, candidates.objects) / 0.7) ** 2))
        covered = np.zeros(14)
        for name in ("labelled_objects", "pending_objects"):
            for one in getattr(candidates, name):
                near = table(candidates.objects, [one])[:, 0]
                covered = np.maximum(covered, np.exp(-((near / 0.7) ** 2)))
        weights = scaled_scores(candidates.values) if uncertainty else np.ones(14)
        strategy = al.ObjectHerding(0.7, uncertainty=uncertainty)
        strategy = strategy.priced() if per_cost else strategy
        costs = candidates.costs if per_cost else np.ones(14)
        left = set(range(14))
        for name in select(strategy, candidates, 14, seed):
            row = candidates.ids.index(name)
            gains = np.maximum(similar - covered, 0) @ weights / costs
            assert gains[row] >= max(gains[one] for one in left) - 1e-9
            covered = np.maximum(covered, similar[row])
            left.remove(row)


def test_the_median_distance_is_the_radius():
    candidates = make_candidates(NEEDS, 20, dim=3)
    between = table(candidates.objects, candidates.objects)[np.triu_indices(20, 1)]
    radius = float(np.median(between[between > 1e-5]))
    assert select(al.ObjectHerding(), candidates, 20) == (
        select(al.ObjectHerding(radius), candidates, 20)
    )


def test_blocks_change_nothing(monkeypatch):
    candidates = make_candidates(NEEDS, 40, dim=3, labelled=30)
    strategies = [al.ObjectHerding(), al.CategoryMatching()]
    whole = [select(one, candidates, 9) for one in strategies]
    from altasks.strategies import _object_distances

    for size in (1, 7, 100):
        monkeypatch.setattr(_object_distances, "TILE", size)
        assert [select(one, candidates, 9) for one in strategies] == whole


def test_the_order_of_the_objects_does_not_matter():
    candidates = make_candidates(NEEDS, 30, dim=3)
    for strategy, order in itertools.product(
        (al.ObjectHerding(), al.CategoryMatching()), ([3, 1, 0, 2], [1, 0, 2, 3])
    ):
        turned = replace(
            candidates,
            objects=candidates.objects[:, order],
            labelled_objects=candidates.labelled_objects[:, order],
        )
        assert select(strategy, turned, 9) == select(strategy, candidates, 9)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ([0.5, 1, 1, 1, 1], "a whole number as the class"),
        ([0, -1, 1, 1, 1], "score of at least 0"),
        ([0, np.nan, 1, 1, 1], "score of at least 0"),
        ([np.nan, 1, 1, 1, 1], "a whole number"),
        ([0, 1, np.inf, 1, 1], "a finite embedding"),
    ],
)
def test_objects_that_cannot_be_read(row, message):
    candidates = make_candidates(NEEDS, 6, dim=3)
    objects = candidates.objects.copy()
    objects[4, 2] = row
    for strategy in (al.ObjectHerding(), al.CategoryMatching()):
        with pytest.raises(InvalidInputError, match=message) as error:
            select(strategy, replace(candidates, objects=objects), 2)
        assert "'random-4', object 2" in str(error.value)


@pytest.mark.parametrize(
    "fields",
    [
        {"objects": np.zeros((2, 3))},
        {"objects": np.zeros((3, 1, 4))},
        {"objects": np.zeros((2, 1, 2))},
        {"objects": np.zeros((2, 1, 4)), "labelled_objects": np.zeros((5, 1, 5))},
        {"pending_objects": [[[0, 1, 2]]]},
    ],
)
def test_candidates_check_objects(fields):
    with pytest.raises(InvalidInputError, match="objects"):
        Candidates(["a", "b"], [0.0, 1.0], **fields)


@pytest.mark.parametrize(
    ("make", "argument"),
    [
        (lambda: al.CategoryMatching(0.5), "expand"),
        (lambda: al.CategoryMatching(at_most=1), "at_most"),
        (lambda: al.CategoryMatching(iterations=-1), "iterations"),
        (lambda: al.ObjectHerding(0.0), "radius"),
        (lambda: al.ObjectHerding(at_most=0), "at_most"),
    ],
)
def test_options_out_of_range(make, argument):
    with pytest.raises(InvalidInputError, match=argument):
        make()

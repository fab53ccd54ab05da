"""MaxHerding, UncertaintyHerding and FacilityLocation by a Gaussian kernel."""

from __future__ import annotations

import math

import numpy as np
import pytest

import altasks as al
from altasks.errors import InvalidInputError
from altasks.strategies.base import NEEDS, Candidates, id_hashes
from altasks.testing.strategies import POOLS, StrategySuite, make_candidates, replace

COVERING = al.MaxHerding.needs
ALL = COVERING | {"mean_probs", "held_out_probs", "held_out_labels", "costs"}


def unit(array) -> np.ndarray:
    array = np.asarray(array, dtype=np.float64)
    length = np.linalg.norm(array, axis=1, keepdims=True)
    return array / np.where(length > 0, length, 1)


def distances(left, right) -> np.ndarray:
    """By differences: no product of matrices."""
    right = np.asarray(right).reshape(-1, left.shape[1])
    return np.sqrt(((left[:, None] - right[None]) ** 2).sum(2))


def adapted_radius(pool, labelled, least) -> float:
    """The smallest distance above 0 between labelled samples, or the median of the pool's."""
    for rows, choose in ((labelled, min), (pool, np.median)):
        between = distances(rows, rows)[np.triu_indices(len(rows), 1)]
        if (between > 1e-5).any():
            return max(float(choose(between[between > 1e-5])), least)
    return max(1.0, least)


def tempered_margin(probs, temperature) -> np.ndarray:
    with np.errstate(divide="ignore"):
        scaled = np.exp(np.log(probs) / temperature)
    scaled /= scaled.sum(1, keepdims=True)
    ordered = np.sort(scaled, 1)
    return 1 - (ordered[:, -1] - ordered[:, -2])


def likeliest_temperature(probs, labels) -> float:
    """The same grid and targets, each sample's loss for itself."""
    right = (len(labels) + 1) / (len(labels) + 2)
    grid = [10 ** (-1 + step / 20) for step in range(41)]
    losses = []
    for temperature in grid:
        total = 0.0
        for row, label in zip(probs, labels, strict=True):
            powers = [max(p, 1e-12) ** (1 / temperature) for p in row]
            for place, power in enumerate(powers):
                target = right if place == label else (1 - right) / (len(powers) - 1)
                total -= target * math.log(power / sum(powers))
        losses.append(total)
    return grid[int(np.argmin(losses))]


def double_loop(
    candidates: Candidates,
    n: int,
    seed: int,
    *,
    radius: float | None = None,
    least: float = 1e-3,
    weights: np.ndarray | None = None,
    costs: np.ndarray | None = None,
) -> list[str]:
    """Every gain of every candidate again for every pick, from the definition."""
    rng = np.random.default_rng(seed)
    hashes = id_hashes(candidates.ids, np.random.default_rng(rng.integers(0, 2**63)))
    pool, labelled = unit(candidates.embeddings), unit(candidates.labelled_embeddings)
    if radius is None:
        radius = adapted_radius(pool, labelled, least)
    taken = [*labelled, *unit(candidates.pending_embeddings)]
    weights = np.ones(len(pool)) if weights is None or not weights.any() else weights
    similar = np.exp(-((distances(pool, pool) / radius) ** 2))
    covered = np.exp(-((distances(pool, np.array(taken)) / radius) ** 2)).max(1, initial=0)
    costs = np.ones(len(pool)) if costs is None else costs
    # Of a sum of so many float64 numbers, whose exponents are as large as 2 / radius^2.
    rounding = 1e-14 * weights.sum() * max(1, 2 / radius**2) / costs.min()
    picks: list[int] = []
    while len(picks) < min(n, len(pool)):
        left = [row for row in range(len(pool)) if row not in picks]
        gains = [
            float((weights * np.maximum(similar[:, row] - covered, 0)).sum()) / costs[row]
            for row in left
        ]
        best = max(gains)
        equal = [row for row, gain in zip(left, gains, strict=True) if gain >= best - rounding]
        if best <= rounding:
            equal = left
        picks.append(min(equal, key=lambda row: hashes[row]))
        covered = np.maximum(covered, similar[:, picks[-1]])
    return [candidates.ids[row] for row in picks]


def select(strategy, candidates: Candidates, n: int, seed: int = 0) -> list[str]:
    return strategy.select(candidates, n, rng=np.random.default_rng(seed))


def scattered(seed: int, n: int, kind: str, needs=ALL) -> Candidates:
    return make_candidates(
        needs, n, kind=kind, seed=seed, labelled=(0, 5, 1)[seed % 3], pending=seed % 3
    )


class TestMaxHerding(StrategySuite):
    @pytest.fixture
    def strategy(self):
        return al.MaxHerding()


class TestSampledMaxHerding(StrategySuite):
    @pytest.fixture
    def strategy(self):
        return al.MaxHerding(0.4, exact_up_to=10, sample=12)


class TestGaussianFacilityLocation(StrategySuite):
    @pytest.fixture
    def strategy(self):
        return al.FacilityLocation(similarity="rbf", radius=0.3)


class TestHerdingPerCost(StrategySuite):
    @pytest.fixture
    def strategy(self):
        return al.UncertaintyHerding(per_cost=True)


class TestUncertaintyHerding(StrategySuite):
    @pytest.fixture
    def strategy(self):
        return al.UncertaintyHerding()


class TestSampledUncertaintyHerding(StrategySuite):
    @pytest.fixture
    def strategy(self):
        return al.UncertaintyHerding(1.0, radius=0.2, exact_up_to=10, sample=12)


class Probing(al.UncertaintyHerding):
    """Needs what it otherwise only reads where it is there, so that the suite fills it."""

    needs = ALL - {"costs"}

    def __init__(self, **options) -> None:
        super().__init__(**options)
        self.needs = ALL - {"costs"}


class TestUncertaintyHerdingWithProbabilities(StrategySuite):
    @pytest.fixture
    def strategy(self):
        return Probing()


@pytest.mark.parametrize("radius", [None, 0.05, 0.3, 1.0, 11.3])
@pytest.mark.parametrize("kind", POOLS)
def test_max_herding_equals_the_double_loop(kind, radius):
    for seed in range(0, 6, 2):
        size = 6 + 4 * seed
        candidates = scattered(seed, size, kind, COVERING)
        given = radius
        if given is None:  # never that of what is labelled
            given = adapted_radius(unit(candidates.embeddings), np.empty((0, 5)), 1e-3)
        for n in (1, 4, size):
            expected = double_loop(candidates, n, seed, radius=given)
            assert select(al.MaxHerding(radius), candidates, n, seed) == expected
            other = al.FacilityLocation(similarity="rbf", radius=radius)
            assert select(other, candidates, n, seed) == expected


@pytest.mark.parametrize("radius", [None, 0.3])
@pytest.mark.parametrize("kind", POOLS)
def test_uncertainty_herding_equals_the_double_loop(kind, radius):
    for seed in range(0, 12, 2):
        size = 6 + 2 * seed
        candidates = scattered(seed, size, kind)
        temperature = 1.0
        if len(candidates.held_out_labels):
            temperature = likeliest_temperature(
                candidates.held_out_probs, candidates.held_out_labels
            )
        weights = tempered_margin(candidates.mean_probs, temperature)
        for n in (1, 5, size):
            expected = double_loop(candidates, n, seed, radius=radius, least=0.15, weights=weights)
            strategy = al.UncertaintyHerding(radius=radius, least_radius=0.15)
            assert select(strategy, candidates, n, seed) == expected


@pytest.mark.parametrize("kind", POOLS)
def test_gain_per_cost_equals_the_double_loop(kind):
    for seed in range(4):
        candidates = scattered(seed, 20, kind)
        weights = tempered_margin(candidates.mean_probs, 2.0)
        expected = double_loop(
            candidates, 12, seed, radius=0.4, weights=weights, costs=candidates.costs
        )
        strategy = al.UncertaintyHerding(2.0, 0.4)
        for priced in (strategy.priced(), al.UncertaintyHerding(2.0, 0.4, per_cost=True)):
            assert select(priced, candidates, 12, seed) == expected
        assert not strategy.per_cost
        assert strategy.needs == COVERING


def test_equals_the_double_loop_beyond_the_front(in_type):
    """More candidates than are watched together, with weights, in every type of number."""
    given = make_candidates(COVERING, 2300, dim=8, labelled=20)
    candidates, exactly = in_type(given)
    pool = unit(exactly.embeddings)
    similar = np.exp(-(2 - 2 * (pool @ pool.T)) / 0.3**2)
    start = np.concatenate([unit(exactly.labelled_embeddings), unit(exactly.pending_embeddings)])
    covered = np.exp(-(2 - 2 * (pool @ start.T)) / 0.3**2).max(1)
    weights = np.clip(candidates.values, 0.2, 0.7)
    strategy = al.UncertaintyHerding(radius=0.3, uncertainty="score")
    scaled = np.minimum(weights / np.quantile(weights, 0.99), 1)
    for name in select(strategy, replace(candidates, values=weights), 12):
        row = candidates.ids.index(name)
        gains = np.maximum(similar - covered, 0) @ scaled
        assert gains[row] >= gains.max() - 1e-9
        covered = np.maximum(covered, similar[row])


@pytest.mark.parametrize("kind", ["random", "duplicates", "ties"])
def test_flat_uncertainty_is_max_herding(kind):
    for seed in range(5):
        candidates = make_candidates(ALL, 40, kind=kind, seed=seed)
        flat = replace(candidates, mean_probs=np.full((40, 4), 0.25), values=np.zeros(40))
        expected = select(al.MaxHerding(0.3), candidates, 12, seed)
        assert select(al.UncertaintyHerding(radius=0.3), flat, 12, seed) == expected
        assert select(al.UncertaintyHerding(radius=0.3, uncertainty="score"), flat, 12, seed) == (
            expected
        )
        # So is the one that is 0 everywhere.
        sure = replace(candidates, mean_probs=np.eye(4)[np.zeros(40, dtype=int)])
        assert select(al.UncertaintyHerding(radius=0.3), sure, 12, seed) == expected


def test_a_radius_towards_nothing_takes_the_most_uncertain():
    for seed in range(10):
        candidates = make_candidates(COVERING | {"mean_probs"}, 50, seed=seed)
        weights = tempered_margin(candidates.mean_probs, 1.0)
        best = [candidates.ids[row] for row in np.argsort(-weights)[:12]]
        assert select(al.UncertaintyHerding(1.0, 0.001), candidates, 12, seed) == best


def test_one_uncertain_sample_is_taken_first():
    for seed in range(10):
        candidates = make_candidates(COVERING | {"mean_probs"}, 50, seed=seed)
        probs = np.eye(4)[np.random.default_rng(seed).integers(0, 4, 50)]
        probs[17] = 0.25
        given = replace(candidates, mean_probs=probs)
        assert select(al.UncertaintyHerding(1.0), given, 5, seed)[0] == candidates.ids[17]


def test_temperature_by_which_the_held_out_labels_are_likely():
    """An over-sure model is believed less: its uncertainty is flatter, the batch more spread."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 4, 400)
    logits = np.eye(4)[truth] + rng.standard_normal((400, 4))
    for scale in (0.2, 1.0, 8.0):
        probs = np.exp(scale * logits)
        probs /= probs.sum(1, keepdims=True)
        candidates = make_candidates(ALL, 60, seed=1)
        given = replace(candidates, held_out_probs=probs, held_out_labels=truth)
        temperature = likeliest_temperature(probs, truth)
        assert 0.5 * scale < temperature < 2 * scale
        assert select(al.UncertaintyHerding(), given, 10) == (
            select(al.UncertaintyHerding(temperature), given, 10)
        )


def weights_of(values) -> list[float]:
    """U of scores, from the definition, one by one."""
    ordered = sorted(values)
    if ordered[0] == ordered[-1]:
        return [1.0] * len(ordered)
    largest = max(abs(value) for value in ordered)

    def quantile(share):
        place = share * (len(ordered) - 1)
        left, right = ordered[int(place)], ordered[min(int(place) + 1, len(ordered) - 1)]
        return left / largest + (place - int(place)) * (right / largest - left / largest)

    signed = ordered[0] < -1e-6 * largest
    low, high = quantile(0.01) if signed else 0.0, quantile(0.99)
    if low >= high:
        low, high = min(low, ordered[0] / largest), ordered[-1] / largest
    return [min(max((value / largest - low) / (high - low), 0.0), 1.0) for value in values]


@pytest.mark.parametrize("kind", POOLS)
@pytest.mark.parametrize("shift", [0.0, 5.0, -0.4, -3.0])
def test_scores_as_weights_equal_the_double_loop(kind, shift):
    """Of scores from 0 on nothing is subtracted: 0 means sure. Others have no such zero."""
    for seed in range(4):
        candidates = scattered(seed, 12 + seed, kind, COVERING)
        given = replace(candidates, values=candidates.values + shift)
        weights = np.array(weights_of(given.values.tolist()))
        expected = double_loop(given, 6, seed, radius=0.3, weights=weights)
        strategy = al.UncertaintyHerding(radius=0.3, uncertainty="score")
        assert select(strategy, given, 6, seed) == expected


def test_rounding_below_zero_is_zero():
    candidates = make_candidates(COVERING, 40)
    values = np.where(np.arange(40) % 5 == 0, 0.0, 5 + candidates.values)
    below = np.where(values == 0, -1e-9, values)
    strategy = al.UncertaintyHerding(radius=0.3)
    assert select(strategy, replace(candidates, values=values), 9) == (
        select(strategy, replace(candidates, values=below), 9)
    )


def test_scores_that_are_about_equal_leave_coverage_to_decide():
    """As those of a model that is about equally unsure of all: once it is scaled down, say."""
    candidates = make_candidates(COVERING, 60)
    flat = replace(candidates, values=1 + 1e-9 * candidates.values)
    strategy = al.UncertaintyHerding(radius=1.0)
    assert select(strategy, flat, 12) == select(al.MaxHerding(1.0), candidates, 12)
    assert select(strategy, candidates, 12) != select(strategy, flat, 12)


@pytest.mark.parametrize(
    "values", [[-700.0, -2.0, -1.0], [0.0, 3.0, 1e300], [-1e308, 0.0, 1e308], [0.0, 0.0, 1.0]]
)
def test_any_finite_score_does(values):
    values = np.resize(values, 60) + 1e-3 * np.arange(60)
    candidates = replace(make_candidates(COVERING, 60), values=values)
    picks = select(al.UncertaintyHerding(radius=0.05), candidates, 5)
    low = np.quantile(values, 0.01)
    assert all(candidates.values[candidates.ids.index(name)] > low for name in picks)


def test_probabilities_of_independent_labels_give_way_to_the_scores():
    candidates = make_candidates(COVERING | {"mean_probs"}, 40)
    labels = np.random.default_rng(0).random((40, 4))
    assert select(al.UncertaintyHerding(), replace(candidates, mean_probs=labels), 9) == (
        select(al.UncertaintyHerding(uncertainty="score"), candidates, 9)
    )


def test_a_sample_of_the_pool_is_drawn_by_priority():
    """Of a large pool the uncertain samples stand for it, and heavy ones are never missed."""
    candidates = make_candidates(COVERING, 3_000, dim=3)
    values = np.full(3_000, 0.001)
    rare = np.arange(0, 3_000, 50)
    values[rare] = 1.0
    values[0], values[1] = 2.0, 0.0  # the quantile lies inside
    given = replace(candidates, values=values)
    strategy = al.UncertaintyHerding(radius=0.01, exact_up_to=100, sample=120)
    found = {candidates.ids.index(name) for name in select(strategy, given, 60)}
    assert found == set(rare.tolist())


@pytest.mark.parametrize("kind", ["random", "duplicates", "all_equal", "zeros"])
def test_of_very_many_candidates_a_drawn_part_may_be_picked(kind, monkeypatch):
    """What stands for the pool may, and the picks don't depend on the order of the rows."""
    monkeypatch.setattr("altasks.strategies._coverage.CONSIDERED", 60)
    candidates = make_candidates(COVERING | {"mean_probs"}, 400, kind=kind)
    order = np.random.default_rng(1).permutation(400)
    for strategy in (
        al.MaxHerding(0.3, exact_up_to=50, sample=40),
        al.UncertaintyHerding(1.0, 0.3, exact_up_to=50, sample=40),
    ):
        seen = set()
        for n in (5, 25, 100, 400):  # of 60, then of twice as many as are picked
            picks = select(strategy, candidates, n)
            assert len(set(picks)) == n
            assert select(strategy, candidates.take(order), n) == picks
            seen |= set(picks[:25])
        assert len(seen) <= 120


def test_the_smallest_labelled_distance_over_many_blocks():
    """L^2 distances, a block at a time; the pair lies in two blocks."""
    rng = np.random.default_rng(0)
    labelled = rng.standard_normal((2_500, 40))
    labelled[2_400] = labelled[30] + 0.2 * rng.standard_normal(40)
    labelled[7] = labelled[1_900]  # the same sample twice is no distance
    between = np.linalg.norm(unit(labelled)[[30]] - unit(labelled)[[2_400]])
    candidates = make_candidates(COVERING, 60, dim=40)
    given = replace(candidates, labelled_embeddings=labelled)
    assert select(al.UncertaintyHerding(), given, 10) == (
        select(al.UncertaintyHerding(radius=float(between)), given, 10)
    )
    assert select(al.UncertaintyHerding(least_radius=0.5), given, 10) == (
        select(al.UncertaintyHerding(radius=0.5), given, 10)
    )


def test_a_budget_is_spent_by_gain_per_cost():
    candidates = make_candidates(COVERING | {"costs"}, 60, seed=3)
    for strategy in (al.UncertaintyHerding(radius=0.3), al.MaxHerding(0.3)):
        spent = al.select_within(
            strategy, candidates, 6.0, rng=np.random.default_rng(0), per_cost=True
        )
        assert spent.spent <= 6
        seed = int(np.random.default_rng(0).integers(0, 2**63, dtype=np.int64))
        walk = strategy.priced().select(candidates, 3, rng=np.random.default_rng(seed))
        assert spent.picks[:3] == walk


@pytest.mark.parametrize(
    ("make", "argument"),
    [
        (lambda: al.UncertaintyHerding(0), "temperature"),
        (lambda: al.UncertaintyHerding(math.inf), "temperature"),
        (lambda: al.UncertaintyHerding(radius=1e-4), "radius"),
        (lambda: al.UncertaintyHerding(least_radius=None), "least_radius"),
        (lambda: al.UncertaintyHerding(uncertainty="entropy"), "uncertainty"),
        (lambda: al.MaxHerding("wide"), "radius"),
        (lambda: al.MaxHerding(sample=0), "sample"),
        (lambda: al.FacilityLocation(similarity="dot"), "similarity"),
        (lambda: al.FacilityLocation(radius=0.3), "radius"),
    ],
)
def test_bad_options(make, argument):
    with pytest.raises(InvalidInputError, match=argument):
        make()


@pytest.mark.parametrize("field", ["embeddings", "labelled_embeddings", "pending_embeddings"])
def test_not_finite(field):
    candidates = make_candidates(COVERING, 9)
    array = getattr(candidates, field).copy()
    array[1, 1] = np.inf
    with pytest.raises(InvalidInputError, match=field):
        select(al.UncertaintyHerding(), replace(candidates, **{field: array}), 2)


@pytest.mark.parametrize(
    ("fields", "argument"),
    [
        ({"held_out_labels": np.array([0, 4])}, "held_out_labels.*0 to 3.*found 4"),
        ({"held_out_labels": np.array([0, -1])}, "held_out_labels.*row 1"),
        ({"held_out_labels": np.array([0])}, "held_out_labels"),
        ({"held_out_labels": np.array([0.0, 1.0])}, "held_out_labels.*whole"),
        ({"held_out_probs": np.full(4, 0.25)}, "held_out_probs"),
    ],
)
def test_what_is_held_out_is_checked(fields, argument):
    good = {"held_out_probs": np.full((2, 4), 0.25), "held_out_labels": np.array([0, 3])}
    Candidates(["a"], [0.0], **good)
    with pytest.raises(InvalidInputError, match=argument):
        Candidates(["a"], [0.0], **{**good, **fields})


def test_the_needs_are_known():
    assert al.UncertaintyHerding().wants <= set(NEEDS)
    assert al.get_strategy("uncertainty_herding") is al.UncertaintyHerding
    assert al.get_strategy("max_herding") is al.MaxHerding

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from altasks.errors import InvalidInputError
from altasks.strategies.base import Candidates, id_hashes
from altasks.strategies.facility_location import FacilityLocation
from altasks.testing.strategies import POOLS, StrategySuite, make_candidates, replace


def unit(array) -> np.ndarray:
    array = np.asarray(array, dtype=np.float64)
    length = np.linalg.norm(array, axis=1, keepdims=True)
    return array / np.where(length > 0, length, 1)


def twin(candidates: Candidates, n: int, seed: int, sample: int | None = None) -> list[str]:
    """The whole matrix of similarities, and every gain again for every pick."""
    rng = np.random.default_rng(seed)
    hashes = id_hashes(candidates.ids, np.random.default_rng(rng.integers(0, 2**63)))
    pool = unit(candidates.embeddings)
    targets = pool if sample is None else pool[np.argsort(hashes)[:sample]]
    alike = pool @ targets.T
    taken = np.concatenate(
        [unit(candidates.labelled_embeddings), unit(candidates.pending_embeddings)]
    )
    cover = np.maximum((taken @ targets.T).max(0, initial=0), 0)
    picks: list[int] = []
    while len(picks) < min(n, len(pool)):
        left = np.array([i for i in range(len(pool)) if i not in picks])
        gain = np.maximum(alike[left] - cover, 0).sum(1)
        rounding = 1e-14 * len(targets)  # of a sum of so many float64 numbers near 1
        equal = left[gain >= gain.max() - rounding]
        if gain.max() <= rounding:
            equal = left
        picks.append(int(equal[hashes[equal].argmin()]))
        cover = np.maximum(cover, alike[picks[-1]])
    return [candidates.ids[i] for i in picks]


class TestFacilityLocation(StrategySuite):
    @pytest.fixture
    def strategy(self):
        return FacilityLocation()


class TestSampledFacilityLocation(StrategySuite):
    @pytest.fixture
    def strategy(self):
        return FacilityLocation(exact_up_to=10, sample=12)


@pytest.mark.parametrize("sample", [None, 7])
@pytest.mark.parametrize("kind", POOLS)
def test_equals_the_plain_loop(kind, sample):
    strategy = FacilityLocation() if sample is None else FacilityLocation(1, sample)
    for seed in range(20):
        size = 8 + 2 * seed
        candidates = make_candidates(
            strategy.needs, size, kind=kind, seed=seed, labelled=(0, 5)[seed % 2], pending=seed % 3
        )
        for n in (1, 5, size):
            found = strategy.select(candidates, n, rng=np.random.default_rng(seed))
            assert found == twin(candidates, n, seed, sample)


def test_equals_the_plain_loop_beyond_the_front(in_type):
    candidates, exactly = in_type(make_candidates(FacilityLocation.needs, 2500, dim=8, labelled=20))
    found = FacilityLocation().select(candidates, 20, rng=np.random.default_rng(0))
    assert found == twin(exactly, 20, 0)


def lacking(candidates: Candidates, found: list[str]) -> int:
    """Count the picks of which another candidate would have gained more, in float64."""
    pool = unit(candidates.embeddings)
    alike = np.maximum(pool @ pool.T, 0)
    cover, wrong = np.zeros(len(pool)), 0
    for row in map(candidates.ids.index, found):
        gain = np.maximum(alike - cover, 0).sum(1)
        wrong += bool(gain[row] < gain.max() - 1e-14 * len(pool))
        cover = np.maximum(cover, alike[row])
    return wrong


def of_rows(rows) -> Candidates:
    ids = [str(i) for i in range(len(rows))]
    return Candidates(
        ids,
        np.zeros(len(rows)),
        rows,
        labelled_embeddings=rows[:0],
        pending_embeddings=rows[:0],
    )


def test_no_pick_lacks_the_largest_gain_on_digits(in_type):
    digits = pytest.importorskip("sklearn.datasets").load_digits().data
    candidates, exactly = in_type(of_rows(digits))
    found = FacilityLocation().select(candidates, 60, rng=np.random.default_rng(0))
    assert lacking(exactly, found) == 0


def test_no_pick_lacks_the_largest_gain_within_tight_clusters(in_type):
    """Gains differ by less than a millionth of the pool here, and still one is the largest."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((10, 16))
    rows = centres[rng.integers(0, 10, 2500)] + 0.02 * rng.standard_normal((2500, 16))
    candidates, exactly = in_type(of_rows(rows))
    found = FacilityLocation().select(candidates, 40, rng=np.random.default_rng(0))
    assert lacking(exactly, found) == 0


def test_reaches_what_greedy_guarantees():
    for seed in range(8):
        candidates = make_candidates(FacilityLocation.needs, 10, seed=seed, labelled=0, pending=0)
        alike = np.maximum(unit(candidates.embeddings) @ unit(candidates.embeddings).T, 0)
        picks = FacilityLocation().select(candidates, 3, rng=np.random.default_rng(0))
        found = alike[[candidates.ids.index(name) for name in picks]].max(0).sum()
        best = max(alike[list(rows)].max(0).sum() for rows in combinations(range(10), 3))
        assert (1 - 1 / np.e) * best <= found <= best + 1e-5


@pytest.mark.parametrize("field", ["embeddings", "labelled_embeddings"])
def test_not_finite(field):
    candidates = make_candidates(FacilityLocation.needs, 9)
    array = getattr(candidates, field).copy()
    array[4, 1] = np.nan
    with pytest.raises(InvalidInputError, match=field):
        FacilityLocation().select(
            replace(candidates, **{field: array}), 2, rng=np.random.default_rng(0)
        )


@pytest.mark.parametrize("options", [{"exact_up_to": 0}, {"sample": 1.5}])
def test_bad_options(options):
    with pytest.raises(InvalidInputError, match=next(iter(options))):
        FacilityLocation(**options)

from __future__ import annotations

import numpy as np
import pytest

from altasks.errors import InvalidInputError
from altasks.strategies.base import Candidates, id_hashes
from altasks.strategies.max_det import MaxDet
from altasks.testing.strategies import StrategySuite, make_candidates, replace


def twin(candidates: Candidates, n: int, seed: int, noise: float) -> list[str]:
    """The posterior variance of each sample from the whole kernel matrix, again for every pick."""
    rng = np.random.default_rng(seed)
    hashes = id_hashes(candidates.ids, np.random.default_rng(rng.integers(0, 2**63)))
    pool, labelled, pending = (
        np.asarray(array, dtype=np.float64)
        for array in (
            candidates.embeddings,
            candidates.labelled_embeddings,
            candidates.pending_embeddings,
        )
    )
    label_noise = noise**2 * (pool**2).sum(1).mean()
    given = np.concatenate([labelled, pending])
    scale = (pool**2).sum(1).max() if len(pool) else 0.0
    picks: list[int] = []
    while len(picks) < min(n, len(pool)):
        left = np.array([i for i in range(len(pool)) if i not in picks])
        variance = (pool[left] ** 2).sum(1)
        if len(given) and label_noise > 0:
            kernel = given @ given.T + label_noise * np.eye(len(given))
            cross = pool[left] @ given.T
            variance = variance - (cross * np.linalg.solve(kernel, cross.T).T).sum(1)
        if variance.max() <= 1e-12 * scale:
            rest = left[hashes[left].argsort()]
            picks += rest[: n - len(picks)].tolist()
            break
        equal = left[variance >= variance.max() - 1e-12 * scale]
        picks.append(int(equal[hashes[equal].argmin()]))
        given = np.concatenate([given, pool[picks[-1:]]])
    return [candidates.ids[i] for i in picks]


class TestMaxDet(StrategySuite):
    @pytest.fixture
    def strategy(self):
        return MaxDet()


@pytest.mark.parametrize("noise", [0.5, 0.05])
@pytest.mark.parametrize("kind", ["random", "ties", "all_equal", "zeros"])
def test_equals_the_kernel_matrix(kind, noise):
    for seed in range(15):
        size = 3 + 3 * seed
        candidates = make_candidates(
            MaxDet.needs, size, kind=kind, seed=seed, labelled=(0, 5)[seed % 2], pending=seed % 3
        )
        for n in (1, 5, size):
            found = MaxDet(noise).select(candidates, n, rng=np.random.default_rng(seed))
            assert found == twin(candidates, n, seed, noise)


def test_copies_are_equal():
    """Rounding differs between the two ways, so copies are compared by what they hold."""
    for seed in range(10):
        candidates = make_candidates(MaxDet.needs, 40, kind="duplicates", seed=seed)
        rows = {
            name: tuple(row)
            for name, row in zip(candidates.ids, candidates.embeddings, strict=True)
        }
        found = MaxDet(0.5).select(candidates, 12, rng=np.random.default_rng(seed))
        other = twin(candidates, 12, seed, 0.5)
        assert [rows[name] for name in found] == [rows[name] for name in other]


def test_equals_the_kernel_matrix_beyond_the_front():
    candidates = make_candidates(MaxDet.needs, 5000, dim=12, labelled=9)
    found = MaxDet(0.1).select(candidates, 40, rng=np.random.default_rng(0))
    assert found == twin(candidates, 40, 0, 0.1)


def test_the_determinant_is_large():
    """Among all subsets, greedy reaches at least what (1 - 1/e) of the log allows."""
    from itertools import combinations

    for seed in range(5):
        candidates = make_candidates(MaxDet.needs, 12, seed=seed, labelled=0, pending=0)
        pool = candidates.embeddings.astype(np.float64)
        noise = 0.1**2 * (pool**2).sum(1).mean()

        def volume(rows, pool=pool, noise=noise) -> float:
            some = pool[list(rows)]
            return np.linalg.slogdet(some @ some.T / noise + np.eye(len(some)))[1]

        picks = MaxDet(0.1).select(candidates, 3, rng=np.random.default_rng(0))
        found = volume([candidates.ids.index(name) for name in picks])
        best = max(volume(rows) for rows in combinations(range(12), 3))
        assert (1 - 1 / np.e) * best <= found <= best + 1e-9


def test_not_finite():
    candidates = make_candidates(MaxDet.needs, 9)
    array = candidates.embeddings.copy()
    array[4, 1] = np.inf
    with pytest.raises(InvalidInputError, match=r"embeddings.*random-4"):
        MaxDet().select(replace(candidates, embeddings=array), 2, rng=np.random.default_rng(0))


@pytest.mark.parametrize("noise", [0.0, -1.0, np.nan, np.inf])
def test_bad_options(noise):
    with pytest.raises(InvalidInputError, match="noise"):
        MaxDet(noise)


def test_a_tiny_noise_leaves_what_is_not_labelled_unknown():
    """In the limit only what the labelled samples don't span counts: a projection, done by hand."""
    rng = np.random.default_rng(0)
    pool, labelled = rng.normal(size=(50, 20)), rng.normal(size=(5, 20))
    ids = [str(i) for i in range(50)]
    candidates = Candidates(
        ids,
        np.zeros(50),
        embeddings=pool,
        labelled_embeddings=labelled,
        pending_embeddings=np.empty((0, 20)),
    )
    left = pool @ (np.eye(20) - np.linalg.pinv(labelled) @ labelled)
    expected = []
    for _ in range(8):
        lengths = (left**2).sum(1)
        best = int(lengths.argmax())
        expected.append(ids[best])
        left = left - np.outer(left @ left[best], left[best]) / lengths[best]
    for noise in (1e-6, 1e-8, 1e-9, 1e-100):
        assert MaxDet(noise).select(candidates, 8, rng=np.random.default_rng(0)) == expected

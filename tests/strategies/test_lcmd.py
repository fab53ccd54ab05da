from __future__ import annotations

import numpy as np
import pytest

from altasks.errors import InvalidInputError
from altasks.strategies.base import Candidates, id_hashes
from altasks.strategies.lcmd import LCMD
from altasks.testing.strategies import POOLS, StrategySuite, make_candidates, replace


def twin(candidates: Candidates, n: int, seed: int) -> list[str]:
    """All distances to all centres, again for every pick."""
    rng = np.random.default_rng(seed)
    hashes = id_hashes(candidates.ids, np.random.default_rng(rng.integers(0, 2**63)))
    pool = np.asarray(candidates.embeddings, dtype=np.float64)
    centres = [
        *np.asarray(candidates.labelled_embeddings, dtype=np.float64),
        *np.asarray(candidates.pending_embeddings, dtype=np.float64),
    ]
    picks: list[int] = []
    while len(picks) < min(n, len(pool)):
        left = np.array([i for i in range(len(pool)) if i not in picks])
        if centres:
            far = ((pool[:, None] - np.array(centres)) ** 2).sum(2)
            near = far.min(1)
            own = (far <= near[:, None] * (1 + 1e-12)).argmax(1)  # the earliest of the nearest
            size = np.array([near[own == c].sum() for c in range(len(centres))])
            inside = left[size[own[left]] >= size.max() * (1 - 1e-5)]
            value = near[inside]
            if not near[left].any():
                rest = left[hashes[left].argsort()]
                picks += rest[: n - len(picks)].tolist()
                break
        else:
            inside, value = left, (pool**2).sum(1)
        equal = inside[value >= value.max() * (1 - 1e-12)]
        pick = int(equal[hashes[equal].argmin()])
        picks.append(pick)
        centres.append(pool[pick])
    return [candidates.ids[i] for i in picks]


class TestLCMD(StrategySuite):
    @pytest.fixture
    def strategy(self):
        return LCMD()


@pytest.mark.parametrize("kind", [*POOLS, "grid"])
def test_equals_the_plain_loop(kind):
    for seed in range(24):
        size = 3 + 2 * seed
        candidates = make_candidates(
            LCMD.needs,
            size,
            kind="random" if kind == "grid" else kind,
            seed=seed,
            labelled=(0, 5)[seed % 2],
            pending=seed % 3,
        )
        if kind == "grid":  # whole numbers, so that many distances are exactly equal
            cells = np.random.default_rng(seed).integers(-2, 3, candidates.embeddings.shape)
            candidates = replace(candidates, embeddings=cells.astype(np.float32))
        for n in (1, 5, size):
            found = LCMD().select(candidates, n, rng=np.random.default_rng(seed))
            assert found == twin(candidates, n, seed)


@pytest.mark.parametrize("offset", [0, 1000])
def test_equals_the_plain_loop_on_a_larger_pool(offset):
    candidates = make_candidates(LCMD.needs, 2000, labelled=20)
    moved = {
        name: getattr(candidates, name) + np.float32(offset)
        for name in ("embeddings", "labelled_embeddings", "pending_embeddings")
    }
    candidates = replace(candidates, **moved)
    found = LCMD().select(candidates, 30, rng=np.random.default_rng(0))
    assert found == twin(candidates, 30, 0)


def test_not_finite():
    candidates = make_candidates(LCMD.needs, 9)
    array = candidates.embeddings.copy()
    array[4, 1] = np.inf
    with pytest.raises(InvalidInputError, match=r"embeddings.*random-4"):
        LCMD().select(replace(candidates, embeddings=array), 2, rng=np.random.default_rng(0))

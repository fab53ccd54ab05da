from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
import torch

from altasks.errors import InvalidInputError
from altasks.strategies import Subsampled, TopK, TypiClust
from altasks.strategies._neighbours import nearest_rows
from altasks.testing.strategies import POOLS, StrategySuite, make_candidates, replace

SEALS = frozenset({"embeddings", "labelled_embeddings"})


class TestRandomPart(StrategySuite):
    @pytest.fixture
    def strategy(self) -> Subsampled:
        return Subsampled(TopK(), 12)


class TestNeighboursOfTheLabelled(StrategySuite):
    @pytest.fixture
    def strategy(self) -> Subsampled:
        return Subsampled(TypiClust(), 12, how="seals", neighbours=4)


class TestNeighboursByFaiss(StrategySuite):
    @pytest.fixture
    def strategy(self) -> Subsampled:
        pytest.importorskip("faiss")
        return Subsampled(TopK(), 12, how="seals", neighbours=4, search="faiss")


@pytest.mark.parametrize("kind", POOLS)
def test_neighbours_equal_sorting_all_distances(kind: str) -> None:
    for seed in range(25):
        made: Any = make_candidates(SEALS, 5 + 3 * seed, kind=kind, seed=seed)
        points, queries = made.embeddings, made.labelled_embeddings
        order = np.random.default_rng(seed).permutation(len(points))
        k = 1 + seed % 5
        found = nearest_rows(torch.from_numpy(queries), points, order, k)
        assert found.shape == (len(queries), k)
        for query, places in zip(queries.astype(np.float64), found, strict=True):
            assert len(set(places.tolist())) == k
            distances = np.linalg.norm(points[order].astype(np.float64) - query, axis=1)
            # Equally near ones may stand for each other.
            np.testing.assert_allclose(
                np.sort(distances[places]), np.sort(distances)[:k], atol=2e-3, rtol=1e-4
            )


def test_neighbours_in_many_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    points, queries = rng.standard_normal((500, 4)), rng.standard_normal((40, 4))
    order = rng.permutation(500)
    whole = nearest_rows(torch.from_numpy(queries), points, order, 7)
    import altasks.strategies._arrays as rows

    monkeypatch.setattr(rows.blocks, "__defaults__", (300,))
    monkeypatch.setattr("altasks.strategies._neighbours.TILE", 400)
    parts = nearest_rows(torch.from_numpy(queries), points, order, 7)
    assert [set(row) for row in parts.tolist()] == [set(row) for row in whole.tolist()]


def test_faiss_finds_nearly_all_neighbours() -> None:
    pytest.importorskip("faiss")
    rng = np.random.default_rng(0)
    centres = rng.normal(0, 3, (50, 16))
    points = (centres[rng.integers(0, 50, 20_000)] + rng.normal(0, 1, (20_000, 16))).astype("f4")
    queries = torch.from_numpy(points[:50])
    order = rng.permutation(20_000)
    exact = nearest_rows(queries, points, order, 20)
    near = nearest_rows(queries, points, order, 20, search="faiss")
    hits = [len(set(a) & set(b)) for a, b in zip(exact.tolist(), near.tolist(), strict=True)]
    assert np.mean(hits) > 18


def test_faiss_missing_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    strategy = Subsampled("top_k", 5, how="seals", search="faiss")
    with pytest.raises(ImportError, match=r"'\.\[faiss\]'"):
        strategy.select(make_candidates(SEALS, 30), 2, rng=np.random.default_rng(0))


def test_only_neighbours_of_the_labelled_are_seen() -> None:
    for seed in range(40):
        candidates: Any = make_candidates(SEALS, 80, seed=seed, labelled=3)
        strategy = Subsampled("top_k", 60, how="seals", neighbours=5)
        picks = strategy.select(candidates, 4, rng=np.random.default_rng(seed))
        near: set[str] = set()
        for query in candidates.labelled_embeddings:
            distances = np.linalg.norm(candidates.embeddings - query, axis=1)
            near |= {candidates.ids[i] for i in np.argsort(distances)[:5]}
        value = dict(zip(candidates.ids, candidates.values, strict=True))
        assert picks == sorted(near, key=lambda name: -value[name])[:4]


def test_a_batch_larger_than_the_neighbourhood_is_filled() -> None:
    candidates: Any = make_candidates(SEALS, 60, labelled=1)
    strategy = Subsampled("random", 10, how="seals", neighbours=3)
    picks = strategy.select(candidates, 9, rng=np.random.default_rng(0))
    distances = np.linalg.norm(candidates.embeddings - candidates.labelled_embeddings[0], axis=1)
    assert {candidates.ids[i] for i in np.argsort(distances)[:3]} < set(picks)


def test_nothing_labelled_draws_from_all() -> None:
    candidates = make_candidates(SEALS, 60, labelled=0)
    strategy = Subsampled("top_k", 10, how="seals")
    seen = {
        strategy.select(candidates, 1, rng=np.random.default_rng(seed))[0] for seed in range(60)
    }
    assert len(seen) > 10


def test_a_part_is_drawn_evenly_and_its_best_is_taken() -> None:
    candidates = make_candidates(frozenset(), 50)
    best = candidates.ids[int(np.argmax(candidates.values))]
    hits = sum(
        Subsampled("top_k", 10).select(candidates, 1, rng=np.random.default_rng(seed)) == [best]
        for seed in range(1000)
    )
    # In the part with probability 0.2; the standard deviation of a binomial(1000, 0.2) is 12.6.
    assert abs(hits - 200) < 5 * 12.6


def test_embeddings_are_read_only_where_needed(tmp_path: Any) -> None:
    """A memory-mapped pool with a NaN outside the drawn part is no error."""
    candidates: Any = make_candidates(TypiClust.needs, 40, labelled=0)
    strategy = Subsampled(TypiClust(), 10)
    picks = strategy.select(candidates, 5, rng=np.random.default_rng(0))
    hashed = np.random.default_rng(0)
    from altasks.strategies._arrays import hash_order

    part = hash_order(candidates.ids, hashed)[:10]
    broken = np.full_like(candidates.embeddings, np.nan)
    broken[part] = candidates.embeddings[part]
    again = strategy.select(replace(candidates, embeddings=broken), 5, rng=np.random.default_rng(0))
    assert again == picks


@pytest.mark.parametrize(
    "option",
    [
        {"size": 0},
        {"size": 1e4},
        {"how": "near"},
        {"neighbours": 0},
        {"neighbours": 2.5},
        {"search": "annoy"},
    ],
)
def test_bad_options(option: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError, match=next(iter(option))):
        Subsampled(**{"strategy": "top_k", "size": 5, **option})

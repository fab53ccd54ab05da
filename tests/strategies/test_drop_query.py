from __future__ import annotations

import numpy as np
import pytest
import torch

import altasks as al
from altasks.errors import InvalidInputError
from altasks.strategies.base import Candidates, id_hashes
from altasks.testing.strategies import StrategySuite, make_candidates, replace


def made(seed, size=80, dim=6, classes=4, blobs=0, labels=False):
    """A pool with a true last layer: candidates, weights [dim, C], offset [C]."""
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(size, dim))
    if blobs:
        points = 0.1 * points + 4 * np.eye(dim)[rng.integers(blobs, size=size)]
    weights, offset = rng.normal(size=(dim, classes)), 0.3 * rng.normal(size=classes)
    logits = torch.from_numpy(points @ weights + offset)
    probs = (torch.sigmoid(logits) if labels else torch.softmax(logits, 1)).numpy()
    ids = [f"s{i}" for i in range(size)]
    return Candidates(ids, np.zeros(size), points, probs), weights, offset


def shares(candidates, weights, offset, passes, p, rng, labels=False):
    """The share of passes that change the prediction: the layer is known, a row at a time."""
    order = np.argsort(id_hashes(candidates.ids, rng), kind="stable")
    found = np.empty(len(order))
    for row in order:
        point = candidates.embeddings[row]
        stays = rng.random((passes, len(point)), np.float32) >= p

        def answer(features):
            logits = features @ weights + offset
            return tuple(logits > 0) if labels else int(logits.argmax())

        whole = answer(point)
        found[row] = np.mean([answer(point * mask / (1 - p)) != whole for mask in stays])
    return found, order


def middle(points):
    return int(((points - points.mean(0)) ** 2).sum(1).argmin())


class TestByLayer(StrategySuite):
    @pytest.fixture(params=[True, False], ids=["bias", "none"])
    def strategy(self, request):
        return al.DropQuery(bias=request.param)


class TestByDraws(StrategySuite):
    @pytest.fixture
    def strategy(self):
        return al.DropQuery(source="draws")


@pytest.mark.parametrize("labels", [False, True], ids=["classes", "labels"])
@pytest.mark.parametrize("passes", [1, 3, 4])
def test_one_pick_is_the_middle_of_what_is_changed(passes, labels):
    for seed in range(10):
        candidates, weights, offset = made(seed, labels=labels)
        rng = np.random.default_rng(seed)
        share, _ = shares(candidates, weights, offset, passes, 0.6, rng, labels)
        kept = np.flatnonzero(share > 0.5)
        strategy = al.DropQuery(passes, p=0.6)
        (pick,) = strategy.select(candidates, 1, rng=np.random.default_rng(seed))
        assert pick == candidates.ids[kept[middle(candidates.embeddings[kept])]]


def test_too_few_are_filled_up_by_the_largest_share():
    for seed in range(5):
        candidates, weights, offset = made(seed, size=30)
        share, order = shares(candidates, weights, offset, 4, 0.3, np.random.default_rng(seed))
        n = int((share > 0.5).sum()) + 5
        ranked = order[np.argsort(-share[order], kind="stable")]
        picks = al.DropQuery(4, p=0.3).select(candidates, n, rng=np.random.default_rng(seed))
        assert picks == [candidates.ids[i] for i in ranked[:n]]


def test_one_of_each_blob():
    for seed in range(5):
        candidates, weights, offset = made(seed, size=200, blobs=4)
        share, _ = shares(candidates, weights, offset, 3, 0.75, np.random.default_rng(seed))
        points = candidates.embeddings
        blob = points.argmax(1)
        expected = set()
        for number in range(4):
            kept = np.flatnonzero((share > 0.5) & (blob == number))
            assert len(kept)
            expected.add(candidates.ids[kept[middle(points[kept])]])
        picks = al.DropQuery().select(candidates, 4, rng=np.random.default_rng(seed))
        assert set(picks) == expected


def test_the_size_of_blocks_does_not_matter(monkeypatch):
    for strategy in (al.DropQuery(), al.DropQuery(source="draws")):
        candidates = make_candidates(strategy.needs, 43)
        expected = strategy.select(candidates, 5, rng=np.random.default_rng(0))
        for size in (1, 70, 200):
            monkeypatch.setattr("altasks.strategies.drop_query._TILE", size)
            assert strategy.select(candidates, 5, rng=np.random.default_rng(0)) == expected


def test_copies_fill_the_batch():
    points = np.repeat(np.array([[1.0, 0.0], [0.0, 1.0]]), 10, 0)
    probs = np.full((20, 2), 0.5)
    draws = np.tile([[[0.9, 0.1], [0.1, 0.9], [0.1, 0.9]]], (20, 1, 1))
    candidates = Candidates([str(i) for i in range(20)], np.zeros(20), points, probs, draws)
    strategy = al.DropQuery(source="draws")
    picks = strategy.select(candidates, 6, rng=np.random.default_rng(0))
    assert len(set(picks)) == 6
    assert {int(name) < 10 for name in picks[:2]} == {True, False}


@pytest.mark.parametrize(
    ("options", "name"),
    [({"passes": 0}, "passes"), ({"p": 0}, "p"), ({"p": 1.0}, "p"), ({"source": "k"}, "source")],
)
def test_bad_options(options, name):
    with pytest.raises(InvalidInputError, match=f"{name}:"):
        al.DropQuery(**options)


@pytest.mark.parametrize("field", ["embeddings", "mean_probs", "draws"])
def test_not_finite(field):
    strategy = al.DropQuery(source="draws")
    candidates = make_candidates(strategy.needs, 9)
    array = getattr(candidates, field).copy()
    array[4] = np.nan
    with pytest.raises(InvalidInputError, match=rf"{field}.*random-4"):
        strategy.select(replace(candidates, **{field: array}), 2, rng=np.random.default_rng(0))

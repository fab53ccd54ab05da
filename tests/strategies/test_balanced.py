from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from altasks.strategies import Balanced, Candidates, KCenter, TopK
from altasks.strategies.balanced import share_out
from altasks.testing.strategies import POOLS, StrategySuite, make_candidates


class TestBalanced(StrategySuite):
    @pytest.fixture
    def strategy(self) -> Balanced:
        return Balanced(TopK())


class TestBalancedAndDiverse(StrategySuite):
    @pytest.fixture
    def strategy(self) -> Balanced:
        return Balanced(KCenter())


def slow_shares(counts: list[int], n: int) -> list[int]:
    """Deal one place at a time to the class with the fewest that has candidates left."""
    places = [0] * len(counts)
    for _ in range(n):
        open_classes = [c for c in range(len(counts)) if places[c] < counts[c]]
        places[min(open_classes, key=lambda c: (places[c], c))] += 1
    return places


def test_shares_equal_dealing_one_by_one() -> None:
    for seed in range(300):
        rng = np.random.default_rng(seed)
        counts = rng.integers(0, 9, int(rng.integers(1, 8)))
        n = int(rng.integers(0, counts.sum() + 1))
        assert share_out(counts, n).tolist() == slow_shares(counts.tolist(), n)


@pytest.mark.parametrize("kind", POOLS)
def test_each_class_gets_its_share_and_its_best(kind: str) -> None:
    for seed in range(30):
        size, n = 8 + seed, 1 + seed % 8
        candidates: Any = make_candidates(frozenset({"mean_probs"}), size, kind=kind, seed=seed)
        picks = Balanced("top_k").select(candidates, n, rng=np.random.default_rng(seed))
        predicted = dict(zip(candidates.ids, candidates.mean_probs.argmax(1), strict=True))
        value = dict(zip(candidates.ids, candidates.values, strict=True))
        counts = np.bincount(list(predicted.values()), minlength=4)
        got = np.bincount([predicted[name] for name in picks], minlength=4)
        # Which classes get the places that don't divide is drawn; how many get them isn't.
        assert sorted(got.tolist()) == sorted(slow_shares(counts.tolist(), n))
        for label in range(4):
            mine = sorted(
                (v for name, v in value.items() if predicted[name] == label), reverse=True
            )
            chosen = [value[name] for name in picks if predicted[name] == label]
            assert chosen == mine[: len(chosen)]


def test_spare_places_are_drawn() -> None:
    probs = np.eye(4)[np.arange(40) % 4]
    candidates = Candidates([str(i) for i in range(40)], np.ones(40), mean_probs=probs)
    firsts = [
        int(Balanced("top_k").select(candidates, 1, rng=np.random.default_rng(seed))[0]) % 4
        for seed in range(400)
    ]
    # 100 expected for each; the standard deviation is 8.7.
    assert all(abs(firsts.count(label) - 100) < 5 * 8.7 for label in range(4))


def test_declares_both_needs() -> None:
    assert Balanced(KCenter()).needs == KCenter().needs | {"mean_probs"}

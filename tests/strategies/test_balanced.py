from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import altasks as al
from altasks.errors import InvalidInputError
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


def slow_shares(counts: list[int], n: int, have: list[int] | None = None) -> list[int]:
    """Deal one place at a time to the class with the fewest that has candidates left."""
    places = [0] * len(counts)
    totals = list(have or places)
    for _ in range(n):
        open_classes = [c for c in range(len(counts)) if places[c] < counts[c]]
        label = min(open_classes, key=lambda c: (totals[c], c))
        places[label] += 1
        totals[label] += 1
    return places


def test_shares_equal_dealing_one_by_one() -> None:
    for seed in range(300):
        rng = np.random.default_rng(seed)
        counts = rng.integers(0, 9, int(rng.integers(1, 8)))
        n = int(rng.integers(0, counts.sum() + 1))
        assert share_out(counts, n).tolist() == slow_shares(counts.tolist(), n)
        have = rng.integers(0, 9, len(counts))
        assert share_out(counts, n, have).tolist() == slow_shares(counts.tolist(), n, have.tolist())


@pytest.mark.parametrize("as_tensor", [False, True])
def test_what_is_labelled_and_asked_is_topped_up(as_tensor: bool) -> None:
    """Five of class 0 and one of class 1 are labelled, one of class 1 is asked; so 2 gets most."""
    probs = np.eye(3)[np.arange(60) % 3]
    known = [np.eye(3)[[0, 0, 0, 0, 0, 1]], np.eye(3)[[1]]]
    labelled, pending = [torch.from_numpy(rows).half() if as_tensor else rows for rows in known]
    for seed in range(5):
        candidates = Candidates(
            [str(i) for i in range(60)],
            np.linspace(0, 1, 60),
            mean_probs=probs,
            labelled_probs=labelled,
            pending_probs=pending,
        )
        for n, totals in ((2, [5, 2, 2]), (8, [5, 5, 5]), (20, [9, 9, 9]), (23, [10, 10, 10])):
            picks = Balanced("top_k").select(candidates, n, rng=np.random.default_rng(seed))
            got = np.bincount([int(name) % 3 for name in picks], minlength=3)
            assert (got + np.array([5, 2, 0])).tolist() == totals


def test_a_wrapper_hands_the_wish_on() -> None:
    from altasks.strategies import EpsilonGreedy, Hybrid, Subsampled

    inside = Balanced("top_k")
    for outer in (Hybrid(inside), EpsilonGreedy(inside), Subsampled(inside, 10), Balanced(inside)):
        assert outer.wants == {"labelled_probs", "pending_probs"}
    assert Hybrid("k_center").wants == frozenset()


def test_probabilities_of_other_classes_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="labelled_probs"):
        Candidates(["a"], [0.0], mean_probs=np.eye(3)[:1], labelled_probs=np.eye(2))


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


class Certain:
    """A task whose samples are their classes, and which knows them."""

    default_acquisition = "entropy"

    def predict(self, samples: list[int]) -> al.Categorical:
        return al.Categorical(0.97 * np.eye(3)[samples] + 0.01)

    def fit(self, samples: list[int], labels: list[int], **_: Any) -> None:
        """Nothing is left to learn."""


@pytest.mark.parametrize("strategy", [Balanced("top_k"), al.Hybrid(Balanced("top_k"), 100)])
def test_a_loop_levels_the_totals(strategy: Any) -> None:
    samples = [0] * 20 + [1] * 20 + [2] * 20
    loop = al.ActiveLoop(Certain(), samples, strategy=strategy)
    loop.tell({str(row): samples[row] for row in (0, 1, 2, 3, 4, 5, 20)})  # six of 0, one of 1
    loop.fit()
    first = loop.ask(8)
    assert np.bincount(first.samples, minlength=3).tolist() == [0, 4, 4]
    second = loop.ask(5)  # the first batch is pending, and counts
    totals = np.bincount([*first.samples, *second.samples], minlength=3)
    totals += np.array([6, 1, 0])
    assert sorted(totals.tolist()) == [6, 7, 7]

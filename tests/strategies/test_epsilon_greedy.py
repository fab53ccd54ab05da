from __future__ import annotations

import numpy as np
import pytest

from altasks.errors import InvalidInputError, UnknownNameError
from altasks.strategies import EpsilonGreedy, Random, TopK, TypiClust
from altasks.testing.strategies import StrategySuite, make_candidates


class TestTopOrRandom(StrategySuite):
    @pytest.fixture
    def strategy(self) -> EpsilonGreedy:
        return EpsilonGreedy(TopK(), 0.4)


class TestDiverseOrRandom(StrategySuite):
    @pytest.fixture
    def strategy(self) -> EpsilonGreedy:
        return EpsilonGreedy(TypiClust(), 0.4)


def test_the_share_of_random_places() -> None:
    candidates = make_candidates(frozenset(), 1000)
    top = TopK().select(candidates, 20, rng=np.random.default_rng(0))
    drawn = 0
    for seed in range(300):
        picks = EpsilonGreedy(TopK(), 0.3).select(candidates, 20, rng=np.random.default_rng(seed))
        chance = np.random.default_rng(seed).random(20) < 0.3
        mine = [name for name, by_chance in zip(picks, chance, strict=True) if not by_chance]
        assert mine == top[: len(mine)]
        drawn += sum(name not in top for name in picks)
    # 6000 places, 0.3 of them by chance, and chance hits the rest of the top now and then; the
    # standard deviation of a binomial(6000, 0.3) is 35.
    assert abs(drawn - 1800 * (1 - 6 / 986)) < 5 * 35


def test_the_ends() -> None:
    candidates = make_candidates(frozenset(), 50)
    top = TopK().select(candidates, 9, rng=np.random.default_rng(0))
    assert EpsilonGreedy("top_k", 0).select(candidates, 9, rng=np.random.default_rng(0)) == top
    counts = dict.fromkeys(candidates.ids, 0)
    for seed in range(1000):
        picks = EpsilonGreedy("top_k", 1).select(candidates, 5, rng=np.random.default_rng(seed))
        for name in picks:
            counts[name] += 1
    # 100 expected for each; the standard deviation of a binomial(1000, 0.1) is 9.5.
    assert all(abs(count - 100) < 5 * 9.5 for count in counts.values())


def test_declares_what_the_one_inside_declares() -> None:
    assert EpsilonGreedy(TypiClust()).needs == TypiClust.needs
    assert EpsilonGreedy(TypiClust()).reads_scores is False
    assert EpsilonGreedy(TopK()).reads_scores is True


def test_bad_options() -> None:
    with pytest.raises(InvalidInputError, match="epsilon"):
        EpsilonGreedy("top_k", 1.5)
    with pytest.raises(InvalidInputError, match=r"class Random.*instance"):
        EpsilonGreedy(Random)  # type: ignore[arg-type]
    with pytest.raises(UnknownNameError, match="top_k"):
        EpsilonGreedy("topk")

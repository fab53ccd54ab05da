"""How much a strategy works on at once changes its memory and speed, and nothing else."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

import altasks as al
from altasks.registry import STRATEGIES
from altasks.testing.strategies import make_candidates

#: Module -> the constant that cuts its work into pieces.
CONSTANTS = {
    "_arrays": "BLOCK",
    "_cover": "_SIZE",
    "_coverage": "TILE",
    "_fisher": "_BLOCK",
    "_kmeans": "ASSIGN_TILE",
    "_last_layer_refit": "_BLOCK",
    "_lazy_greedy": "FRONT",
    "_radius": "_STEP",
    "_sampling": "FRONT",
    "_temperature": "_BLOCK",
    "k_center": "FRONT",
}
#: Those that need arguments, and one with a second way of working.
MADE = {
    "balanced": lambda: al.Balanced(al.KCenter()),
    "epsilon_greedy": lambda: al.EpsilonGreedy(al.TypiClust(), 0.3),
    "hybrid": lambda: al.Hybrid(al.KCenter()),
    "variance_reduction": lambda: al.VarianceReduction(fisher="trace"),
}
NEED_MORE = {"fisher_matching", "subsampled"}


def pick(strategy: al.Strategy, n: int) -> list[str]:
    candidates = make_candidates(strategy.needs, n, dim=7)
    return strategy.select(candidates, 6, rng=np.random.default_rng(0))


@pytest.mark.parametrize("name", sorted(set(STRATEGIES.names()) - NEED_MORE))
def test_the_size_of_blocks_does_not_matter(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    strategy = MADE.get(name, al.get_strategy(name))()
    expected = pick(strategy, 43)
    for size in (1, 7, 64):  # 43 = 6 * 7 + 1: the last block is a single row
        for module, constant in CONSTANTS.items():
            monkeypatch.setattr(
                importlib.import_module(f"altasks.strategies.{module}"), constant, size
            )
        assert pick(strategy, 43) == expected, f"blocks of {size}"


@pytest.mark.parametrize("size", [1, 30, 400])
@pytest.mark.parametrize("n", [25, 26])
def test_a_last_block_of_one_sample(size: int, n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gains of several classes are found by an elimination in place, on a copy of each block."""
    strategy = al.VarianceReduction()
    expected = pick(strategy, n)
    # 4 classes: 400 numbers are blocks of 25 samples, so that the 26th has one to itself.
    monkeypatch.setattr("altasks.strategies._fisher._BLOCK", size)
    assert pick(strategy, n) == expected

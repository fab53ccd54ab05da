"""The conformance suite of stopping rules: inherit it, and know that yours behaves.

Example:
    A test module of a third party::

        class TestMyRule(StoppingRuleSuite):
            @pytest.fixture
            def rule(self):
                return MyRule()
"""

from __future__ import annotations

import copy

import numpy as np
import pytest

from altasks.loop import Round
from altasks.loop.recipes import function_recipe
from altasks.loop.stopping import Observation, Progress, Stop, StoppingRule
from altasks.loop.stopping.base import NEEDS


def make_progress(rounds: int, *, metric: str = "accuracy", seed: int = 0) -> Progress:
    """Return the progress of a loop that gets better, round by round, and stabler.

    Args:
        rounds: how many were completed; 0 for a loop that has only begun.
        metric: the name of the test set's metric.
        seed: of the noise.

    Example:
        >>> make_progress(3).asked
        30
    """
    rng = np.random.default_rng(seed)
    quality = 1 - 0.7 ** np.arange(1, rounds + 1) + 0.02 * rng.random(rounds)
    records = [
        Round(i, [f"{i}-{k}" for k in range(10)], 10 * i, {metric: float(q)}, 1.0, fit=i)
        for i, q in enumerate(quality, start=1)
    ]
    seen = [
        Observation(
            i,
            i,
            10 * i,
            0 if i == 1 else 500,
            None if i == 1 else float(1 - 0.6**i),
            None if i == 1 else float(0.6**i / 2),
            float(0.7**i),
        )
        for i in range(1, rounds + 1)
    ]
    return Progress(10 * rounds, 10 * rounds, 12.5 * rounds, records, seen)


class StoppingRuleSuite:
    """Tests for every stopping rule. Subclass it as `Test...` with a fixture called `rule`.

    Attributes:
        metric: the name of the metric in the progress it is given.
    """

    metric: str = "accuracy"

    @pytest.fixture
    def rule(self) -> StoppingRule:
        """Return the rule under test."""
        raise pytest.UsageError("StoppingRuleSuite needs a fixture `rule`")

    def test_it_is_a_rule(self, rule: StoppingRule) -> None:
        """It has `judge`, and `needs` from the known names."""
        assert isinstance(rule, StoppingRule)
        assert isinstance(rule.needs, frozenset)
        assert rule.needs <= {*NEEDS}, f"unknown names in needs: {rule.needs}"

    @pytest.mark.parametrize("rounds", [0, 1, 2, 5, 40])
    def test_it_says_why(self, rule: StoppingRule, rounds: int) -> None:
        """A `Stop` with a sentence, whatever there is to judge by."""
        answer = rule.judge(make_progress(rounds, metric=self.metric))
        assert isinstance(answer, Stop)
        assert bool(answer) is answer.stop
        assert answer.reason.strip()

    def test_a_loop_that_has_only_begun_goes_on(self, rule: StoppingRule) -> None:
        """Without a round there is nothing to stop for."""
        assert not rule.judge(make_progress(0, metric=self.metric))

    @pytest.mark.parametrize("rounds", [0, 4, 40])
    def test_the_progress_alone_decides(self, rule: StoppingRule, rounds: int) -> None:
        """It remembers nothing, changes nothing, and so answers alike after a restart."""
        progress = make_progress(rounds, metric=self.metric)
        kept = copy.deepcopy(progress)
        first = rule.judge(progress)
        rule.judge(make_progress(7, metric=self.metric, seed=1))
        assert rule.judge(progress) == first
        assert progress == kept

    def test_it_can_be_recorded(self, rule: StoppingRule) -> None:
        """What it was made with is kept under the names of its arguments."""
        assert function_recipe(rule)["object"] == type(rule).__qualname__  # type: ignore[arg-type]

"""The built-in oracle behaves, and the suite catches one that doesn't."""

import pytest

import altasks as al
from altasks.testing.oracles import OracleSuite

LABELS = {"a": "cat", "b": ["dog", 2], "c": {"x": 1.5}, "d": "cat", "e": "owl"}


class TestSimulated(OracleSuite):
    @pytest.fixture
    def pool(self):
        return {name: f"sample {name}" for name in LABELS}

    @pytest.fixture
    def make_oracle(self):
        return lambda: al.Simulated(LABELS, cost=lambda name, label: 0.5 + len(name))


class TestNoisy(TestSimulated):
    @pytest.fixture
    def make_oracle(self):
        return lambda: al.Simulated(LABELS, noise=0.5, seed=3)


class Chatty:
    """Answers what nobody asked, and another thing each time."""

    calls = 0

    def label(self, query):
        Chatty.calls += 1
        return {"a": Chatty.calls, "z": 1}

    def cost_of(self, labels):
        return 1.0


@pytest.mark.parametrize(
    "check",
    [
        "test_it_answers_what_it_is_asked_and_no_more",
        "test_asking_again_gives_the_same_answer",
        "test_nothing_asked_is_nothing_answered",
        "test_its_labels_cost_something_or_nothing",
    ],
)
def test_a_chatty_oracle_is_caught(check):
    with pytest.raises(AssertionError):
        getattr(OracleSuite(), check)(Chatty, {name: name for name in LABELS})

"""The conformance suite of oracles: inherit it, supply fixtures, and know that yours behaves.

Example:
    A test module of a third party::

        class TestMyOracle(OracleSuite):
            @pytest.fixture
            def pool(self):
                return {"a": ..., "b": ...}  # at least four samples that it can answer

            @pytest.fixture
            def make_oracle(self):
                return lambda: MyOracle(...)
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import pytest

import altasks as al
from altasks.abilities import CostsLabels, provides
from altasks.loop import Query
from altasks.oracles import Oracle
from altasks.testing.tasks import generator_states


class OracleSuite:
    """Tests for every oracle. Subclass it as `Test...`.

    Attributes:
        answers_at_once: whether `label` returns labels when it is called. False for one that asks
            people: it may return nothing yet.
    """

    answers_at_once: ClassVar[bool] = True

    @pytest.fixture
    def pool(self) -> Mapping[str, Any]:
        """Return at least four samples by id, all of which the oracle can answer."""
        raise pytest.UsageError("OracleSuite needs a fixture `pool`")

    @pytest.fixture
    def make_oracle(self) -> Callable[[], Oracle]:
        """Return a function that makes a fresh oracle."""
        raise pytest.UsageError("OracleSuite needs a fixture `make_oracle`")

    def query(self, pool: Mapping[str, Any], *ids: str) -> Query:
        """Return a query of some ids, as a loop would make it."""
        return Query(list(ids), [pool[name] for name in ids], [None] * len(ids), 1)

    def test_it_is_an_oracle(self, make_oracle: Callable[[], Oracle]) -> None:
        """It has `label`."""
        assert isinstance(make_oracle(), Oracle)

    def test_it_answers_what_it_is_asked_and_no_more(
        self, make_oracle: Callable[[], Oracle], pool: Mapping[str, Any]
    ) -> None:
        """A mapping from ids of the query to labels that JSON holds."""
        asked = list(pool)[:3]
        answers = make_oracle().label(self.query(pool, *asked))
        assert isinstance(answers, Mapping)
        assert {*answers} <= {*asked}
        if self.answers_at_once:
            assert answers
        for label in answers.values():
            assert label is not None
            assert json.loads(json.dumps(label, allow_nan=False)) is not None

    def test_asking_again_gives_the_same_answer(
        self, make_oracle: Callable[[], Oracle], pool: Mapping[str, Any]
    ) -> None:
        """A resumed run hears what the one before heard, in whatever order it asks."""
        if not self.answers_at_once:
            pytest.skip("this oracle answers when people do")
        asked = list(pool)[:4]
        one, other = make_oracle(), make_oracle()
        together = dict(one.label(self.query(pool, *asked)))
        assert dict(one.label(self.query(pool, *asked))) == together
        alone: dict[str, Any] = {}
        for name in asked[::-1]:
            alone.update(other.label(self.query(pool, name)))
        assert alone == together

    def test_it_changes_nothing(
        self, make_oracle: Callable[[], Oracle], pool: Mapping[str, Any]
    ) -> None:
        """The query and the global generators stay as they are."""
        query = self.query(pool, *list(pool)[:2])
        ids, scores, before = copy.copy(query.ids), copy.copy(query.scores), generator_states()
        make_oracle().label(query)
        assert (query.ids, query.scores) == (ids, scores)
        assert generator_states() == before

    def test_nothing_asked_is_nothing_answered(
        self, make_oracle: Callable[[], Oracle], pool: Mapping[str, Any]
    ) -> None:
        """An empty query is no error."""
        assert not make_oracle().label(self.query(pool))

    def test_its_labels_cost_something_or_nothing(
        self, make_oracle: Callable[[], Oracle], pool: Mapping[str, Any]
    ) -> None:
        """`cost_of`, if there is one, adds up."""
        oracle = make_oracle()
        answers = dict(oracle.label(self.query(pool, *list(pool)[:3])))
        if not provides(oracle, CostsLabels):
            pytest.skip("this oracle names no costs")
        each = [float(oracle.cost_of({name: label})) for name, label in answers.items()]
        assert all(cost >= 0 for cost in each)
        assert oracle.cost_of(answers) == pytest.approx(sum(each))
        assert oracle.cost_of({}) == 0

    def test_a_loop_keeps_its_labels(
        self, make_oracle: Callable[[], Oracle], pool: Mapping[str, Any]
    ) -> None:
        """`tell` takes what `label` gives, and telling it again is harmless."""
        oracle = make_oracle()
        with al.ActiveLoop(None, dict(pool), strategy="random") as loop:
            answers = dict(oracle.label(loop.ask(3)))
            assert loop.tell(answers) == len(answers)
            assert loop.tell(answers) == 0
            assert {*loop.labels} == {*answers}

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

One of people in an annotation tool (`push`, `pull`) inherits `PeopleSuite`, with a fixture
`open_tool`.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol

import pytest

import altasks as al
from altasks.abilities import CostsLabels, provides
from altasks.loop import Answer, Query
from altasks.oracles import AsksPeople, Oracle
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


class Tool(Protocol):
    """An annotation tool in a test: what people do in it, and oracles that know it."""

    def oracle(self) -> AsksPeople:
        """Return an oracle for this tool, as a process that was started anew would make it."""
        ...

    def say(self, id: str, label: Any, annotator: str) -> None:
        """Label a sample as this person, or correct what they said."""
        ...

    def skip(self, id: str, annotator: str) -> None:
        """Say as this person that a sample can't be labelled."""
        ...

    def delete(self, id: str, annotator: str) -> None:
        """Delete what this person said of a sample."""
        ...


class PeopleSuite(OracleSuite):
    """Tests for every oracle with `push` and `pull`. Subclass it as `Test...`.

    Attributes:
        labels: two labels that differ.
        people: the names of two people, as answers have them.
        every: at which steps a sync is cut off; 1 is at each. More for a tool that answers slowly.
    """

    answers_at_once: ClassVar[bool] = False
    labels: ClassVar[tuple[Any, Any]] = ("x", "y")
    people: ClassVar[tuple[str, str]] = ("ann", "bob")
    every: ClassVar[int] = 1

    @pytest.fixture
    def open_tool(self) -> Callable[[], Tool]:
        """Return a function that makes a tool with nothing in it, each time another one."""
        raise pytest.UsageError("PeopleSuite needs a fixture `open_tool`")

    @pytest.fixture
    def make_oracle(self, open_tool: Callable[[], Tool]) -> Callable[[], Oracle]:
        """Return a function that makes a fresh oracle."""
        return lambda: open_tool().oracle()

    def test_it_asks_people(self, make_oracle: Callable[[], Oracle]) -> None:
        """It has `push`, `pull`, `state`, and a name for the store."""
        oracle = make_oracle()
        assert isinstance(oracle, AsksPeople)
        assert 0 < len(oracle.name) <= 40
        assert "/" not in oracle.name

    def test_a_query_is_pushed_once_and_in_order(
        self, open_tool: Callable[[], Tool], pool: Mapping[str, Any]
    ) -> None:
        """Twice changes nothing; another order moves; what isn't asked any more is last."""
        tool, (a, b, c, d) = open_tool(), list(pool)[:4]
        for ids, expected in (
            ([c, a], [c, a]),
            ([c, a], [c, a]),
            ([a, c], [a, c]),
            ([d, c, b], [d, c, b, a]),
            ([a], [a]),
        ):
            tool.oracle().push(self.query(pool, *ids))
            assert tool.oracle().state().open[: len(expected)] == expected
        assert sorted(tool.oracle().state().open) == sorted([a, b, c, d])

    def test_what_changed_is_pulled_whole(
        self, open_tool: Callable[[], Tool], pool: Mapping[str, Any]
    ) -> None:
        """After a mark at least what changed, and of that all that is said now."""
        tool, (a, b, c), (one, two) = open_tool(), list(pool)[:3], self.people
        oracle = tool.oracle()
        oracle.push(self.query(pool, a, b, c))
        tool.say(a, self.labels[0], one)
        tool.skip(b, one)
        first = tool.oracle().pull()
        assert _said(first.by_id[a]) == [(one, self.labels[0])]
        assert [(x.annotator, x.skipped) for x in first.by_id[b]] == [(one, True)]
        assert json.loads(json.dumps(first.mark)) == first.mark
        tool.say(a, self.labels[1], two)
        tool.delete(b, one)
        then = tool.oracle().pull(first.mark)
        assert _said(then.by_id[a]) == [(one, self.labels[0]), (two, self.labels[1])]
        assert then.by_id[b] == []
        tool.say(a, self.labels[1], one)
        again = tool.oracle().pull(then.mark, also=[c])
        assert _said(again.by_id[a]) == [(two, self.labels[1]), (one, self.labels[1])]
        assert again.by_id[c] == []
        state = oracle.state()
        assert (state.answered, state.skipped) == ([a], [])
        assert {b, c} <= {*state.open}

    def life(
        self, tool: Tool, url: str, pool: Mapping[str, Any], sync: Callable[[], None]
    ) -> dict[str, Any]:
        """Let people label, skip, correct and delete; return what store and tool hold then."""
        one, two = self.people
        with al.ActiveLoop(None, dict(pool), store=url, strategy="random") as loop:
            a, b, c = loop.ask(3).ids
        sync()
        tool.say(a, self.labels[0], one)
        tool.skip(b, two)
        sync()
        tool.say(a, self.labels[1], one)
        tool.delete(b, two)
        tool.say(c, self.labels[0], two)
        tool.say(c, self.labels[1], one)
        with al.ActiveLoop(None, dict(pool), store=url, strategy="random") as loop:
            loop.ask(1)
        sync()
        sync()
        with al.ActiveLoop(None, dict(pool), store=url, strategy="random") as loop:
            return {
                "labels": loop.labels,
                "skipped": loop.skipped,
                "pending": sorted(loop.pending),
                "events": sorted(
                    (event.id, event.kind, event.annotator.partition("/")[2], str(event.value))
                    for event in loop.history()
                ),
                "open": tool.oracle().state().open,
            }

    def test_whoever_dies_nothing_is_lost_or_doubled(
        self, open_tool: Callable[[], Tool], pool: Mapping[str, Any], tmp_path: Path
    ) -> None:
        """Cut off before and after every step of every sync, and begun again."""
        expected: dict[str, Any] = {}
        for cut in range(0, 10_000, self.every):
            tool, url = open_tool(), f"sqlite:///{tmp_path}/{cut}.db"
            steps = _Steps(cut)

            def sync(tool: Tool = tool, url: str = url, steps: _Steps = steps) -> None:
                for _ in range(2):
                    with al.ActiveLoop(None, dict(pool), store=url, strategy="random") as loop:
                        oracle = tool.oracle()
                        steps.watch(loop.store, "put", "tell", "skip", "withdraw")
                        steps.watch(oracle, "push", "pull")
                        try:
                            loop.sync(oracle)
                        except _CutOffError:
                            continue
                        return

            found = self.life(tool, url, pool, sync)
            expected = expected or found  # that of the first cut is checked below
            assert found == expected, f"cut off at step {cut}"
            if cut >= steps.taken:
                break
        first, second, third = (name for name, *_ in _by_id(expected["events"]))
        assert len(expected["labels"]) == 2
        assert {first, second, third} >= {*expected["labels"]}
        assert expected["skipped"] == []
        assert len(expected["pending"]) == 2
        assert {*expected["open"]} == {*expected["pending"]}


def _said(answers: Sequence[Answer]) -> list[tuple[str, Any]]:
    return [(one.annotator, one.label) for one in answers]


def _by_id(events: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    return list({event[0]: event for event in events}.values())


class _CutOffError(BaseException):
    """A process dies here: no handler of errors sees it."""


class _Steps:
    """Counts calls, each before and after, and dies at one of them, once."""

    def __init__(self, cut: int) -> None:
        self.cut = cut
        self.taken = 0

    def _step(self) -> None:
        self.taken += 1
        if self.taken == self.cut + 1:
            raise _CutOffError

    def watch(self, thing: Any, *methods: str) -> None:
        """Count the calls of some methods of an object."""
        for method in methods:
            setattr(thing, method, self._counted(getattr(thing, method)))

    def _counted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **options: Any) -> Any:
            self._step()
            answer = call(*args, **options)
            self._step()
            return answer

        return counted

"""`loop.sync` with a tool in memory: what it takes in, what it hands out, and in which order."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import altasks as al
from altasks.errors import InvalidInputError, LoopWarning, UnknownNameError
from altasks.loop import Answer
from altasks.testing.oracles import PeopleSuite


def _board():
    spec = importlib.util.spec_from_file_location("board", Path(__file__).with_name("board.py"))
    module = sys.modules.setdefault("board", importlib.util.module_from_spec(spec))
    spec.loader.exec_module(module)
    return module.Board


Board = _board()


class TestBoard(PeopleSuite):
    @pytest.fixture
    def pool(self):
        return {name: name.upper() for name in "abcdef"}

    @pytest.fixture
    def open_tool(self):
        return Board


class Sign:
    """Knows the sign of a number; the nearer to 0, the less sure. Fits count."""

    default_acquisition = "least_confidence"
    default_strategy = "top_k"

    def __init__(self):
        self.fits = 0

    def predict(self, samples):
        x = np.array(samples) - 10 * self.fits  # another boundary after each fit
        return al.Categorical.from_logits(torch.tensor(np.stack([x, -x], 1)))

    def fit(self, samples, labels, *, seed):
        self.fits += 1

    def check_label(self, label):
        if label not in ("+", "-"):
            raise InvalidInputError(f"label: expected + or -, found {label!r}.")
        return label

    def describe(self, sample, prediction):
        return {"predicted": "+" if sample > 10 * self.fits else "-"}


@pytest.fixture
def loop():
    pool = {f"n{i:02d}": float(i) for i in range(40)}
    with al.ActiveLoop(Sign(), pool, progress=False, seed=1) as loop:
        yield loop


def test_labels_come_with_who_and_how_long(loop):
    board = Board()
    a, b, c = loop.ask(3).ids
    assert loop.sync(board.oracle()).open == [a, b, c] == board.cards
    board.say(a, "+", "ann", 3.5)
    board.skip(b, "bob")
    done = loop.sync(board.oracle())
    assert (done.labels, done.skips, done.withdrawn, done.open) == (1, 1, 0, [c])
    event = loop.history(a)[0]
    assert (event.annotator, event.seconds) == ("board/ann", 3.5)
    assert loop.sync(board.oracle()).labels == 0
    assert loop.skipped == [b]


def test_of_several_people_the_last_word_counts_and_the_deleted_one_no_more(loop):
    board = Board()
    (a,) = loop.ask(1).ids
    loop.tell({a: "-"}, annotator="ann")  # told by hand: not the tool's to take back
    board.say(a, "+", "ann")
    board.say(a, "-", "bob")
    loop.sync(board.oracle())
    assert loop.labels == {a: "-"}
    board.say(a, "+", "bob")
    board.delete(a, "ann")
    assert loop.sync(board.oracle()).withdrawn == 1
    assert loop.labels == {a: "+"}
    board.delete(a, "bob")
    loop.sync(board.oracle())
    assert loop.labels == {a: "-"}
    assert loop.withdraw([a], annotator="ann") == 1
    assert (loop.labels, loop.pending) == ({}, [a])
    with pytest.raises(UnknownNameError):
        loop.withdraw(["zz"])
    with pytest.raises(InvalidInputError, match="a list of ids"):
        loop.withdraw(a)


def test_a_label_may_become_a_skip_and_the_other_way_round(loop):
    board = Board()
    (a,) = loop.ask(1).ids
    board.say(a, "+", "ann")
    loop.sync(board.oracle())
    board.skip(a, "ann")
    loop.sync(board.oracle())
    assert (loop.labels, loop.skipped, loop.pending) == ({}, [a], [])
    board.say(a, "-", "ann")
    loop.sync(board.oracle())
    assert (loop.labels, loop.skipped) == ({a: "-"}, [])
    assert [event.kind for event in loop.history()] == ["label", "withdraw", "skip", "label"]


def test_a_skip_beside_a_label_is_none(loop):
    board = Board()
    (a,) = loop.ask(1).ids
    board.say(a, "+", "ann")
    board.skip(a, "bob")
    assert loop.sync(board.oracle()).skips == 0
    board.delete(a, "ann")
    assert loop.sync(board.oracle()).skips == 1
    board.delete(a, "bob")
    assert loop.sync(board.oracle()).open == [a]


def test_what_the_task_refuses_is_named_and_tried_again(loop):
    board = Board()
    a, b = loop.ask(2).ids
    board.say(a, "?", "ann")
    board.say(b, "+", "ann")
    board.say("stranger", "+", "ann")
    for _ in range(2):  # again though nothing is new
        with pytest.warns(LoopWarning, match="'.*' and 1 more was not taken"):
            done = loop.sync(board.oracle())
        assert set(done.refused) == {a, "stranger"}
        assert "ann: labels (id" in done.refused[a]
    assert loop.labels == {b: "+"}
    del board.said["stranger"]
    board.say(a, "-", "ann")
    assert loop.sync(board.oracle()).refused == {}
    assert loop.labels == {a: "-", b: "+"}
    board.said[b]["ann"] = Answer(annotator="ann", fault="two texts.")
    board._changed(b)
    with pytest.warns(LoopWarning, match="two texts"):
        loop.sync(board.oracle())
    assert loop.labels[b] == "+"  # what was said before stays until the new one can be read


def test_everything_is_compared_where_a_tool_lost_its_clock(loop):
    board = Board()
    (a,) = loop.ask(1).ids
    board.say(a, "+", "ann")
    loop.sync(board.oracle())
    board.said[a].clear()  # changed behind the clock's back
    assert loop.sync(board.oracle()).withdrawn == 0
    assert loop.sync(board.oracle(), everything=True).withdrawn == 1


def test_after_a_fit_the_rest_goes_by_the_new_scores_behind_what_it_asked(loop):
    board = Board()
    first = loop.ask(6).ids
    board.say(first[0], "+", "ann")
    loop.sync(board.oracle())
    loop.fit()
    rest = sorted(first[1:], key=lambda name: abs(loop.pool[name] - 10))
    assert loop.sync(board.oracle()).open == rest == board.cards[:5]
    assert board.shown[rest[0]] == {"predicted": "+" if loop.pool[rest[0]] > 10 else "-"}
    second = loop.ask(3).ids
    assert loop.sync(board.oracle()).open == second + rest
    assert loop.sync(board.oracle(), rerank=False).open == first[1:] + second
    loop.tell(dict.fromkeys(second, "-"))
    loop.fit()
    now = sorted(rest, key=lambda name: abs(loop.pool[name] - 20))
    assert loop.sync(board.oracle()).open == now
    asked = loop.task.predict
    loop.task.predict = lambda samples: pytest.fail("scored twice after one fit")
    assert loop.sync(board.oracle()).open == now
    loop.task.predict = asked


def test_many_at_once_and_two_tools_beside_each_other():
    pool = {f"n{i}": i for i in range(500)}
    one, two = Board(), Board()
    with al.ActiveLoop(None, pool, strategy="random") as loop:
        query = loop.ask(500)
        for name in query.ids[:300]:
            one.say(name, "x", "ann")
        other = two.oracle()
        other.name = "another"
        two.say(query.ids[0], "y", "ann")
        assert loop.sync(one.oracle()).labels == 300
        assert loop.sync(other).labels == 1
        one.said.clear()
        one.changed = dict.fromkeys(one.changed, 1000)
        assert loop.sync(one.oracle()).withdrawn == 300
        assert loop.labels == {query.ids[0]: "y"}


def test_a_run_takes_an_oracle_of_people(loop):
    board = Board()
    oracle = board.oracle()
    with pytest.warns(LoopWarning, match="answered none"):
        assert list(loop.run(oracle, budget=4, batch=4)) == []
    for name in board.cards:
        board.say(name, "+", "ann")
    assert [done.labelled for done in loop.run(oracle, budget=4, batch=4)] == [4]


def test_what_is_no_oracle_of_people(loop):
    with pytest.raises(InvalidInputError, match="push and pull, found Simulated"):
        loop.sync(al.Simulated(["a"]))
    oracle = Board().oracle()
    for name in ("", "a/b", "x" * 41, None):
        oracle.name = name
        with pytest.raises(InvalidInputError, match="at most 40 characters"):
            loop.sync(oracle)
    with pytest.raises(InvalidInputError, match="seconds: expected"):
        loop.tell({"n00": "+"}, seconds={"n00": float("nan")})

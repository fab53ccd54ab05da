"""The conformance suite of stores: inherit it, supply one fixture, and know that yours behaves.

Example:
    A test module of a third party::

        class TestMyStore(StoreSuite):
            @pytest.fixture
            def open_store(self, tmp_path: Path) -> Callable[[], Store]:
                return lambda: MyStore(tmp_path / "store")

The fixture returns a function that opens one and the same store, empty at the first call of a
test, each time as another process would.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from altasks.errors import LabelConflictError
from altasks.loop.base import AskedSample, LoggedFit, Store

OpenStore = Callable[[], Store]

#: JSON values that a store must give back as they were.
VALUES = [
    "cat",
    "",
    "naïve \u4e2d\u6587 \U0001f600 \x00 'quoted' \"twice\"",
    0,
    -1,
    2**53,
    0.1,
    1e-300,
    True,
    False,
    [],
    ["a", ["b", 1.5]],
    {},
    {"boxes": [[0, 1, 2, 3]], "class": None},
]

FIT = LoggedFit(
    fit=0,
    round=1,
    seq=2,
    n_labels=2,
    labels_hash="0" * 32,
    seed=2**63 - 1,
    threads=1,
    versions={"torch": "2.6"},
    token="f" * 32,
)


def asked(*ids: str) -> list[AskedSample]:
    """Return a query of some ids."""
    return [AskedSample(name) for name in ids]


class StoreSuite:
    """Tests for every store. Subclass it as `Test...` with a fixture called `open_store`."""

    def test_is_a_store(self, open_store: OpenStore) -> None:
        """It has all methods, and a name for messages."""
        store = open_store()
        assert isinstance(store, Store)
        assert isinstance(store.name, str)

    def test_empty(self, open_store: OpenStore) -> None:
        """A new store knows nothing."""
        store = open_store()
        state = store.state()
        assert (state.round, state.last_event, state.last_label) == (0, 0, 0)
        assert (state.last_recorded_round, state.last_fit) == (-1, None)
        assert (state.asked, state.labelled, state.skipped) == ({}, frozenset(), frozenset())
        assert store.labels().values == {}
        assert (store.history(), store.fits(), store.rounds()) == ([], [], {})
        assert store.asked(1) == []
        assert store.asks() == {}

    def test_claim(self, open_store: OpenStore) -> None:
        """The first value stays until it is put."""
        assert open_store().claim("seed", 3) == 3
        assert open_store().claim("seed", 4) == 3
        assert open_store().get("seed") == 3
        assert open_store().get("another") is None
        open_store().put("seed", {"a": [1]})
        assert open_store().claim("seed", 5) == {"a": [1]}

    def test_pool_hashes(self, open_store: OpenStore) -> None:
        """Hashes are added at the end, by the one who saw all that are there."""
        assert open_store().pool_hashes() == b""
        first = bytes(range(256)) * 1024
        assert open_store().extend_pool(first, 0)
        assert not open_store().extend_pool(b"x" * 16, 0)
        assert open_store().extend_pool(b"y" * 32, len(first))
        assert open_store().pool_hashes() == first + b"y" * 32

    @pytest.mark.parametrize("value", VALUES, ids=repr)
    def test_values_come_back(self, open_store: OpenStore, value: object) -> None:
        """Labels, descriptions and names come back as they were, type and all."""
        name = "id/with 'quotes' \u00e9"
        open_store().tell({name: value}, annotator="\u00e9", replace=False)
        found = open_store().labels().values[name]
        assert found == value
        assert type(found) is type(value)
        open_store().record_ask(1, [AskedSample("b", 0.1, value)], {})
        assert open_store().asked(1) == [AskedSample("b", 0.1, value)]

    def test_tell_is_kept(self, open_store: OpenStore) -> None:
        """Labels are there for every reader as soon as `tell` returns."""
        store, other = open_store(), open_store()
        assert store.tell({"a": 1, "b": 2}, replace=False) == 2
        assert other.labels().values == {"a": 1, "b": 2}
        assert other.labels().seq == other.state().last_event == other.state().last_label == 2
        assert other.state().labelled == {"a", "b"}

    def test_told_again(self, open_store: OpenStore) -> None:
        """The same again is harmless and leaves no event."""
        open_store().tell({"a": 1}, replace=False)
        assert open_store().tell({"a": 1, "b": 1}, replace=False) == 1
        assert open_store().tell({"a": 1}, replace=True) == 0
        assert len(open_store().history()) == 2

    def test_conflict(self, open_store: OpenStore) -> None:
        """A contradiction keeps nothing of the whole call."""
        open_store().tell({"a": 1}, annotator="x", replace=False)
        with pytest.raises(LabelConflictError, match="'a'"):
            open_store().tell({"b": 5, "a": 2, "c": 5}, annotator="x", replace=False)
        assert open_store().labels().values == {"a": 1}

    def test_a_number_is_not_its_like(self, open_store: OpenStore) -> None:
        """1, 1.0, True and "1" are four labels."""
        open_store().tell({"a": 1}, replace=False)
        for other in (1.0, True, "1"):
            with pytest.raises(LabelConflictError):
                open_store().tell({"a": other}, replace=False)

    def test_correction(self, open_store: OpenStore) -> None:
        """A correction is used from then on, and what it corrects stays in the history."""
        open_store().tell({"a": 1, "b": 1}, replace=False)
        assert open_store().tell({"a": 2}, replace=True) == 1
        store = open_store()
        assert store.labels().values == {"a": 2, "b": 1}
        assert [(e.id, e.value, e.replaces) for e in store.history("a")] == [
            ("a", 1, None),
            ("a", 2, 1),
        ]

    def test_annotators(self, open_store: OpenStore) -> None:
        """Annotators may differ: all is kept, the last word is used."""
        open_store().tell({"a": 1}, annotator="x", replace=False)
        open_store().tell({"a": 2}, annotator="y", replace=False)
        assert open_store().labels().values == {"a": 2}
        open_store().tell({"a": 3}, annotator="x", replace=True)
        store = open_store()
        assert store.labels().values == {"a": 3}
        assert [(e.annotator, e.value, e.replaces) for e in store.history()] == [
            ("x", 1, None),
            ("y", 2, None),
            ("x", 3, 1),
        ]

    def test_parts(self, open_store: OpenStore) -> None:
        """A label of a part is kept beside, and is not the label of the sample."""
        open_store().tell({"a": 1}, replace=False)
        open_store().tell({"a": "yes"}, part="head", replace=False)
        store = open_store()
        assert store.labels().values == {"a": 1}
        assert [e.part for e in store.history("a")] == ["", "head"]

    def test_a_part_is_no_answer(self, open_store: OpenStore) -> None:
        """The state, the labels and the queries agree on which samples are labelled."""
        store = open_store()
        store.record_ask(1, asked("a"), {})
        store.skip(["b"])
        store.tell({"a": "yes", "b": "yes", "c": "yes"}, part="head", replace=False)
        state = open_store().state()
        assert state.labelled == frozenset(open_store().labels().values) == frozenset()
        assert state.pending == ["a"]
        assert state.skipped == {"b"}
        assert (state.last_event, state.last_label) == (4, 0)
        assert open_store().record_ask(2, asked("c"), {})
        assert open_store().skip(["a"]) == 1
        assert open_store().labels(4).values == {}

    def test_labels_as_they_were(self, open_store: OpenStore) -> None:
        """The labels of any moment can be had again."""
        store = open_store()
        seen = [store.labels()]
        for labels, annotator in (
            ({"a": 1, "b": 2}, "x"),
            ({"a": 3}, "y"),
            ({"b": 4, "c": 5}, "x"),
            ({"a": 6}, "x"),
        ):
            store.tell(labels, annotator=annotator, replace=True)
            store.skip(["z"])
            seen.append(store.labels())
        for then in seen:
            assert open_store().labels(then.seq).values == then.values

    def test_what_is_new(self, open_store: OpenStore) -> None:
        """Readers that know a part already can have the rest alone."""
        store = open_store()
        store.tell({"a": 1, "b": 2}, replace=False)
        store.tell({"a": 3}, annotator="x", replace=False)
        store.skip(["c"])
        store.tell({"b": 4}, replace=True)
        assert [event.seq for event in store.history(after=2)] == [3, 4, 5]
        assert [event.seq for event in store.history("a", after=1)] == [3]
        assert store.labels(ids=["a", "c", "a"]).values == {"a": 3}
        assert store.labels(4, ids=["b"]).values == {"b": 2}
        assert store.labels(ids=[]).values == {}
        for round in (1, 2, 3):
            store.record_ask(round, asked(f"q{round}"), {"n": round})
            store.record_round(round, {"r": round})
        assert store.asks(after=1) == {2: {"n": 2}, 3: {"n": 3}}
        assert store.rounds(after=2) == {3: {"r": 3}}
        assert (store.state().last_event, store.state().last_label) == (5, 5)

    def test_seconds(self, open_store: OpenStore) -> None:
        """How long a label took stands in the history, where it was measured."""
        store = open_store()
        store.tell({"a": 1, "b": 2}, replace=False, seconds={"a": 2.5})
        store.skip(["c"])
        assert [event.seconds for event in open_store().history()] == [2.5, None, None]

    def test_withdrawn(self, open_store: OpenStore) -> None:
        """What is taken back stays in the history; labels of others count again."""
        store = open_store()
        store.record_ask(1, asked("a", "b", "c", "d"), {})
        store.tell({"a": 1, "b": 2}, annotator="x", replace=False)
        store.tell({"a": 3}, annotator="y", replace=False)
        store.tell({"b": "yes"}, annotator="y", part="head", replace=False)
        store.skip(["c"], annotator="x")
        store.skip(["d"], annotator="y")
        seen = [store.labels()]
        assert store.withdraw(["a", "b", "c", "d", "e"], annotator="y") == 2
        assert open_store().labels().values == {"a": 1, "b": 2}
        assert open_store().state().pending == ["d"]
        assert open_store().state().last_label == open_store().state().last_event == 8
        seen.append(store.labels())
        assert store.withdraw(["a", "b", "c"], annotator="x") == 3
        assert open_store().labels().values == {}
        assert open_store().state().pending == ["a", "b", "c", "d"]
        assert store.withdraw(["a", "b", "c"], annotator="x") == 0
        store.tell({"a": 9}, annotator="x", replace=False)  # no correction: there is none
        seen.append(store.labels())
        for then in seen:
            assert open_store().labels(then.seq).values == then.values
        events = open_store().history("a")
        assert [(e.kind, e.annotator, e.value, e.replaces) for e in events] == [
            ("label", "x", 1, None),
            ("label", "y", 3, None),
            ("withdraw", "y", None, 3),
            ("withdraw", "x", None, 1),
            ("label", "x", 9, None),
        ]

    def test_skip(self, open_store: OpenStore) -> None:
        """Skipped until a label comes; a labelled sample keeps its label."""
        store = open_store()
        store.tell({"a": 1}, replace=False)
        assert store.skip(["a", "b", "c", "b"]) == 2
        assert store.skip(["b"]) == 0
        assert open_store().state().skipped == {"b", "c"}
        store.tell({"b": 2}, replace=False)
        assert open_store().state().skipped == {"c"}
        assert [e.kind for e in open_store().history("b")] == ["skip", "label"]

    def test_ask(self, open_store: OpenStore) -> None:
        """A query is kept in its order, with scores and descriptions."""
        rows = [AskedSample("b", 0.5, {"x": 1}), AskedSample("a")]
        assert open_store().record_ask(1, rows, {"wanted": 2})
        assert open_store().record_ask(2, asked("c"), {})
        store = open_store()
        assert store.asks() == {1: {"wanted": 2}, 2: {}}
        assert store.asked(1) == rows
        assert store.asked(2) == asked("c")
        state = store.state()
        assert list(state.asked.items()) == [("b", 1), ("a", 1), ("c", 2)]
        assert state.round == 2
        store.tell({"a": 1}, replace=False)
        assert open_store().state().pending == ["b", "c"]

    def test_only_the_first_of_two_asks_counts(self, open_store: OpenStore) -> None:
        """A query is refused whole if another process was faster."""
        store = open_store()
        store.tell({"told": 1}, replace=False)
        store.skip(["skipped"])
        assert store.record_ask(1, asked("a"), {})
        assert not open_store().record_ask(1, asked("b"), {})
        assert not open_store().record_ask(3, asked("b"), {})
        for taken in ("a", "told", "skipped"):
            assert not open_store().record_ask(2, asked("b", taken), {})
        assert open_store().state().asked == {"a": 1}
        assert open_store().record_ask(2, asked("b"), {})

    def test_fits(self, open_store: OpenStore) -> None:
        """Fits are numbered, published and come back as they were logged."""
        published: list[int] = []
        first = open_store().log_fit(FIT, published.append)
        second = open_store().log_fit(replace(FIT, round=2), published.append)
        assert (first.fit, second.fit, published) == (1, 2, [1, 2])
        assert open_store().fits() == [first, second]
        assert open_store().state().last_fit == second
        assert replace(first, fit=0, at="") == FIT

    def test_a_fit_that_can_not_be_published_is_not_logged(self, open_store: OpenStore) -> None:
        """Publish and log are one."""

        def fail(number: int) -> None:
            raise OSError(f"no room for fit {number}")

        with pytest.raises(OSError, match="no room"):
            open_store().log_fit(FIT, fail)
        assert open_store().fits() == []

    def test_rounds(self, open_store: OpenStore) -> None:
        """Records come back, the last word of each round, and say how far a run is."""
        store = open_store()
        store.record_round(0, {"metrics": {"accuracy": 0.1}})
        store.record_round(2, {"ids": ["a"]})
        store.record_round(2, {"ids": ["b"]})
        assert open_store().rounds() == {0: {"metrics": {"accuracy": 0.1}}, 2: {"ids": ["b"]}}
        assert open_store().state().last_recorded_round == 2

    def test_many_at_once(self, open_store: OpenStore) -> None:
        """Thousands of labels are one call."""
        labels = {f"id-{i}": i for i in range(12_000)}
        store = open_store()
        assert store.tell(labels, replace=False) == 12_000
        assert store.tell({**labels, "id-7": 8}, replace=True) == 1
        assert open_store().labels().values == {**labels, "id-7": 8}
        assert store.record_ask(1, asked(*(f"q-{i}" for i in range(12_000))), {})
        assert store.skip([f"s-{i}" for i in range(12_000)]) == 12_000

    def test_threads(self, open_store: OpenStore) -> None:
        """Several writers at once: nobody's labels are lost, every event has its own number."""
        failures: list[BaseException] = []

        def write(who: str) -> None:
            try:
                store = open_store()
                for i in range(10):
                    store.tell({f"{who}-{i}": i, "shared": who}, annotator=who, replace=False)
            except BaseException as error:
                failures.append(error)

        open_store()
        threads = [threading.Thread(target=write, args=(f"w{i}",)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures
        events = open_store().history()
        assert len(events) == 4 * 11
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        assert len(open_store().labels().values) == 41

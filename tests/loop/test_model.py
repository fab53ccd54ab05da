"""A loop against a plain-Python model of it, through any sequence of calls hypothesis thinks of."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

import altasks as al
from altasks.errors import LabelConflictError, PoolExhaustedWarning

IDS = [f"id-{i}" for i in range(12)]
LABELS = st.sampled_from(["x", "y", 1, [1, 2]])
SOME_IDS = st.lists(st.sampled_from(IDS), min_size=1, max_size=4, unique=True)


class LoopMachine(RuleBasedStateMachine):
    """The model: who said what (in the order of the last word), what was asked, what skipped."""

    @initialize()
    def open(self) -> None:
        self.folder = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
        self.said: dict[tuple[str, str], Any] = {}
        self.last: dict[str, Any] = {}
        self.asked: dict[str, int] = {}
        self.skipped: set[str] = set()
        self.events = 0
        self.round = 0
        self.reopen()

    @rule()
    def reopen(self) -> None:
        self.loop = al.ActiveLoop(
            None, {name: name.upper() for name in IDS}, store=self.folder / "reviews.db"
        )

    def free(self) -> list[str]:
        return [
            name
            for name in IDS
            if name not in self.asked and name not in self.last and name not in self.skipped
        ]

    @rule(n=st.integers(1, 5), scored=st.booleans())
    def ask(self, n: int, scored: bool) -> None:
        free = self.free()
        scores = {name: float(i) for i, name in enumerate(IDS)} if scored else None
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            query = self.loop.ask(n, scores=scores)
        assert bool(caught) == (len(free) < n)
        assert all(one.category is PoolExhaustedWarning for one in caught)
        if scored:
            assert query.ids == free[::-1][:n]
        assert len(query) == min(n, len(free))
        assert set(query.ids) <= set(free)
        assert query.samples == [name.upper() for name in query.ids]
        if query.ids:
            self.round += 1
            self.asked |= dict.fromkeys(query.ids, self.round)
        assert query.round == self.round

    @rule(ids=SOME_IDS, label=LABELS, annotator=st.sampled_from(["", "ann"]), replace=st.booleans())
    def tell(self, ids: list[str], label: Any, annotator: str, replace: bool) -> None:
        key = {name: (name, annotator) for name in ids}
        before = {name: self.said[key[name]] for name in ids if key[name] in self.said}
        changed = [name for name in before if before[name] != label]
        if changed and not replace:
            with pytest.raises(LabelConflictError, match=changed[0]):
                self.loop.tell(dict.fromkeys(ids, label), annotator=annotator)
            return
        news = [name for name in ids if name not in before or name in changed]
        told = self.loop.tell(dict.fromkeys(ids, label), annotator=annotator, replace=replace)
        assert told == len(news)
        for name in news:
            self.said[name, annotator] = self.last[name] = label
            self.skipped.discard(name)
        self.events += len(news)

    @rule(ids=SOME_IDS)
    def skip(self, ids: list[str]) -> None:
        news = [name for name in ids if name not in self.last and name not in self.skipped]
        assert self.loop.skip(ids) == len(news)
        self.skipped |= set(news)
        self.events += len(news)

    @invariant()
    def agrees(self) -> None:
        if not hasattr(self, "loop"):
            return
        assert self.loop.round == self.round
        assert self.loop.labels == self.last
        assert set(self.loop.skipped) == self.skipped
        assert self.loop.pending == [
            name for name in self.asked if name not in self.last and name not in self.skipped
        ]
        assert [name for query in self.loop.pending_queries() for name in query.ids] == (
            self.loop.pending
        )
        history = self.loop.history()
        assert [event.seq for event in history] == list(range(1, self.events + 1))
        replayed: dict[tuple[str, str], Any] = {}
        for event in history:
            if event.kind == "label":
                # A label that was there is named by the one that corrects it.
                assert (event.replaces is None) == ((event.id, event.annotator) not in replayed)
                replayed[event.id, event.annotator] = event.value
        assert replayed == self.said

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            shutil.rmtree(self.folder)


TestLoop = LoopMachine.TestCase
TestLoop.settings = settings(
    max_examples=25,
    stateful_step_count=25,
    suppress_health_check=[HealthCheck.too_slow],
)

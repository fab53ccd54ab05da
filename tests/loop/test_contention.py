"""One store, others asking and fitting all the time: an ask is done after a bounded effort."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

import altasks as al
from altasks.loop.query_maker import QueryMaker

Data = tuple[dict[str, Any], dict[str, str]]


@pytest.fixture
def contended(worker: ModuleType, data: Data, url: str) -> Callable[..., Any]:
    """Return a loop during whose ask another process asks `races` times, and what it predicted."""

    def contended(races: int, fits: int = 0, **attributes: Any) -> tuple[al.ActiveLoop, list[int]]:
        passes: list[int] = []

        class Counting(worker.VectorTask):  # type: ignore[name-defined, misc]
            def predict(self, samples: Any) -> al.Categorical:
                passes.append(len(samples))
                return super().predict(samples)

            def describe(self, sample: Any, prediction: Any) -> Any:
                return {}

            def describe_many(self, samples: Any) -> Any:
                return [{} for _ in samples]

        for name, value in attributes.items():
            setattr(Counting, name, value)
        options: dict[str, Any] = {"store": url, "progress": False, "seed": 3}
        other = al.ActiveLoop(worker.VectorTask(), data[0], **options)
        other.tell({name: data[1][name] for name in other.ask(9).ids})
        other.fit()
        loop = al.ActiveLoop(Counting(), data[0], **options)
        record = loop.store.record_ask
        left = [races]

        def late(*arguments: Any) -> bool:
            if left[0]:
                left[0] -= 1
                other.ask(2)
                if left[0] < fits:
                    other.tell({name: data[1][name] for name in other.pending})
                    other.fit()
            return record(*arguments)

        loop.store.record_ask = late
        passes.clear()
        return loop, passes

    return contended


def whole(passes: list[int], pool: int = 100) -> float:
    return sum(passes) / pool


def test_scores_of_a_model_are_made_once(contended: Any) -> None:
    loop, passes = contended(6)
    query = loop.ask(3)
    assert query.round == 8
    assert whole(passes) < 1.2
    assert "scored_for_round" in loop.store.asks()[8]


def test_what_was_asked_is_what_an_ask_alone_would_have_given(
    contended: Any, worker: ModuleType, data: Data
) -> None:
    loop, _ = contended(4)
    query = loop.ask(3)
    alone = al.ActiveLoop(worker.VectorTask(), data[0], progress=False, seed=3)
    alone.tell({name: data[1][name] for name in alone.ask(9).ids})
    alone.fit()
    for _ in range(4):
        alone.ask(2)
    assert alone.ask(3).ids == query.ids


def test_a_committee_that_draws_by_the_round_scores_at_most_twice(contended: Any) -> None:
    rounds: list[int] = []
    loop, passes = contended(6, start_round=lambda _, number: rounds.append(number))
    loop.ask(3)
    assert list(dict.fromkeys(rounds))[:2] == [2, 3]
    assert whole(passes) < QueryMaker.PASSES + 0.4


@pytest.mark.parametrize("says", [{"draws_by_round": False}, {"committee": None}])
def test_a_task_may_say_that_it_does_not(contended: Any, says: dict[str, Any]) -> None:
    loop, passes = contended(6, start_round=lambda *_: None, **says)
    loop.ask(3)
    assert whole(passes) < 1.2


def test_other_scores_after_a_fit(contended: Any, worker: ModuleType) -> None:
    loop, passes = contended(3, fits=1)
    query = loop.ask(3)
    assert 1.5 < whole(passes) < 2.5
    assert loop.store.asks()[query.round]["fit"] == 2


def test_without_a_race_each_ask_has_draws_of_its_own(contended: Any) -> None:
    rounds: list[int] = []
    loop, _ = contended(0, start_round=lambda _, number: rounds.append(number))
    for _ in range(2):
        loop.ask(2)
    assert list(dict.fromkeys(rounds)) == [2, 3]


def test_committees_say_whether_they_draw(worker: ModuleType) -> None:
    del worker
    from altasks.committees import BoxViews, Views

    assert not Views().draws_by_round
    assert not BoxViews().draws_by_round
    assert not al.Ensemble(3).draws_by_round
    assert getattr(al.MCDropout(5), "draws_by_round", True)

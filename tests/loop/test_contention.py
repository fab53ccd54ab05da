"""One store, others asking and fitting all the time: an ask is done after a bounded effort."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import altasks as al

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
    assert "scored_for_round" not in loop.store.asks()[8]  # every round draws the same


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


def test_a_committee_that_draws_by_the_round_scores_once_too(contended: Any) -> None:
    rounds: list[int] = []
    loop, passes = contended(6, start_round=lambda _, number: rounds.append(number))
    assert loop.ask(3).round == 8
    assert set(rounds) == {2}  # the draws of the first ask after the fit
    assert whole(passes) < 1.2
    assert loop.store.asks()[8]["scored_for_round"] == 2


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


def test_asks_after_one_fit_share_its_scores(contended: Any, worker: ModuleType) -> None:
    rounds: list[int] = []
    loop, passes = contended(0, start_round=lambda _, number: rounds.append(number))
    asked = [loop.ask(2).ids for _ in range(3)]
    assert set(rounds) == {2}
    assert whole(passes) < 1.2
    assert len({name for ids in asked for name in ids}) == 6
    assert "scored_for_round" not in loop.store.asks()[2]
    assert [loop.store.asks()[number]["scored_for_round"] for number in (3, 4)] == [2, 2]
    loop.tell(dict.fromkeys(asked[0], "red"))
    loop.fit()
    loop.ask(2)
    assert set(rounds) == {2, 5}
    assert 1.5 < whole(passes) < 2.2


def test_a_restart_between_two_asks_changes_nothing(
    worker: ModuleType, data: Data, tmp_path: Path
) -> None:
    found = []
    for restarts in (False, True):
        url = f"sqlite:///{tmp_path}/{restarts}.db"
        options: dict[str, Any] = {"store": url, "progress": False, "seed": 3}
        loop = al.ActiveLoop(worker.VectorTask(), data[0], **options)
        loop.tell({name: data[1][name] for name in loop.ask(9).ids})
        loop.fit()
        asked = [loop.ask(2).ids]
        if restarts:
            loop.close()
            loop = al.ActiveLoop(worker.VectorTask(), data[0], **options)
        asked.append(loop.ask(2).ids)
        found.append(asked)
    assert found[0] == found[1]


def test_a_bigger_budget_after_a_smaller_one_scores_what_is_missing(
    contended: Any,
) -> None:
    loop, passes = contended(0)
    with pytest.warns(al.errors.OverBudgetWarning):
        loop.ask(cost=2)
    first = whole(passes)
    assert 0 < first < 1
    loop.ask(2)  # the dear ones had no scores
    assert whole(passes) > first + 0.9
    for _ in range(3):
        loop.ask(2)
    assert whole(passes) < first + 1.4


def test_a_model_that_is_trained_elsewhere_is_scored_each_time(data: Data) -> None:
    class Elsewhere:
        default_acquisition = "entropy"
        certain = "a"

        def predict(self, samples: Any) -> al.Categorical:
            return al.Categorical([[0.5, 0.5] if x != self.certain else [1, 0] for x in samples])

    task = Elsewhere()
    loop = al.ActiveLoop(task, {"one": "a", "two": "b"}, progress=False)
    assert loop.ask(1).ids == ["two"]
    loop.skip(["two"])
    task.certain = "b"
    assert loop.ask(1).scores[0] == pytest.approx(0.6931, abs=1e-3)


def test_committees_say_whether_they_draw(worker: ModuleType) -> None:
    del worker
    from altasks.committees import BoxViews, Views

    assert not Views().draws_by_round
    assert not BoxViews().draws_by_round
    assert not al.Ensemble(3).draws_by_round
    assert getattr(al.MCDropout(5), "draws_by_round", True)

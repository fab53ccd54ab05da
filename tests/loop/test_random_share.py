from __future__ import annotations

import math
import warnings
from collections import Counter
from typing import Any

import numpy as np
import pytest

import altasks as al
from altasks.errors import InvalidInputError, LoopWarning, StoreError
from altasks.loop.random_share import draw_share
from altasks.loop.selection import AskRequest

Data = tuple[dict[str, Any], dict[str, str]]


def label(loop: al.ActiveLoop, labels: dict[str, str], **wanted: Any) -> al.Query:
    query = loop.ask(**wanted)
    loop.tell({name: labels[name] for name in query.ids})
    return query


@pytest.fixture
def started(make: Any, data: Data) -> Any:
    """A function that opens a loop with a first fit."""

    def started(**options: Any) -> al.ActiveLoop:
        loop = make(**{"random_share": 0.25, **options})
        if not loop.round:
            label(loop, data[1], n=12)
            loop.fit()
        return loop

    return started


def test_a_share_of_each_batch_is_drawn(started: Any, data: Data) -> None:
    loop = started()
    assert loop.random_asked == []  # a cold start has none
    query = label(loop, data[1], n=16)
    assert len(set(query.ids)) == 16
    assert len(loop.random_asked) == 4
    assert set(loop.random_asked) <= set(query.ids)
    assert [one for one in query.ids if one in loop.random_asked] == loop.random_asked
    assert all(score is not None for score in query.scores)
    # The others are what the strategy picks of the rest.
    rest = [name for name in query.ids if name not in loop.random_asked]
    plain = started(random_share=0.0, store=None)
    best = plain.ask(16).ids
    assert rest == [name for name in best if name not in loop.random_asked][: len(rest)]


def test_restarts_draw_the_same(make: Any, started: Any, data: Data) -> None:
    whole = started(store=None)
    for _ in range(3):
        label(whole, data[1], n=10)
        whole.fit()
    started().close()
    for _ in range(3):
        loop = make(random_share=0.25)
        label(loop, data[1], n=10)
        loop.fit()
        loop.close()
    last = make(random_share=0.25)
    assert last.random_asked == whole.random_asked
    assert last.estimates == whole.estimates
    assert len(whole.estimates) == 3


IDS = [f"s{i}" for i in range(10)]


def test_a_fraction_of_a_sample_is_left_to_chance() -> None:
    counts: Counter[int] = Counter()
    drawn: Counter[str] = Counter()
    for seed in range(3000):
        picks = draw_share(IDS, AskRequest(n=6), {}, 0.25, np.random.default_rng(seed))
        counts[len(picks)] += 1
        drawn.update(picks)
    assert set(counts) == {1, 2}  # 1.5 on average
    assert abs(counts[1] / 3000 - 0.5) < 4 * math.sqrt(0.25 / 3000)
    assert sum((drawn[name] - 450) ** 2 / 450 for name in IDS) < 27.9  # 9 degrees, 0.1 %


def test_by_cost_the_share_is_right_on_average() -> None:
    costs = {name: 1.0 + i for i, name in enumerate(IDS)}
    spent = []
    for seed in range(3000):
        wanted = AskRequest(cost=20.0)
        picks = draw_share(IDS, wanted, costs, 0.25, np.random.default_rng(seed))
        spent.append(sum(costs[name] for name in picks))
    assert max(spent) <= 20
    assert np.mean(spent) == pytest.approx(5.0, abs=4 * np.std(spent) / math.sqrt(3000))


def test_the_order_of_the_ids_does_not_matter() -> None:
    for wanted in (AskRequest(n=7), AskRequest(cost=9.0)):
        costs = dict.fromkeys(IDS, 2.0)
        first, second = (
            draw_share(ids, wanted, costs, 0.6, np.random.default_rng(3))
            for ids in (IDS, IDS[::-1])
        )
        assert first == second


def test_they_lie_anywhere_among_the_others() -> None:
    places = set()
    for seed in range(12):
        loop = al.ActiveLoop(None, IDS, random_share=0.25, seed=seed)
        query = loop.ask(8, scores=[float(i) for i in range(10)])
        assert len(query) == len(set(query.ids)) == 8
        places |= {query.ids.index(name) for name in loop.random_asked}
    assert {min(places) < 3, max(places) > 4} == {True}


def test_by_cost(started: Any, data: Data) -> None:
    spent = []
    for seed in range(6):
        loop = started(store=None, seed=seed, costs=lambda sample: 1.0 + abs(sample[0]))
        query = label(loop, data[1], cost=24.0)
        assert query.cost is not None
        assert query.cost <= 24.0
        spent.append(sum(1.0 + abs(data[0][name][0]) for name in loop.random_asked))
        how = loop.store.asks()[2]
        assert len(how["costs"]) == len(query)
    assert 2.0 < np.mean(spent) < 10.0  # 6 on average


def test_the_whole_pool_and_more(started: Any, data: Data) -> None:
    loop = started(random_share=0.9)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        query = loop.ask(1000)
    assert len(query) == len(set(query.ids)) == len(data[0]) - 12


def test_estimates_are_of_samples_that_were_not_trained_on(started: Any, data: Data) -> None:
    loop = started()
    query = label(loop, data[1], n=16)
    random = loop.random_asked
    asked = [name for name in query.ids if name not in random]
    expected = [
        loop.evaluate(([data[0][i] for i in ids], [data[1][i] for i in ids]))
        for ids in (random, asked)
    ]
    loop.fit()
    (estimate,) = loop.estimates
    assert (estimate.fit, estimate.round, estimate.samples, estimate.asked_samples) == (1, 2, 4, 12)
    assert [estimate.metrics, estimate.asked_metrics] == expected
    loop.fit()
    assert loop.estimates == [estimate]  # nothing new


def test_late_answers_are_measured_on_the_model_they_meet(started: Any, data: Data) -> None:
    loop = started()
    query = loop.ask(16)
    random = loop.random_asked
    first = {name: data[1][name] for name in query.ids if name != random[0]}
    loop.tell(first)
    loop.fit()
    loop.tell({random[0]: data[1][random[0]]})
    loop.fit()
    assert [(one.fit, one.samples, one.asked_samples) for one in loop.estimates] == [
        (1, 3, 12),
        (2, 1, 0),
    ]


@pytest.mark.slow
def test_unbiased_over_many_seeds(worker: Any, data: Data) -> None:
    """The mean error of the estimates is the model's on the pool that is left, not on the asked."""
    gaps, asked_gaps = [], []
    for seed in range(25):
        loop = al.ActiveLoop(
            worker.VectorTask(steps=5), data[0], random_share=0.5, seed=seed,
            acquisition="margin", progress=False,
        )  # fmt: skip
        label(loop, data[1], n=9)
        loop.fit()
        left = [name for name in data[0] if name not in loop.labels]
        truth = loop.evaluate(([data[0][i] for i in left], [data[1][i] for i in left]))
        label(loop, data[1], n=20)
        loop.fit()
        (estimate,) = loop.estimates
        gaps.append(estimate.metrics["accuracy"] - truth["accuracy"])
        asked_gaps.append(estimate.asked_metrics["accuracy"] - truth["accuracy"])
    assert abs(np.mean(gaps)) < 3 * np.std(gaps) / math.sqrt(25)
    assert np.mean(asked_gaps) < -0.05


class Backwards:
    """A strategy that asks what the model is surest of."""

    needs: frozenset[str] = frozenset()

    def select(self, candidates: Any, n: int, *, rng: Any) -> list[str]:
        return [candidates.ids[i] for i in np.argsort(candidates.values)[:n].tolist()]


def test_a_warning_where_the_asked_are_no_harder(started: Any, data: Data) -> None:
    loop = started(strategy=Backwards(), random_share=0.4, acquisition="margin")

    def five(loop: al.ActiveLoop) -> None:
        for _ in range(5):
            label(loop, data[1], n=20)
            loop.fit()

    with pytest.warns(LoopWarning, match="no harder for the model than random samples: accuracy"):
        five(loop)
    harder = started(store=None, random_share=0.4, acquisition="margin")
    five(harder)  # warnings are errors in tests
    assert sum(one.samples for one in harder.estimates) >= 30


def test_a_task_that_cannot_be_measured(data: Data, worker: Any) -> None:
    class Plain(worker.VectorTask):  # type: ignore[misc, name-defined]
        evaluate = None

    loop = al.ActiveLoop(Plain(), data[0], random_share=0.5, progress=False)
    label(loop, data[1], n=9)
    loop.fit()
    label(loop, data[1], n=10)
    loop.fit()
    assert loop.estimates == []
    assert len(loop.random_asked) == 5


def test_it_is_a_setting_of_the_store(make: Any) -> None:
    make(random_share=0.25).close()
    with pytest.raises(StoreError, match="random_share"):
        make()
    with make(random_share=0.1, accept_changes=True):
        pass


@pytest.mark.parametrize("share", [-0.1, 1.0, True, "half", float("nan")])
def test_bad_share(make: Any, share: Any) -> None:
    with pytest.raises(InvalidInputError, match="random_share"):
        make(random_share=share)

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

import altasks as al
from altasks.errors import InvalidInputError, LoopWarning, PoolExhaustedWarning
from altasks.loop import Round

Data = tuple[dict[str, Any], dict[str, str]]


@pytest.fixture
def test_set(data: Data) -> tuple[list[Any], list[str]]:
    return list(data[0].values()), list(data[1].values())


class Partial:
    """Answers the first `share` of each query; later, what is left."""

    def __init__(self, labels: dict[str, str], share: float) -> None:
        self.labels, self.share = labels, share
        self.seen: list[list[str]] = []

    def label(self, query: al.Query) -> dict[str, str]:
        self.seen.append(query.ids)
        return {name: self.labels[name] for name in query.ids[: int(len(query) * self.share)]}


def test_budget_and_batches(make: Any, data: Data, test_set: Any) -> None:
    loop = make()
    rounds = list(loop.run(al.Simulated(data[1], cost=2.0), 25, 10, test=test_set))
    assert [one.round for one in rounds] == [1, 2, 3]
    assert [len(one.ids) for one in rounds] == [10, 10, 5]
    assert [one.labelled for one in rounds] == [10, 20, 25]
    assert [one.cost for one in rounds] == [20.0, 20.0, 10.0]
    assert all(0 <= one.metrics["accuracy"] <= 1 and one.seconds > 0 for one in rounds)
    assert loop.rounds == rounds
    assert make().rounds == rounds
    assert list(make().run(al.Simulated(data[1]), 25, 10, test=test_set)) == []


def test_a_bigger_budget_goes_on(make: Any, data: Data) -> None:
    oracle = al.Simulated(data[1])
    list(make().run(oracle, 12, 6))
    assert [one.round for one in make().run(oracle, 24, 6)] == [3, 4]
    whole = make(store=None)
    list(whole.run(oracle, 24, 6))
    assert [one.ids for one in whole.rounds] == [one.ids for one in make().rounds]


def test_initial(make: Any, data: Data) -> None:
    rounds = list(make().run(al.Simulated(data[1]), 20, 5, initial=10))
    assert [len(one.ids) for one in rounds] == [10, 5, 5]


def test_target(make: Any, data: Data, test_set: Any) -> None:
    oracle = al.Simulated(data[1])
    rounds = list(make().run(oracle, 100, 5, test=test_set, target={"accuracy": 0.5}))
    assert rounds[-1].metrics["accuracy"] >= 0.5
    assert all(one.metrics["accuracy"] < 0.5 for one in rounds[:-1])
    assert len(rounds) < 20
    assert list(make().run(oracle, 100, 5, test=test_set, target=("accuracy", 0.5))) == []


@pytest.mark.parametrize(
    ("name", "less"),
    [
        ("rmse", True),
        ("member_cer", True),
        ("eval_loss", True),
        ("nll_weight", True),
        ("ap50_loss", False),
        ("map50", False),
        ("mean_iou", False),
        ("coverage_90", False),
    ],
)
def test_an_error_is_reached_from_above(
    make: Any, data: Data, test_set: Any, name: str, less: bool
) -> None:
    loop = make()
    values = iter([0.75, 0.5, 0.25, 0.0] if less else [0.25, 0.5, 0.75, 1.0])
    loop.task.evaluate = lambda *_: {name: next(values)}
    target = {name: 0.25 if less else 0.75}
    rounds = list(loop.run(al.Simulated(data[1]), 20, 5, test=test_set, target=target))
    assert [one.round for one in rounds] == [1, 2, 3]


def test_an_unknown_target(make: Any, data: Data, test_set: Any) -> None:
    with pytest.raises(InvalidInputError, match=r"a metric of this task .accuracy., found 'f1'"):
        list(make().run(al.Simulated(data[1]), 100, 5, test=test_set, target={"f1": 0.5}))


def test_a_stopping_rule_sees_all_rounds(make: Any, data: Data) -> None:
    oracle = al.Simulated(data[1])
    seen: list[int] = []

    def stop(rounds: list[Round]) -> bool:
        seen.append(len(rounds))
        return len(rounds) == 3

    assert len(list(make().run(oracle, 100, 5, stop=stop))) == 3
    assert list(make().run(oracle, 100, 5, stop=stop)) == []
    assert seen == [1, 2, 3, 3]


def test_labels_told_before_are_fitted_first(make: Any, data: Data) -> None:
    loop = make()
    loop.tell(dict(list(data[1].items())[:20]))
    rounds = list(loop.run(al.Simulated(data[1]), 10, 5))
    assert [(one.round, one.ids == [], one.labelled) for one in rounds] == [
        (0, True, 20),
        (1, False, 25),
        (2, False, 30),
    ]
    # So the first ask was the model's.
    assert all(row.score is not None for row in loop.store.asked(1))


def test_a_pending_query_comes_first(make: Any, data: Data) -> None:
    query = make().ask(7)
    rounds = list(make().run(al.Simulated(data[1]), 14, 7))
    assert rounds[0].ids == query.ids
    assert [one.round for one in rounds] == [1, 2]


def test_the_pool_runs_dry(make: Any, data: Data) -> None:
    with pytest.warns(PoolExhaustedWarning, match="Asked for 50, and 20"):
        rounds = list(make().run(al.Simulated(data[1]), 500, 50))
    assert [len(one.ids) for one in rounds] == [50, 50, 20]


def test_skipped_samples_do_not_count(make: Any, data: Data) -> None:
    loop = make()
    query = loop.ask(6)
    loop.skip(query.ids[:4])
    rounds = list(loop.run(al.Simulated(data[1]), 12, 6))
    assert [len(one.ids) for one in rounds] == [6, 6, 4]
    assert len(loop.labels) == 12


def test_partial_answers(make: Any, data: Data) -> None:
    oracle = Partial(data[1], 0.5)
    loop = make()
    rounds = list(loop.run(oracle, 16, 8))
    # What is open is offered again with the next query.
    assert [len(ids) for ids in oracle.seen] == [8, 4, 8]
    assert [(one.labelled, one.unanswered) for one in rounds] == [(4, 4), (10, 6)]
    # Late answers, when the budget is spent: fitted again, and the round says so.
    late = list(make().run(al.Simulated(data[1]), 16, 8))
    assert [(one.round, one.labelled, one.unanswered) for one in late] == [(2, 16, 0)]
    assert make().pending == []


def test_nobody_answers(make: Any, data: Data) -> None:
    with pytest.warns(LoopWarning, match="none of the 5 pending"):
        assert list(make().run(Partial(data[1], 0.0), 20, 5)) == []
    assert len(make().pending) == 5
    rounds = list(make().run(al.Simulated(data[1]), 10, 5))
    assert [one.round for one in rounds] == [1, 2]


def test_answers_to_other_questions_are_refused(make: Any, data: Data) -> None:
    class Eager:
        def label(self, query: al.Query) -> dict[str, str]:
            return dict(data[1])

    with pytest.raises(InvalidInputError, match="oracle: expected labels of the 5"):
        list(make().run(Eager(), 20, 5))
    assert make().labels == {}


def test_ctrl_c_leaves_what_was_told(make: Any, data: Data) -> None:
    loop = make()
    fit = loop.task.fit

    def interrupted(samples: Any, labels: Any, *, seed: int) -> None:
        if len(labels) == 12:
            raise KeyboardInterrupt
        fit(samples, labels, seed=seed)

    loop.task.fit = interrupted
    with pytest.raises(KeyboardInterrupt):
        list(loop.run(al.Simulated(data[1]), 18, 6))
    assert len(make().labels) == 12
    list(make().run(al.Simulated(data[1]), 18, 6))
    whole = make(store=None)
    list(whole.run(al.Simulated(data[1]), 18, 6))
    assert [one.ids for one in make().rounds] == [one.ids for one in whole.rounds]


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((0, 5), {}, "budget"),
        ((5, 0), {}, "batch"),
        ((5, 5), {"initial": 0}, "initial"),
        ((5, 5), {"target": {"accuracy": 1}}, "target: expected a test set"),
        ((5, 5), {"test": [1]}, "test"),
    ],
)
def test_bad_arguments_are_errors_at_the_call(
    make: Any, data: Data, arguments: Any, options: Any, message: str
) -> None:
    with pytest.raises(InvalidInputError, match=message):
        make().run(al.Simulated(data[1]), *arguments, **options)


def test_what_is_no_oracle_or_no_task(make: Any, data: Data) -> None:
    with pytest.raises(InvalidInputError, match=r"label\(query\), found dict"):
        make().run(data[1], 5, 5)
    with pytest.raises(InvalidInputError, match=r"fit\(\), found NoneType"):
        al.ActiveLoop(None, ["a"]).run(al.Simulated(["x"]), 1, 1)


def test_a_metric_that_cannot_be_kept_is_named_and_the_run_goes_on_later(
    worker: ModuleType, data: Data, test_set: Any, url: str
) -> None:
    class Undefined(worker.VectorTask):  # type: ignore[name-defined, misc]
        def evaluate(self, samples: Any, labels: Any) -> dict[str, float]:
            return {"auc": float("nan")}

    oracle = al.Simulated(data[1])
    options: dict[str, Any] = {"store": url, "progress": False}
    with pytest.raises(InvalidInputError, match=r"test: .*auc = nan \(round 1\)"):
        list(al.ActiveLoop(Undefined(), data[0], **options).run(oracle, 6, 6, test=test_set))
    rounds = list(
        al.ActiveLoop(worker.VectorTask(), data[0], **options).run(oracle, 6, 6, test=test_set)
    )
    assert [one.round for one in rounds] == [1]


def test_a_first_query_that_was_skipped_as_a_whole_is_followed_by_another(
    make: Any, data: Data
) -> None:
    loop = make()
    loop.skip(loop.ask(3).ids)
    rounds = list(loop.run(al.Simulated(data[1]), 6, 3))
    assert [(one.round, one.labelled) for one in rounds] == [(2, 3), (3, 6)]
    assert not {*rounds[0].ids, *rounds[1].ids} & {*loop.skipped}


class Killed(BaseException):
    """Stands for the death of the process: nobody catches it."""


@pytest.mark.parametrize("step", ["fit", "record_round"])
def test_a_run_killed_after_late_answers_fits_them(make: Any, data: Data, step: str) -> None:
    """The answers are in the store, and the fit (or its record) is not."""
    for url in (None, "killed"):
        kept = make() if url else make(store=None)
        list(kept.run(Partial(data[1], 0.5), 8, 8))
        if url is None:
            whole = kept
            (late,) = whole.run(al.Simulated(data[1]), 8, 8)
            continue
        loop = make()

        def dies(*_: Any, **__: Any) -> None:
            raise Killed

        owner = loop.store if step == "record_round" else loop.task
        setattr(owner, step, dies)
        with pytest.raises(Killed):
            list(loop.run(al.Simulated(data[1]), 8, 8))
        assert len(make().labels) == 8
        (resumed,) = make().run(al.Simulated(data[1]), 8, 8)
        assert (resumed.ids, resumed.labelled, resumed.fit) == (late.ids, late.labelled, late.fit)
        assert [fit.labels_hash for fit in make().store.fits()] == [
            fit.labels_hash for fit in whole.store.fits()
        ]
    assert list(make().run(al.Simulated(data[1]), 8, 8)) == []


@pytest.mark.parametrize("how", ["new", "corrected", "annotator"])
def test_labels_given_by_hand_for_a_finished_round_are_fitted(
    make: Any, data: Data, how: str
) -> None:
    oracle = al.Simulated(data[1])
    list(make().run(oracle, 8, 4))
    loop = make()
    name = loop.store.asked(1)[0].id
    other = "red" if data[1][name] != "red" else "blue"
    if how == "new":
        name = next(name for name in data[0] if name not in loop.labels)
        loop.tell({name: data[1][name]})
    elif how == "corrected":
        loop.tell({name: other}, replace=True)
    else:
        loop.tell({name: other}, annotator="ann")
    (again,) = make().run(oracle, 8, 4)
    assert (again.round, again.labelled) == (2, 9 if how == "new" else 8)
    state = make().store.state()
    assert state.is_fitted
    assert make().rounds[-1].fit == state.last_fit.fit == 3
    assert list(make().run(oracle, 8, 4)) == []


@pytest.mark.parametrize("act", ["nothing", "skip", "same", "part", "fit"])
def test_what_changes_no_label_fits_nothing(make: Any, data: Data, act: str) -> None:
    oracle = al.Simulated(data[1])
    list(make().run(oracle, 8, 4))
    loop = make()
    name = loop.store.asked(1)[0].id
    if act == "skip":
        loop.skip([next(one for one in data[0] if one not in loop.labels)])
    elif act == "same":
        loop.tell({name: data[1][name]})
    elif act == "part":
        loop.store.tell({name: "yes"}, part="corner", replace=False)
    elif act == "fit":
        loop.fit()  # by hand, on the same labels
    assert list(make().run(oracle, 8, 4)) == []


def test_each_record_is_read_once(make: Any, data: Data) -> None:
    """A run of R rounds doesn't read R records in each of them."""
    loop = make()
    read: list[int] = []
    rounds, asks = loop.store.rounds, loop.store.asks
    loop.store.rounds = lambda after=-1: _counted(rounds(after), read)
    loop.store.asks = lambda after=0: _counted(asks(after), read)
    list(loop.run(al.Simulated(data[1]), cost_budget=150.0, cost_batch=9.0, stop=lambda _: False))
    assert len(loop.rounds) > 12
    assert len(read) <= 6 * loop.round


def _counted(found: dict[int, Any], read: list[int]) -> dict[int, Any]:
    read.extend(found)
    return found


def test_labels_are_read_for_their_cost_only_where_the_oracle_has_one(
    make: Any, data: Data
) -> None:
    class Plain:
        def label(self, query: al.Query) -> dict[str, str]:
            return {name: data[1][name] for name in query.ids}

    for oracle, asked_for in ((Plain(), []), (al.Simulated(data[1], cost=2.0), [4, 4])):
        loop = make(store=None)
        labels = loop.store.labels
        seen: list[int] = []

        def counted(
            upto: Any = None,
            *,
            ids: Any = None,
            labels: Any = labels,
            seen: list[int] = seen,
        ) -> Any:
            if ids is not None:
                seen.append(len(ids))
            return labels(upto, ids=ids)

        loop.store.labels = counted
        rounds = list(loop.run(oracle, 8, 4))
        assert seen == asked_for
        assert [one.cost for one in rounds] == ([8.0, 8.0] if asked_for else [None, None])

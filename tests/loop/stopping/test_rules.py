from __future__ import annotations

import numpy as np
import pytest

import altasks as al
from altasks.errors import InvalidInputError, UnknownNameError
from altasks.loop import Round
from altasks.loop.stopping import Observation, Progress, Stop
from altasks.testing.stopping import StoppingRuleSuite, make_progress

RULES = {
    "samples": al.Budget(100),
    "cost": al.Budget(cost=100),
    "target": al.Target({"accuracy": 0.9}),
    "plateau": al.Plateau(),
    "uncertainty": al.OverallUncertainty(),
    "stable": al.StabilisingPredictions(),
    "change": al.ClassificationChange(0.01),
}


class TestEveryRule(StoppingRuleSuite):
    @pytest.fixture(params=RULES)
    def rule(self, request):
        return RULES[request.param]


@pytest.mark.parametrize("name", RULES)
def test_each_stops_in_the_end(name):
    assert RULES[name].judge(make_progress(40))


def metrics(values, name="accuracy"):
    rounds = [Round(i, [], i, {name: v, "other": 0.5}, 0.0) for i, v in enumerate(values)]
    return Progress(len(values), len(values), rounds=rounds)


def seen(**columns):
    rows = zip(*columns.values(), strict=True)
    made = [
        Observation(i, i, i, **dict(zip(columns, row, strict=True))) for i, row in enumerate(rows)
    ]
    return Progress(len(made), len(made), observations=made)


def test_budget():
    assert not al.Budget(10).judge(Progress(9, 9))
    assert al.Budget(10).judge(Progress(10, 3))
    assert not al.Budget(cost=5.0).judge(Progress(100, 100, spent=4.9))
    both = al.Budget(10, 5.0)
    assert both.needs == {"costs"}
    assert both.judge(Progress(2, 2, spent=5.0)).reason == "5 of 5 spent."
    assert both.judge(Progress(2, 2, spent=1.0)).reason == "2 of 10 samples asked and 1 of 5 spent."


def test_target():
    rule = al.Target({"accuracy": 0.8, "rmse": 0.3})
    rounds = [Round(1, [], 1, {"accuracy": 0.9, "rmse": 0.4}, 0.0)]
    assert not rule.judge(Progress(1, 1, rounds=rounds))
    rounds.append(Round(2, [], 2, {"accuracy": 0.8, "rmse": 0.3}, 0.0))
    answer = rule.judge(Progress(1, 1, rounds=rounds))
    assert answer
    assert answer.reason == (
        "accuracy is 0.8, wanted at least 0.8; rmse is 0.3, wanted at most 0.3."
    )
    with pytest.raises(InvalidInputError, match=r"accuracy, other\), found 'rmse'"):
        rule.judge(metrics([0.9]))


@pytest.mark.parametrize("less", [False, True])
def test_plateau_equals_a_plain_search(less):
    rng = np.random.default_rng(0)
    name = "cer" if less else "f1"
    for _ in range(300):
        values = rng.integers(0, 6, rng.integers(1, 9)).tolist()
        window, gain = int(rng.integers(1, 4)), float(rng.integers(0, 2))
        rule = al.Plateau(name, rounds=window, gain=gain)
        expected = False
        if len(values) > window:
            better = [
                (old - new if less else new - old) > gain
                for new in values[-window:]
                for old in [(min if less else max)(values[:-window])]
            ]
            expected = not any(better)
        assert bool(rule.judge(metrics(values, name))) == expected


def test_plateau_takes_the_first_metric():
    assert "accuracy" in al.Plateau(rounds=1).judge(metrics([0.5, 0.5])).reason


def test_stabilising_predictions_is_the_mean_of_the_window():
    rule = al.StabilisingPredictions(0.9, window=2)
    assert not rule.judge(seen(agreement=[None, 0.95]))
    assert rule.judge(seen(agreement=[None, 0.1, 0.85, 0.95]))
    assert not rule.judge(seen(agreement=[None, 0.99, 0.99, 0.8]))
    # A fit that could not be compared is no agreement.
    assert not rule.judge(seen(agreement=[1.0, None, 1.0]))


def test_classification_change_and_overall_uncertainty():
    rule = al.ClassificationChange()
    assert not rule.judge(seen(changed=[None]))
    assert not rule.judge(seen(changed=[None, 0.0, 0.001]))
    assert rule.judge(seen(changed=[None, 0.5, 0.0]))
    rule = al.OverallUncertainty(0.1)
    assert not rule.judge(seen(uncertainty=[0.05, 0.2]))
    assert rule.judge(seen(uncertainty=[0.2, 0.1]))
    with pytest.raises(InvalidInputError, match="found none; take StabilisingPredictions"):
        rule.judge(seen(uncertainty=[None]))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: al.Budget(), "samples"),
        (lambda: al.Budget(0), "samples"),
        (lambda: al.Budget(cost=-1), "cost"),
        (lambda: al.Target({}), "metrics"),
        (lambda: al.Target({"f1": "high"}), r"metrics\['f1'\]"),
        (lambda: al.Plateau(rounds=0), "rounds"),
        (lambda: al.Plateau(gain=-0.1), "gain"),
        (lambda: al.OverallUncertainty(1.5), "threshold"),
        (lambda: al.StabilisingPredictions(True), "threshold"),
        (lambda: al.StabilisingPredictions(window=0), "window"),
        (lambda: al.ClassificationChange(float("nan")), "threshold"),
    ],
)
def test_options_are_checked(make, message):
    with pytest.raises(InvalidInputError, match=message):
        make()


class Mine:
    needs = frozenset()

    def judge(self, progress):
        return Stop(progress.asked > 2, f"{progress.asked} asked.")


def test_what_should_stop_takes():
    loop = al.ActiveLoop(None, [str(i) for i in range(9)])
    loop.ask(5, scores=[float(i) for i in range(9)])
    assert loop.should_stop(Mine()) == Stop(True, "5 asked.", "Mine")
    answer = loop.should_stop([al.Budget(7), [Mine()]])
    assert (answer.stop, answer.rule) == (True, "Mine")
    answer = loop.should_stop([al.Budget(7), "plateau"])
    assert answer.reason.startswith("budget: 5 of 7 samples asked. plateau: 0 rounds have metrics")
    assert not answer
    assert loop.should_stop(al.Plateau).rule == "plateau"
    assert loop.should_stop(lambda rounds: True).reason == "No round has been recorded."
    loop.skip(loop.pending[:1])
    assert loop.should_stop(al.Budget(5)).reason == "4 of 5 samples asked."


@pytest.mark.parametrize(
    ("rule", "error", "message"),
    [
        ("platau", UnknownNameError, "Did you mean 'plateau'"),
        ("target", InvalidInputError, r"Make one: Target\(...\)"),
        ("budget", InvalidInputError, "samples"),
        (3, InvalidInputError, "a stopping rule, the name of one"),
        ([], InvalidInputError, "an empty list"),
        (None, InvalidInputError, "rule: expected a stopping rule"),
        ("stabilising_predictions", InvalidInputError, r"a task with predict\(\) and fit\(\)"),
    ],
)
def test_what_it_does_not_take(rule, error, message):
    loop = al.ActiveLoop(None, ["a"])
    with pytest.raises(error, match=message):
        loop.should_stop(rule)


def test_a_rule_with_unknown_needs():
    class Odd(Mine):
        needs = frozenset({"weather"})

    with pytest.raises(InvalidInputError, match="weather"):
        al.ActiveLoop(None, ["a"]).should_stop(Odd())

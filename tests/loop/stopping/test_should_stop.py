"""What a loop sees of its models: of every kind of prediction, and after a restart."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import altasks as al
from altasks.errors import InvalidInputError, UnreadableSampleError
from altasks.loop.stopping import Observation, Stop
from altasks.testing.stopping import make_progress

Data = tuple[dict[str, Any], dict[str, str]]


class Stage:
    """A task that says, after each fit, what the next line of a script has."""

    default_acquisition = "entropy"

    def __init__(self, *script: Callable[[Sequence[Any]], al.Prediction]) -> None:
        self.script, self.at = script, -1

    def fit(self, samples: Any, labels: Any, *, seed: int, **_: Any) -> None:
        self.at += 1

    def predict(self, samples: Sequence[Any]) -> al.Prediction:
        return self.script[max(self.at, 0)](samples)


def observed(*script: Callable[[Sequence[Any]], al.Prediction], n: int = 40) -> list[Observation]:
    """Return what is seen of each line of a script."""
    kept: list[Any] = []

    class Watch:
        needs = frozenset({"observations"})

        def judge(self, progress: Any) -> Stop:
            kept[:] = progress.observations
            return Stop(False, "Watching.")

    loop = al.ActiveLoop(
        Stage(*script), list(range(n)), strategy="random", progress=False, batch_size=7
    )
    for row in range(len(script)):
        loop.tell({str(row): "x"})
        loop.fit()
        loop.should_stop(Watch())
    return kept


def rows(table: np.ndarray) -> Callable[[Sequence[Any]], np.ndarray]:
    return lambda samples: table[np.asarray(samples)]


def kappa(before: Any, now: Any) -> float:
    """Cohen (1960), class by class."""
    pairs = list(zip(list(before), list(now), strict=True))
    same = sum(a == b for a, b in pairs) / len(pairs)
    chance = 0.0
    for name in {x for pair in pairs for x in pair}:
        chance += np.mean([a == name for a, _ in pairs]) * np.mean([b == name for _, b in pairs])
    return float((same - chance) / (1 - chance))


def test_classes_by_cohens_kappa() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.dirichlet(np.ones(3), (2, 40))
    second[:25] = first[:25]
    one, other = observed(
        lambda samples: al.Categorical(rows(first)(samples)),
        lambda samples: al.Categorical(rows(second)(samples)),
    )
    a, b = first.argmax(1), second.argmax(1)
    assert (one.agreement, one.changed) == (None, None)
    assert other.agreement == pytest.approx(kappa(a, b))
    assert other.changed == pytest.approx(np.mean(a != b))
    assert other.samples == 40
    entropy = -(second * np.log(second)).sum(1).mean() / np.log(3)
    assert other.uncertainty == pytest.approx(entropy)


def test_several_labels_by_the_kappa_of_all_decisions() -> None:
    first, second = np.random.default_rng(0).random((2, 40, 5))
    second[:30] = first[:30]
    _, other = observed(
        lambda samples: al.Bernoulli(rows(first)(samples)),
        lambda samples: al.Bernoulli(rows(second)(samples)),
    )
    a, b = (first > 0.5).ravel(), (second > 0.5).ravel()
    assert other.agreement == pytest.approx(kappa(a, b))
    assert other.changed == pytest.approx(np.mean(a != b))
    assert 0 < other.uncertainty <= 1


def test_words_by_the_kappa_of_all_words() -> None:
    lengths = np.random.default_rng(1).integers(0, 6, 40)
    tables = np.random.default_rng(0).dirichlet(np.ones(4), (2, 40, 6))

    def says(table: np.ndarray) -> Callable[[Sequence[int]], al.Prediction]:
        return lambda samples: al.Ragged(
            al.Categorical(np.concatenate([table[i, : lengths[i]] for i in samples])),
            [int(lengths[i]) for i in samples],
        )

    _, other = observed(*map(says, tables))
    a, b = (
        np.concatenate([table[i, : lengths[i]].argmax(1) for i in range(40)]) for table in tables
    )
    assert other.agreement == pytest.approx(kappa(a, b))
    assert other.changed == pytest.approx(np.mean(a != b))


def test_numbers_by_r_squared() -> None:
    first = np.random.default_rng(0).normal(size=(40, 2))
    second = first + 0.1 * np.random.default_rng(1).normal(size=(40, 2))

    def says(table: np.ndarray) -> Callable[[Sequence[int]], al.Prediction]:
        return lambda samples: al.Normal(
            rows(table)(samples), np.full((len(samples), 2), 0.04), scale=[2.0, 2.0]
        )

    _, other = observed(says(first), says(second))
    moved = ((second - first) ** 2).sum(0) / ((first - first.mean(0)) ** 2).sum(0)
    assert other.agreement == pytest.approx(1 - moved.mean())
    assert other.changed == pytest.approx(moved.mean())
    assert other.uncertainty == pytest.approx(0.01)  # a variance of 0.04 by one of 4


def test_lines_by_their_characters() -> None:
    def says(*words: str) -> Callable[[Sequence[int]], al.Prediction]:
        return lambda samples: al.Transcripts([[words[i % 2]] * 3 + ["?"] for i in samples])

    _, other = observed(says("abcd", "efgh"), says("abcd", "efxx"))
    assert other.agreement == pytest.approx(1 - 2 / 8)
    assert other.changed == 0.5
    assert other.uncertainty is not None


def test_boxes_by_f1() -> None:
    def says(shift: float, label: int) -> Callable[[Sequence[int]], al.Prediction]:
        """Two boxes in each image; the second moves, the first changes its class."""

        def predict(samples: Sequence[int]) -> al.Prediction:
            one = np.eye(3)[[label, 1]]
            boxes = torch.tensor([[0.0, 0, 10, 10], [20 + shift, 0, 30 + shift, 10]])
            count = len(samples)
            return al.Ragged(
                al.Categorical(np.tile(one, (count, 1))), [2] * count,
                {"boxes": boxes.repeat(count, 1), "conf": torch.ones(2 * count)},
            )  # fmt: skip

        return predict

    assert observed(says(0, 0), says(2, 0))[1].agreement == 1.0
    assert observed(says(0, 0), says(9, 0))[1].agreement == 0.5
    assert observed(says(0, 0), says(2, 2))[1].changed == 0.5
    nothing = al.Ragged(al.Categorical(torch.zeros(0, 3)), [0], {"boxes": torch.zeros(0, 4)})
    empty = observed(*[lambda samples: al.Ragged.cat([nothing] * len(samples))] * 2)
    assert (empty[1].agreement, empty[1].uncertainty) == (1.0, None)


class Streams(Stage):
    def iter_predict(self, samples: Sequence[Any]) -> Iterator[tuple[int, al.Prediction]]:
        whole = self.predict(samples)
        assert isinstance(whole, al.Ragged)
        for place in range(len(samples)):
            units = whole[place].units
            for start in range(0, len(units), 2):
                yield place, units[start : start + 2]


@pytest.mark.parametrize("kind", [al.Categorical, al.Bernoulli])
def test_samples_that_are_streamed_are_seen_alike(kind: Any) -> None:
    tables = np.random.default_rng(0).dirichlet(np.ones(3), (2, 40, 5))

    def says(table: np.ndarray) -> Callable[[Sequence[int]], al.Prediction]:
        return lambda samples: al.Ragged(
            kind(np.concatenate(rows(table)(samples))), [5] * len(samples)
        )

    expected = observed(*map(says, tables))
    loop = al.ActiveLoop(
        Streams(*map(says, tables)), list(range(40)), strategy="random", progress=False
    )
    for row in range(2):
        loop.tell({str(row): "x"})
        loop.fit()
        loop.should_stop(al.ClassificationChange())
    answer = loop.should_stop(al.OverallUncertainty(0.0))
    assert expected[1].uncertainty is not None
    assert answer.reason.startswith(f"The mean uncertainty is {expected[1].uncertainty:.3g}")
    answer = loop.should_stop(al.StabilisingPredictions(window=1))
    assert f"{expected[1].agreement:.4g}" in answer.reason


def test_a_task_that_cannot_say_how_sure_it_is() -> None:
    one = observed(lambda samples: al.Transcripts([["a"]] * len(samples)))
    assert one[0].uncertainty is None
    sure = observed(lambda samples: al.Transcripts([["a"]] * len(samples), [[-0.1]] * len(samples)))
    assert sure[0].uncertainty == pytest.approx(1 - np.exp(-0.1))


# Over a real task.


def steps(loop: al.ActiveLoop, labels: dict[str, str], count: int) -> list[Stop]:
    answers = []
    for _ in range(count):
        query = loop.ask(8)
        loop.tell({name: labels[name] for name in query.ids})
        loop.fit()
        answers.append(loop.should_stop("stabilising_predictions"))
    return answers


def test_restarts_change_no_answer(make: Any, data: Data, tmp_path: Path) -> None:
    whole = steps(make(store=None), data[1], 6)
    cut: list[Stop] = []
    for _ in range(6):
        loop = make()
        cut += steps(loop, data[1], 1)
        loop.close()
    assert cut == whole
    assert make().should_stop("stabilising_predictions") == whole[-1]


def test_asked_twice_it_looks_once(make: Any, data: Data) -> None:
    loop = make()
    first = steps(loop, data[1], 4)[-1]
    calls = []
    predict = loop.task.predict
    loop.task.predict = lambda samples: calls.append(1) or predict(samples)
    assert loop.should_stop() == first
    loop.fit()  # on the same labels
    assert loop.should_stop() == first
    assert not calls


def test_a_run_stops_by_rules_and_says_why(make: Any, data: Data) -> None:
    test = list(data[0].values())[:30], list(data[1].values())[:30]
    rules = [al.StabilisingPredictions(0.8, window=2), al.Budget(samples=100)]
    loop = make()
    rounds = list(loop.run(al.Simulated(data[1]), 110, 8, test=test, stop=rules))
    answer = loop.should_stop(rules)
    assert answer.rule == "stabilising_predictions"
    assert 3 <= len(rounds) < 12
    again = make()
    assert list(again.run(al.Simulated(data[1]), 110, 8, test=test, stop=rules)) == []
    assert again.should_stop(rules) == answer
    # A stricter rule goes on.
    rounds = list(again.run(al.Simulated(data[1]), 110, 8, test=test, stop=[al.Budget(100)]))
    assert rounds
    assert again.should_stop(al.Budget(100))


def test_a_run_that_is_cut_off_stops_where_the_whole_one_does(make: Any, data: Data) -> None:
    rule = al.StabilisingPredictions(0.8, window=2)
    whole = list(make(store=None).run(al.Simulated(data[1]), 110, 8, stop=rule))
    cut = []
    while found := next(iter(make().run(al.Simulated(data[1]), 110, 8, stop=rule)), None):
        cut.append(found)
    assert [one.ids for one in cut] == [one.ids for one in whole]


def test_rules_that_read_metrics_want_a_test_set(make: Any, data: Data) -> None:
    with pytest.raises(InvalidInputError, match="a test set for a rule that reads metrics"):
        make().run(al.Simulated(data[1]), 20, 8, stop="plateau")
    test = list(data[0].values())[:30], list(data[1].values())[:30]
    rounds = list(
        make().run(al.Simulated(data[1]), 110, 8, test=test, stop=al.Target({"accuracy": 0.5}))
    )
    assert rounds[-1].metrics["accuracy"] >= 0.5
    assert all(one.metrics["accuracy"] < 0.5 for one in rounds[:-1])


def test_functions_as_before_and_among_rules(make: Any, data: Data) -> None:
    seen = []

    def third(rounds: list[Any]) -> bool:
        seen.append(len(rounds))
        return len(rounds) >= 3

    assert len(list(make().run(al.Simulated(data[1]), 110, 8, stop=third))) == 3
    assert seen == [1, 2, 3]
    both = [al.Budget(16), third]
    assert len(list(make(store=None).run(al.Simulated(data[1]), 110, 8, stop=both))) == 2


def test_budgets_in_cost(make: Any, data: Data) -> None:
    loop = make(costs=lambda sample: 2.0)
    steps(loop, data[1], 1)
    assert loop.should_stop(al.Budget(cost=20)).reason == "16 of 20 spent."
    assert loop.should_stop(al.Budget(cost=16))


def test_the_store_of_before_opens(make: Any, data: Data) -> None:
    """A store without observations: the first look is the first."""
    loop = make()
    list(loop.run(al.Simulated(data[1]), 24, 8))
    assert loop.store.get("stopping") is None
    assert make().should_stop().reason == "0 of 3 pairs of fits have been compared."
    kept = make().store.get("stopping")
    assert json.dumps(kept)
    assert [one["fit"] for one in kept["seen"]] == [3]


def test_what_cannot_be_read_is_left_out() -> None:
    class Torn(Stage):
        def predict(self, samples: Sequence[Any]) -> al.Prediction:
            bad = {row: "torn" for row, sample in enumerate(samples) if sample == 3}
            if bad:
                raise UnreadableSampleError("one is torn", bad)
            return super().predict(samples)

    def says(samples: Sequence[Any]) -> al.Prediction:
        return al.Categorical([[0.9, 0.1]] * len(samples))

    loop = al.ActiveLoop(Torn(says, says), list(range(10)), strategy="random", progress=False)
    for row in range(2):
        loop.tell({str(row): "x"})
        loop.fit()
        loop.should_stop(al.ClassificationChange())
    assert loop.store.get("stopping")["seen"][1]["samples"] == 9


def test_made_up_progress_is_as_it_says() -> None:
    progress = make_progress(3)
    assert len(progress.rounds) == len(progress.observations) == 3

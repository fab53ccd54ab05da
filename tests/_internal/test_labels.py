"""A label is checked with its sample where the task takes one, and only there."""

from __future__ import annotations

import pytest

import altasks as al
from altasks._internal.labels import check_label
from altasks.errors import InvalidInputError, invalid


class Counting:
    """A label must have as many entries as its sample has words."""

    def predict(self, samples):
        raise AssertionError("not asked")

    def check_label(self, label, sample=None):
        if sample is not None and len(label) != len(sample):
            raise invalid("labels", f"{len(sample)} tags", f"{len(label)}")
        return list(label)


class Plain(Counting):
    def check_label(self, label):
        return label


def refuse():
    raise AssertionError("the sample was read")


def test_a_task_that_takes_no_sample_is_given_none():
    assert check_label(Plain(), "x", refuse) == "x"


def test_a_callable_without_a_signature_is_given_none():
    class InC:
        check_label = len

    assert check_label(InC(), "abc", refuse) == 3


def test_a_task_that_takes_the_sample_is_given_it():
    assert check_label(Counting(), ["O"], lambda: ["Ada"]) == ["O"]
    with pytest.raises(InvalidInputError, match="1 tags"):
        check_label(Counting(), ["O", "O"], lambda: ["Ada"])


@pytest.mark.parametrize("wrap", [lambda task: task, lambda task: al.Ensemble([task, Counting()])])
def test_the_loop_tells_nothing_that_does_not_fit_its_sample(wrap):
    loop = al.ActiveLoop(wrap(Counting()), {"a": ["Ada", "King"], "b": ["yes"]})
    with pytest.raises(InvalidInputError, match=r"labels \(id 'b'\): labels: expected 1 tags"):
        loop.tell({"a": ["O", "O"], "b": ["O", "O"]})
    assert loop.labels == {}
    assert loop.tell({"a": ["O", "O"], "b": ["O"]}) == 2


def test_the_loop_asks_other_tasks_as_ever():
    loop = al.ActiveLoop(Plain(), {"a": 1})
    assert loop.tell({"a": "x"}) == 1


def test_an_ensemble_of_plain_tasks_has_no_use_for_the_sample():
    ensemble = al.Ensemble([Plain(), Plain()])
    assert ensemble.check_label("x", sample=3) == "x"
    assert ensemble.check_label("x") == "x"

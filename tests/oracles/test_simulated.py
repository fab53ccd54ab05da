from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import altasks as al
from altasks.errors import InvalidInputError, UnknownNameError
from altasks.oracles import Oracle


def ask(*ids: str) -> al.Query:
    return al.Query(ids=list(ids), samples=[None] * len(ids), scores=[None] * len(ids), round=1)


def test_it_is_an_oracle_known_by_name() -> None:
    assert al.get_oracle("simulated") is al.Simulated
    assert isinstance(al.Simulated(["x"]), Oracle)


@pytest.mark.parametrize(
    "labels", [{"0": "a", "1": "b"}, ["a", "b"], ("a", "b"), np.array(["a", "b"])]
)
def test_it_answers(labels: Any) -> None:
    assert al.Simulated(labels).label(ask("1", "0")) == {"1": "b", "0": "a"}


def test_labels_are_json() -> None:
    assert al.Simulated(np.array([3, 4])).label(ask("1")) == {"1": 4}
    assert type(al.Simulated(np.array([3, 4])).label(ask("1"))["1"]) is int
    with pytest.raises(InvalidInputError, match="id 'a'"):
        al.Simulated({"a": {1, 2}})


def test_noise_is_even_and_sticks_to_the_id() -> None:
    right = {f"id-{i}": i % 4 for i in range(4000)}
    oracle = al.Simulated(right, noise=0.3)
    first = oracle.label(ask(*right))
    assert oracle.label(ask(*reversed(right))) == first
    assert al.Simulated(right, noise=0.3).label(ask("id-7")) == {"id-7": first["id-7"]}
    assert al.Simulated(right, noise=0.3, seed=1).label(ask(*right)) != first
    wrong = [name for name in right if first[name] != right[name]]
    # Standard deviation 29 of 1200; and of the three wrong answers each is as likely.
    assert abs(len(wrong) - 1200) < 150
    for shift in (1, 2, 3):
        share = sum((first[name] - right[name]) % 4 == shift for name in wrong) / len(wrong)
        assert abs(share - 1 / 3) < 0.08


def test_noise_one_is_always_wrong() -> None:
    right = {f"id-{i}": "ab"[i % 2] for i in range(50)}
    answers = al.Simulated(right, noise=1.0).label(ask(*right))
    assert all(answers[name] != right[name] for name in right)


def test_costs() -> None:
    labels = {"a": "x", "b": "yy"}
    assert al.Simulated(labels).cost_of(labels) == 0.0
    assert al.Simulated(labels, cost=1.5).cost_of(labels) == 3.0
    assert al.Simulated(labels, cost={"a": 1, "b": 4}).cost_of({"b": "yy"}) == 4.0
    assert al.Simulated(labels, cost=lambda _, label: len(label)).cost_of(labels) == 3.0


@pytest.mark.parametrize(
    ("labels", "options", "message"),
    [
        ([], {}, "labels"),
        ("abc", {}, "labels"),
        (["a", "b"], {"noise": 1.5}, "noise: expected a probability"),
        (["a", "a"], {"noise": 0.1}, "two different labels"),
    ],
)
def test_bad_input(labels: Any, options: Any, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        al.Simulated(labels, **options)


def test_an_unknown_id() -> None:
    with pytest.raises(UnknownNameError, match="holds 2 labels and none of 'c'"):
        al.Simulated({"a": 1, "b": 2}).label(ask("a", "c"))


def test_labels_without_an_order_and_missing_costs_are_refused():
    with pytest.raises(InvalidInputError, match="labels"):
        al.Simulated({"cat", "dog"})
    with pytest.raises(UnknownNameError, match=r"cost: .*'1'"):
        al.Simulated(["cat", "dog"], cost={"0": 2.0}).cost_of({"0": "cat", "1": "dog"})


def test_a_series_goes_by_the_ids_of_its_index_and_never_by_leftover_numbers() -> None:
    pandas = pytest.importorskip("pandas")
    right = {"a": "x", "b": "y"}
    assert al.Simulated(pandas.Series(["y", "x"], index=["b", "a"])).label(ask("a", "b")) == right
    assert al.Simulated(pandas.Series(["x", "y"])).label(ask("1")) == {"1": "y"}
    for index in ([1, 0], [10, 20], [0, 0], [0.5, 1.5]):  # sorted, cut or joined before
        with pytest.raises(InvalidInputError, match=r"index .*By position: labels\.tolist"):
            al.Simulated(pandas.Series(["x", "y"], index=index))
    with pytest.raises(InvalidInputError, match="'a' 2 times"):
        al.Simulated(pandas.Series(["x", "y"], index=["a", "a"]))
    with pytest.raises(InvalidInputError, match="one column, found a data frame"):
        al.Simulated(pandas.DataFrame({"label": ["x", "y"]}))
    costs = pandas.Series([2.0, 1.0], index=["b", "a"])
    assert al.Simulated(right, cost=costs).cost_of({"a": "x"}) == 1.0
    with pytest.raises(InvalidInputError, match="cost: expected a finite number"):
        al.Simulated(right, cost="2 euros")


@pytest.mark.parametrize("cost", [float("nan"), float("inf"), -1, "3", True, [1, "x"], {"a": None}])
def test_a_cost_is_a_number_of_at_least_0(cost):
    with pytest.raises(InvalidInputError, match="cost: expected"):
        al.Simulated({"a": 1}, cost=cost)

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import altasks as al
from altasks import strategies
from altasks._internal.jsonable import dumps
from altasks.loop.recipes import (
    committee_recipe,
    describe,
    function_recipe,
    same,
    strategy_recipe,
)
from altasks.loop.store.migrations import recipe_of_text
from altasks.registry import ACQUISITIONS, STRATEGIES

NEEDED = {"strategy": "top_k", "size": 7}


def made(name: str) -> Any:
    """Return a registered strategy, with values for the options that it can't do without."""
    kind = STRATEGIES.get(name)
    try:
        return kind()
    except TypeError:
        pass
    for options in ({"strategy": "top_k"}, NEEDED, {"target": lambda: np.eye(2)}):
        try:
            return kind(**options)
        except TypeError:
            continue
    raise AssertionError(name)


class Mine:
    """Somebody's own: one option under its name, one under another."""

    needs: frozenset[str] = frozenset()

    def __init__(self, width: float, rule: str = "a") -> None:
        self.width, self.kept_rule = width, rule

    def select(self, candidates: Any, n: int, *, rng: np.random.Generator) -> list[str]:
        del rng
        return list(candidates.ids[:n])


class Slotted:
    __slots__ = ("width",)
    needs: frozenset[str] = frozenset()

    def __init__(self, width: int) -> None:
        self.width = width

    def select(self, candidates: Any, n: int, *, rng: np.random.Generator) -> list[str]:
        del rng
        return list(candidates.ids[:n])


@pytest.mark.parametrize("name", STRATEGIES.names())
def test_every_strategy_is_recorded_by_its_name(name: str) -> None:
    recipe = strategy_recipe(made(name))
    assert recipe["name"] == name
    assert json.loads(dumps(recipe)) == recipe
    assert "altasks" not in dumps(recipe)
    assert same(json.loads(dumps(recipe)), strategy_recipe(made(name)))
    assert not {"needs", "reads_scores"} & set(recipe["options"])


@pytest.mark.parametrize("name", ACQUISITIONS.names())
def test_every_function_is_recorded_alike_by_name_and_by_reference(name: str) -> None:
    assert function_recipe(name) == function_recipe(ACQUISITIONS.get(name))
    assert function_recipe(name)["name"] == name


def test_options_tell_recipes_apart() -> None:
    alike = [strategies.Power(2), strategies.Power(beta=2.0)]
    others = [strategies.Power(3), strategies.Softmax(2), strategies.Hybrid("power", 2)]
    recipes = [strategy_recipe(one) for one in (*alike, *others)]
    for row, one in enumerate(recipes):
        for column, other in enumerate(recipes):
            assert same(one, other) == (row == column or {row, column} == {0, 1})
    inner = [strategies.Hybrid(strategies.Power(beta)) for beta in (1, 2)]
    assert not same(*map(strategy_recipe, inner))
    assert not same(
        strategy_recipe(strategies.Hybrid("top_k", math.inf)),
        strategy_recipe(strategies.Hybrid("top_k", 10)),
    )


def test_an_option_that_a_class_gained_counts_as_its_default() -> None:
    now = strategy_recipe(strategies.Subsampled("top_k", 5))
    before = json.loads(dumps(now))
    del before["options"]["search"]
    assert same(before, now)
    assert not same(before, strategy_recipe(strategies.Subsampled("top_k", 5, search="faiss")))


def test_a_name_that_was_registered_later() -> None:
    before = strategy_recipe(Mine(2))
    assert "name" not in before
    assert same(before, {**before, "name": "mine"})
    assert not same({**before, "name": "theirs"}, {**before, "name": "mine"})
    assert not same(before, {**before, "object": "Yours"})


def test_somebodys_own_class() -> None:
    assert strategy_recipe(Mine(2, "b"))["options"] == {"width": 2, "kept_rule": "b"}
    assert strategy_recipe(Slotted(3))["options"] == {"width": 3}
    assert not same(strategy_recipe(Slotted(3)), strategy_recipe(Slotted(4)))


def test_long_options_and_objects() -> None:
    long = [strategy_recipe(Mine(np.arange(n))) for n in (200, 200, 201)]  # type: ignore[arg-type]
    assert same(long[0], long[1])
    assert not same(long[0], long[2])
    assert len(dumps(long[0])) < 200
    objects = [strategy_recipe(Mine(object())) for _ in range(2)]  # type: ignore[arg-type]
    assert same(*objects)


def make_score(threshold: float) -> Callable[[Any], torch.Tensor]:
    def score(prediction: Any) -> torch.Tensor:
        return prediction.probs.amax(-1) - threshold

    return score


class Scorer:
    def __init__(self, threshold: float) -> None:
        self.threshold = threshold

    def __call__(self, prediction: Any) -> torch.Tensor:
        return prediction.probs.amax(-1) - self.threshold

    def score(self, prediction: Any) -> torch.Tensor:
        return self(prediction)


@pytest.mark.parametrize(
    "make",
    [
        make_score,
        Scorer,
        lambda t: functools.partial(al.mnlp, t),
        lambda t: functools.partial(al.mnlp, weight=t),
        lambda t: lambda prediction: prediction.probs.amax(-1) - t,
    ],
)
def test_what_a_function_takes_along_tells_it_apart(make: Any) -> None:
    assert same(function_recipe(make(0.5)), function_recipe(make(0.5)))
    assert not same(function_recipe(make(0.5)), function_recipe(make(0.25)))


def test_committees() -> None:
    assert describe(committee_recipe(None)) == "none()"
    ten, twenty = (committee_recipe(al.MCDropout(n)) for n in (10, 20))
    assert not same(ten, twenty)
    assert same(ten, committee_recipe(al.MCDropout(10)))
    assert committee_recipe(5) is None  # a task's own way to say how many


@pytest.mark.parametrize(
    ("text", "now"),
    [
        ("altasks.strategies.power.Power(beta=2.0)", strategies.Power(2)),
        (
            "altasks.strategies.hybrid.Hybrid(beta=float, needs=frozenset, "
            "strategy=altasks.strategies.k_center.KCenter())",
            strategies.Hybrid("k_center", math.inf),
        ),
        ('__main__.Mine(kept_rule="a, (b)=c", width=2)', Mine(2, "a, (b)=c")),
        ("tests.somewhere.make.<locals>.Mine(kept_rule=[1,2], width=null)", Mine(None, [1, 2])),  # type: ignore[arg-type]
        ("theirs.Mine(kept_rule=function, width=0123456789abcdef)", None),
    ],
)
def test_the_text_of_version_1(text: str, now: Any) -> None:
    recipe = recipe_of_text(text)
    assert recipe["migrated"] is True
    assert "__main__" not in dumps(recipe)
    if now is None:
        assert recipe["options"]["width"] == {"digest": "0123456789abcdef"}
        assert same(recipe, {"object": "Mine", "options": {**recipe["options"], "kept_rule": {}}})
    elif "<locals>" in text:
        assert recipe["object"] == "make.<locals>.Mine"
        assert same(recipe, strategy_recipe(now))
    else:
        assert same(recipe, strategy_recipe(now))
        assert not same(recipe, strategy_recipe(strategies.Random()))


@pytest.mark.parametrize("text", ["", "Power", "Power(beta", "Power(beta=)", "Power(=2)", "P(a=1"])
def test_a_text_that_is_none_stays(text: str) -> None:
    assert recipe_of_text(text) == text


def test_old_options_are_compared() -> None:
    old = recipe_of_text("altasks.strategies.power.Power(beta=2.0)")
    assert not same(old, strategy_recipe(strategies.Power(3)))
    old = recipe_of_text("entropy(class_weights=[1.0,2.0])")
    assert same(old, function_recipe(al.entropy, {"class_weights": [1, 2]}))
    assert not same(old, function_recipe(al.entropy, {"class_weights": [1, 3]}))
    assert not same(old, function_recipe(al.entropy))
    assert same(recipe_of_text("bald()"), function_recipe("bald"))

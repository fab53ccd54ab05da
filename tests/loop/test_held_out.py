"""What a loop tells of the labelled samples, and herding with every kind of prediction."""

from __future__ import annotations

from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

import altasks as al
from altasks.strategies import Candidates


class Looks:
    """Keeps the candidates that it is given."""

    needs: ClassVar[frozenset[str]] = al.UncertaintyHerding.needs
    wants: ClassVar[frozenset[str]] = al.UncertaintyHerding.wants

    def __init__(self) -> None:
        self.seen: list[Candidates] = []

    def select(self, candidates: Candidates, n: int, *, rng: np.random.Generator) -> list[str]:
        self.seen.append(candidates)
        return list(candidates.ids[:n])


class Vectors:
    """A task over vectors whose predictions are made by a function; labels may be anything."""

    default_acquisition = "entropy"

    def __init__(self, predict: Any) -> None:
        self.predict = predict

    def embed(self, samples: Any) -> torch.Tensor:
        return torch.as_tensor(np.asarray(samples, dtype=np.float32))


def softmax(samples: Any) -> al.Categorical:
    return al.Categorical.from_logits(torch.as_tensor(np.asarray(samples)))


def points(n: int = 80, width: int = 3) -> dict[str, list[float]]:
    rng = np.random.default_rng(0)
    rows = 2 * np.eye(width)[rng.integers(0, width, n)] + rng.normal(size=(n, width))
    return {f"s{row:02d}": values.tolist() for row, values in enumerate(rows)}


def looked(predict: Any, labels: dict[str, Any], **options: Any) -> Candidates:
    strategy = Looks()
    loop = al.ActiveLoop(Vectors(predict), points(), strategy=strategy, progress=False, **options)
    loop.tell(labels)
    loop.ask(4)
    return strategy.seen[0]


def test_folds_of_the_labelled_samples_are_held_out() -> None:
    pool = points()
    labels = {name: "abc"[int(np.argmax(pool[name]))] for name in list(pool)[:40]}
    found = looked(softmax, labels)
    assert found.mean_probs is not None
    probs, right = np.asarray(found.held_out_probs), np.asarray(found.held_out_labels)
    assert probs.shape == (40, 3)
    np.testing.assert_allclose(probs.sum(1), 1)
    assert sorted(right.tolist()) == sorted("abc".index(label) for label in labels.values())
    # They were not seen, and still most are told apart.
    assert (probs.argmax(1) == right).mean() > 0.7
    # The labels decide, not their order or the store.
    again = looked(softmax, dict(reversed(labels.items())))
    np.testing.assert_array_equal(probs, np.asarray(again.held_out_probs))


def test_labels_that_say_nothing_of_a_sample_are_not_learned_from() -> None:
    """A sample's own label is not among those its prediction was fitted to."""
    rng = np.random.default_rng(1)
    pool = points()
    labels = {name: "ab"[int(rng.integers(2))] for name in list(pool)[:60]}
    found = looked(softmax, labels)
    probs = np.asarray(found.held_out_probs)
    right = np.asarray(found.held_out_labels)
    assert (probs.argmax(1) == right).mean() < 0.75


@pytest.mark.parametrize("seen", [0, 1, 2, 3])
def test_few_labels(seen: int) -> None:
    labels = {f"s{row:02d}": row % 2 for row in range(seen)}
    found = looked(softmax, labels)
    assert (found.held_out_probs is None) == (seen < 2)
    if seen >= 2:
        assert np.isfinite(np.asarray(found.held_out_probs)).all()


KINDS: dict[str, tuple[Any, Any, str]] = {
    "several labels": (
        lambda samples: al.Bernoulli(1 / (1 + np.exp(-np.asarray(samples)))),
        ["a", "b"],
        "entropy",
    ),
    "numbers": (
        lambda samples: al.Normal(
            np.asarray(samples)[:, None, :1], np.square(samples)[:, None, 1:2] + 0.1
        ),
        1.5,
        "variance",
    ),
    "words": (
        lambda samples: al.Ragged(
            al.Categorical.from_logits(np.repeat(np.asarray(samples), 2, 0)),
            [2] * len(samples),
        ),
        ["O", "B-PER"],
        "mnlp",
    ),
    "one label": (softmax, "a", "entropy"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_prediction(kind: str) -> None:
    """U is the margin where there is one distribution, and else the score."""
    predict, label, acquisition = KINDS[kind]
    pool = points()
    looking = looked(predict, {"s00": label, "s01": label}, acquisition=acquisition)
    assert (looking.mean_probs is None) == (kind in ("numbers", "words"))
    assert looking.held_out_probs is None  # one class, or no class at all
    task = Vectors(predict)
    picked = {}
    for uncertainty in ("margin", "score"):
        loop = al.ActiveLoop(
            task,
            pool,
            strategy=al.UncertaintyHerding(uncertainty=uncertainty, radius=0.2),
            acquisition=acquisition,
            progress=False,
        )
        loop.tell({"s00": label, "s01": label})
        picked[uncertainty] = loop.ask(10).ids
        assert len(set(picked[uncertainty])) == 10
    assert (picked["margin"] == picked["score"]) == (kind != "one label")


def test_in_a_loop_that_fits(worker: ModuleType, data: Any) -> None:
    samples, labels = data
    loop = al.ActiveLoop(
        worker.VectorTask(),
        samples,
        strategy="uncertainty_herding",
        cold_start="max_herding",
        progress=False,
    )
    rounds = list(
        loop.run(
            al.Simulated(labels),
            budget=30,
            batch=10,
            test=(list(samples.values()), list(labels.values())),
        )
    )
    assert [len(one.ids) for one in rounds if one.ids] == [10, 10, 10]


@pytest.mark.parametrize("strategy", ["uncertainty_herding", "max_herding"])
def test_budgets(worker: ModuleType, data: Any, strategy: str) -> None:
    """Gain per cost buys more and cheaper samples, also for a strategy that reads no scores."""
    samples, labels = data
    asked = {}
    for per_cost in (False, True):
        loop = al.ActiveLoop(
            worker.VectorTask(),
            samples,
            strategy=strategy,
            progress=False,
            costs=lambda sample: 1 + 5 * abs(sample[0]),
        )
        loop.tell(dict(list(labels.items())[:12]))
        loop.fit()
        query = loop.ask(cost=40, per_cost=per_cost)
        assert query.cost is not None
        assert query.cost <= 40
        asked[per_cost] = query.ids
    assert len(asked[True]) > len(asked[False])

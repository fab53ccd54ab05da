"""Asking without a model: from embeddings alone, by hand and through the loop."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import altasks as al

CLASSES = 12


@pytest.fixture
def blobs() -> tuple[np.ndarray, np.ndarray]:
    """Twelve classes of very different sizes, `[N, 6]` and `[N]`."""
    rng = np.random.default_rng(0)
    sizes = np.linspace(10, 120, CLASSES).astype(int)
    truth = np.repeat(np.arange(CLASSES), sizes)
    points = rng.normal(0, 12, (CLASSES, 6))[truth] + rng.normal(0, 1, (len(truth), 6))
    order = rng.permutation(len(truth))
    return points[order].astype(np.float32), truth[order]


class NearestMean:
    """A softmax over minus the distances to the means of the classes."""

    default_acquisition = "margin"

    def __init__(self) -> None:
        self.means = torch.zeros(CLASSES, 6)
        self.predicted = 0

    def embed(self, samples: Any) -> torch.Tensor:
        return torch.tensor(samples, dtype=torch.float32)

    def predict(self, samples: Any) -> al.Prediction:
        self.predicted += len(samples)
        return al.Categorical.from_logits(-torch.cdist(self.embed(samples), self.means))

    def fit(self, samples: Any, labels: Any, *, seed: int, **_: Any) -> None:
        x, y = self.embed(samples), torch.tensor(labels)
        self.means = torch.stack(
            [x[y == c].mean(0) if (y == c).any() else self.means[c] for c in range(CLASSES)]
        )


@pytest.mark.parametrize("name", ["typiclust", "prob_cover", "k_center"])
def test_finds_more_classes_than_chance(name: str, blobs: tuple[np.ndarray, np.ndarray]) -> None:
    points, truth = blobs
    none = np.empty((0, 6), np.float32)
    candidates = al.Candidates(
        [str(i) for i in range(len(points))],
        np.zeros(len(points)),
        embeddings=points,
        labelled_embeddings=none,
        pending_embeddings=none,
    )

    def found(strategy: al.Strategy) -> float:
        counts = [
            len({truth[int(p)] for p in strategy.select(candidates, CLASSES, rng=rng)})
            for rng in map(np.random.default_rng, range(10))
        ]
        return float(np.mean(counts))

    assert found(al.get_strategy(name)()) > found(al.Random()) + 2


def test_through_the_loop(blobs: tuple[np.ndarray, np.ndarray]) -> None:
    points, truth = blobs
    pool = [row.tolist() for row in points]
    task = NearestMean()
    loop = al.ActiveLoop(task, pool, strategy="top_k", cold_start=al.TypiClust(), seed=1)
    first = loop.ask(6)
    second = loop.ask(6)  # nothing answered: what was asked is covered all the same
    both = [*first.ids, *second.ids]
    assert len(set(both)) == 12
    assert len({truth[int(name)] for name in both}) >= 11
    loop.tell({name: int(truth[int(name)]) for name in both})
    loop.fit()
    before = task.predicted
    assert len(loop.ask(5).ids) == 5
    assert task.predicted > before  # scored by the model from now on

"""The strategies that look at gradients where they are used: in a loop, and against chance."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import altasks as al


class Layer:
    """A task over vectors: one softmax layer, trained by gradient descent with a ridge."""

    default_acquisition = "expected_gradient_length"

    def __init__(self, width, classes):
        self.weights = torch.zeros(classes, width + 1).double()

    def _inputs(self, samples):
        inputs = torch.tensor(samples).double()
        return torch.cat((inputs, torch.ones(len(inputs), 1)), 1)

    def embed(self, samples):
        return self._inputs(samples)[:, :-1]

    def predict(self, samples):
        inputs = self._inputs(samples)
        return al.Categorical.from_logits(inputs @ self.weights.T, features=inputs[:, :-1])

    def fit(self, samples, labels, *, seed, **_):
        inputs = self._inputs(samples)
        targets = torch.nn.functional.one_hot(torch.tensor(labels), len(self.weights))
        weights = torch.zeros_like(self.weights)
        for _ in range(300):
            probs = torch.softmax(inputs @ weights.T, 1)
            weights -= 0.5 * ((probs - targets).T @ inputs / len(inputs) + 1e-3 * weights)
        self.weights = weights


def points(seed, count=90):
    rng = np.random.default_rng(seed)
    truth = rng.integers(3, size=count)
    centres = np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 3.0]])
    return (rng.normal(size=(count, 2)) + centres[truth]).tolist(), truth


@pytest.mark.parametrize(
    "strategy",
    [
        "top_k",
        "variance_reduction",
        al.VarianceReduction("regression"),
        "expected_error_reduction",
        al.ExpectedErrorReduction("refit"),
        "fisher_matching",
    ],
    ids=["length", "variance", "regression", "step", "refit", "matching"],
)
def test_three_rounds(strategy):
    samples, truth = points(0)
    task = Layer(2, 3)
    if strategy == "fisher_matching":
        theirs, labels = points(1, 20)

        def target():
            prediction = task.predict(theirs)
            return prediction.features, prediction.mean_probs, labels

        strategy = al.FisherMatching(target)
    loop = al.ActiveLoop(task, samples, strategy=strategy)
    for _ in range(3):
        query = loop.ask(6)
        assert len(set(query.ids)) == 6
        loop.tell({name: int(truth[int(name)]) for name in query.ids})
        loop.fit()
    right = task.predict(samples).mean_probs.argmax(1).numpy() == truth
    assert right.mean() > 0.8


def learning_curve(strategy, data, labels, seed):
    """Mean accuracy over eight rounds of ten labels, with scikit-learn's logistic regression."""
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(seed)
    order = rng.permutation(len(data))
    test, known, pool = order[:500], order[500:520], order[520:]
    found = []
    for _ in range(9):
        model = LogisticRegression(max_iter=500).fit(data[known], labels[known])
        found.append(model.score(data[test], labels[test]))
        probs = np.full((len(pool), 10), 1e-9)
        probs[:, model.classes_] = model.predict_proba(data[pool])
        fields = {
            "embeddings": data[pool],
            "mean_probs": probs / probs.sum(1, keepdims=True),
            "labelled_embeddings": data[known],
            "pending_embeddings": data[:0],
        }
        fields = {name: fields[name] for name in strategy.needs}
        candidates = al.Candidates([str(row) for row in pool], np.zeros(len(pool)), **fields)
        picks = [int(name) for name in strategy.select(candidates, 10, rng=rng)]
        known, pool = np.append(known, picks), np.setdiff1d(pool, picks)
    return float(np.mean(found))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("strategy", "margin"),
    [(al.VarianceReduction("trace"), 0.04), (al.ExpectedErrorReduction(sample=128), 0.02)],
    ids=["variance", "error"],
)
def test_digits_are_learned_from_fewer_labels(strategy, margin):
    """Better than chance on every split, by far more than the splits differ."""
    datasets = pytest.importorskip("sklearn.datasets")
    data, labels = datasets.load_digits(return_X_y=True)
    gains = [
        learning_curve(strategy, data / 16, labels, seed)
        - learning_curve(al.Random(), data / 16, labels, seed)
        for seed in range(3)
    ]
    assert min(gains) > 0, gains
    assert np.mean(gains) > margin, gains

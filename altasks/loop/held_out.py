"""What a model that was not trained on a labelled sample says of it, without training one anew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from altasks._internal.lbfgs import minimum
from altasks.strategies import id_hashes

#: The fields of `Candidates` that are made here.
HELD_OUT = frozenset({"held_out_probs", "held_out_labels"})
#: Parts that are left out in turn.
FOLDS = 5
#: Of more labelled samples, so many are drawn: a temperature is one number.
MOST = 2_000
#: The inverse of the regularisation, as scikit-learn counts it.
STRENGTH = 10.0


def are_classes(labels: Sequence[Any]) -> bool:
    """Return whether labels name one class each, and at least two in all.

    Example:
        >>> are_classes(["a", "b", "a"]), are_classes([["a"], ["b"]]), are_classes(["a", "a"])
        (True, False, False)
    """
    return all(isinstance(label, str | int) for label in labels) and len(set(labels)) > 1


def held_out(
    embeddings: Any,
    labels: Sequence[Any],
    ids: Sequence[str],
    mean_probs: np.ndarray,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the probabilities that a refitted last layer gives samples it has not seen.

    A multinomial logistic regression on the embeddings, scaled to length 1, is fitted to four of
    five folds and read on the fifth; folds are dealt class by class in the order of the seeded
    hash. How sure a regression is of itself depends on its regularisation, and tells nothing of the
    task's model. So its probabilities are sharpened or flattened, by one exponent for all, until
    the best class has on average the probability that it has on the candidates under the task's
    model: what is right then and what isn't shows whether that model is over-sure.

    The embeddings may come from a network that was trained on these labels: then they tell classes
    apart better than those of new samples will, and the model passes for surer than it may be.

    Args:
        embeddings: `[L, d]`.
        labels: L classes, see `are_classes`.
        ids: of the samples.
        mean_probs: `[N, C]`, what the task's model says of the candidates.
        rng: salts the hash.

    Returns:
        `[H, B]` probabilities of the B classes that occur, and `[H]` the column that is right; H is
        L, or 2,000 drawn ones.
    """
    names = sorted(set(labels), key=lambda label: (str(type(label)), label))
    column = {name: place for place, name in enumerate(names)}
    order = np.argsort(id_hashes(ids, rng), kind="stable")[:MOST]
    right = np.array([column[labels[row]] for row in order.tolist()])
    order, right = order[by_class := np.argsort(right, kind="stable")], right[by_class]
    rows = torch.from_numpy(np.asarray(embeddings)[order].astype(np.float64))
    rows = torch.nn.functional.normalize(rows)
    rows = torch.cat([rows, torch.ones(len(rows), 1, dtype=rows.dtype)], 1)
    target = torch.from_numpy(np.eye(len(names))[right])
    logs = torch.empty_like(target)
    fold = np.arange(len(rows)) % FOLDS
    for left_out in range(FOLDS):
        inside, outside = torch.from_numpy(fold != left_out), torch.from_numpy(fold == left_out)
        weights = _fitted(rows[inside], target[inside])
        logs[outside] = torch.log_softmax(rows[outside] @ weights, 1)
    sure = float(np.mean(np.max(mean_probs, 1)))
    return torch.softmax(logs * _exponent(logs, sure), 1).numpy(), right


def _exponent(logs: Tensor, sure: float) -> float:
    """Return the power of exp(logs) whose largest entries are `sure` on average, up to 1,000."""
    low, high = -3.0, 3.0  # of its logarithm to base 10
    for _ in range(40):
        middle = (low + high) / 2
        if float(torch.softmax(logs * 10**middle, 1).amax(1).mean()) < sure:
            low = middle
        else:
            high = middle
    return float(10 ** ((low + high) / 2))


def _fitted(rows: Tensor, target: Tensor) -> Tensor:
    """Return the weights `[d, B]` of a regression; the last row is the bias, not regularised."""
    shape = (rows.shape[1], target.shape[1])

    def loss(flat: Tensor) -> tuple[float, Tensor]:
        weights = flat.view(shape)
        logs = torch.log_softmax(rows @ weights, 1)
        slope = rows.T @ (logs.exp() - target)
        slope[:-1] += weights[:-1] / STRENGTH
        value = weights[:-1].square().sum() / (2 * STRENGTH) - (target * logs).sum()
        return float(value), slope.flatten()

    start = torch.zeros(shape[0] * shape[1], dtype=rows.dtype)
    return minimum(loss, start, tolerance=1e-3).view(shape)

"""Gradients of a model's last layer, from its inputs and outputs alone.

The embeddings h are taken to be the input of a linear last layer, with a bias or without, and the
probabilities to be the softmax (or, for independent labels, the sigmoid) of its output.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from altasks.errors import invalid
from altasks.strategies._arrays import BLOCK, blocks, read_finite
from altasks.strategies.base import Candidates

#: How far a row may be from summing to 1: what rounding to bfloat16 can do.
SUMS_TO_ONE = 1e-2

#: Of more candidates, so many drawn ones may be picked: each costs dozens of numbers of memory.
CONSIDERED = 100_000

#: Probabilities below are taken for this much where their logarithm is read.
LEAST = 1e-30


def considered(order: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows that may be picked, and the others: `CONSIDERED` drawn ones, at least 2 n.

    A greedy algorithm that looks at a drawn part of the candidates loses little (Mirzasoleiman et
    al. 2015, "Lazier than lazy greedy"): that none of the best hundred of a million is among
    100,000 drawn ones has a probability of 0.9^100 = 3e-5.

    Args:
        order: all rows, in the order of a hash.
        n: how many will be picked.
    """
    few, rest = np.split(order, [max(CONSIDERED, 2 * n)])
    return few, rest


def blocks_of(
    candidates: Candidates, rows: np.ndarray, *, bias: bool, probs: bool
) -> Iterator[tuple[Tensor, Tensor | None, np.ndarray]]:
    """Yield inputs, probabilities (None unless wanted) and rows, a block of `rows` at a time."""
    assert candidates.embeddings is not None
    for part in blocks(len(rows), candidates.embeddings.shape[1], BLOCK // 4):
        some, ids = rows[part], candidates.ids
        inputs = read_inputs(candidates.embeddings, some, ids, "embeddings", bias=bias)
        found = read_probs(candidates.mean_probs, some, ids, inputs) if probs else None
        yield inputs, found, some


def read_inputs(
    array: Any, rows: np.ndarray | None, ids: Sequence[str] | None, name: str, *, bias: bool
) -> Tensor:
    """Return `[rows, d]`, or `[rows, d + 1]` with a last column of ones, in float64.

    Raises:
        InvalidInputError: naming the first row that isn't finite.
    """
    values = read_finite(array, rows, ids, name).to(torch.float64)
    if not bias:
        return values
    return torch.cat((values, values.new_ones(len(values), 1)), 1)


def read_probs(array: Any, rows: np.ndarray, ids: Sequence[str], like: Tensor) -> Tensor:
    """Return the probabilities `[rows, C]` in float64, on the device of `like`.

    Raises:
        InvalidInputError: naming the first row with a value outside [0, 1].
    """
    probs = read_finite(array, rows, ids, "mean_probs").to(like.device, torch.float64)
    if probs.numel() and not (float(probs.min()) >= 0 and float(probs.max()) <= 1 + SUMS_TO_ONE):
        wrong = ((probs < 0) | (probs > 1 + SUMS_TO_ONE)).any(1)
        place = int(wrong.nonzero()[0])
        raise invalid(
            "candidates.mean_probs",
            "probabilities in [0, 1]",
            f"{probs[place].min():.4g} to {probs[place].max():.4g}",
            where=f"id {ids[int(rows[place])]!r}",
        )
    return probs.clamp_(max=1)


def exclusive(probs: Tensor) -> bool:
    """Return whether the probabilities are of exclusive classes: every row sums to 1."""
    return bool(((probs.sum(1) - 1).abs() <= SUMS_TO_ONE).all())


def require_exclusive(probs: Tensor, rows: np.ndarray, ids: Sequence[str], hint: str) -> None:
    """Raise `InvalidInputError` naming the first row that doesn't sum to 1."""
    off = (probs.sum(1) - 1).abs() > SUMS_TO_ONE
    if bool(off.any()):
        place = int(off.nonzero()[0])
        raise invalid(
            "candidates.mean_probs",
            "rows that sum to 1 (exclusive classes)",
            f"a sum of {float(probs[place].sum()):.4g}",
            where=f"id {ids[int(rows[place])]!r}",
            hint=hint,
        )


def spread(probs: Tensor) -> Tensor:
    """Return sum_c p_c (1 - p_c), `[N]`: the trace of the covariance of the label."""
    return (probs * (1 - probs)).sum(1)


def extend(inputs: Tensor, probs: Tensor, others: Tensor) -> Tensor:
    """Return the probabilities that the last layer gives other inputs, `[L, C]`.

    The layer is read off the pool: its outputs, up to a constant that softmax doesn't see, are the
    logarithms of the probabilities, and linear in the inputs. Weighted least squares solves for it,
    uncertain rows first. Exact where the inputs are the layer's own and the pool spans them; for an
    average of several models, or for embeddings from elsewhere, the best such fit.

    Args:
        inputs: `[N, D]`.
        probs: `[N, C]` of these.
        others: `[L, D]`.
    """
    if not len(inputs) or not len(others):
        return others.new_full((len(others), probs.shape[1]), 1 / probs.shape[1])
    # A part will do: rows come in a drawn order.
    some = slice(max(5_000, 10 * inputs.shape[1]))
    outputs = others @ read_layer(inputs[some], probs[some])
    return torch.softmax(outputs, 1) if exclusive(probs[some]) else torch.sigmoid(outputs)


def read_layer(inputs: Tensor, probs: Tensor) -> Tensor:
    """Return the weights `[D, C]` of the last layer, read off its inputs and what it made of them.

    Of exclusive classes up to what softmax doesn't see: the outputs of a row add up to 0.

    Args:
        inputs: `[N, D]`, a last column of ones if the layer has a bias.
        probs: `[N, C]` of these.
    """
    # A 0 is a number too small for the type that it came in.
    least = max(LEAST, min(1e-6, float(probs.where(probs > 0, torch.ones_like(probs)).min())))
    outputs = probs.clamp_min(least).log()
    # Certain rows, whose logarithms are rounded most and matter least, weigh next to nothing.
    if exclusive(probs):
        outputs -= outputs.mean(1, keepdim=True)
        return _fitted(inputs, outputs, spread(probs))
    outputs -= (1 - probs).clamp_min(least).log()
    layers = [
        _fitted(inputs, outputs[:, [c]], probs[:, c] * (1 - probs[:, c]))
        for c in range(probs.shape[1])
    ]
    return torch.cat(layers, 1)


def _fitted(inputs: Tensor, outputs: Tensor, weights: Tensor) -> Tensor:
    """Return the solution `[D, q]` of weighted least squares, the shortest where many fit."""
    weighted = inputs * weights.clamp(min=1e-12)[:, None]
    gram = weighted.T @ inputs
    gram.diagonal().add_(1e-10 * float(gram.trace()) / len(gram) or 1.0)
    return torch.cholesky_solve(weighted.T @ outputs, torch.linalg.cholesky(gram))

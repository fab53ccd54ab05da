"""Unit scores from big tensors: pieces that stay in cache, any stride, float32 or better."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from altasks._internal.chunks import Piece, pieces
from altasks._internal.tensor_checks import as_float_tensor, first_bad, working_dtype
from altasks.acquisition._declare import units_of
from altasks.acquisition._reduce import Reduce, check_reduction, reduce_units
from altasks.errors import invalid
from altasks.predictions import Bernoulli, Categorical, Normal, Prediction

#: How the scores of independent labels become the unit's score.
LabelReduction = Literal["mean", "sum", "max"]

#: A weight per class.
Weights = Sequence[float] | Tensor

#: (probabilities, the dim of the members, the dim of the classes) -> scores; both dims are kept,
#: with size 1. The other dims may be anything, in any order: each row is scored on its own.
ClassKernel = Callable[[Tensor, int, int], Tensor]

#: (means, variances, the dim of the members) -> scores; the dim is kept, with size 1.
TargetKernel = Callable[[Tensor, Tensor, int], Tensor]


def read_classes(
    kernel: ClassKernel,
    prediction: Prediction,
    *,
    labels: LabelReduction = "mean",
    reduce: Reduce = "mean",
    k: int = 10,
    class_weights: Weights | None = None,
    empty: float = 0.0,
) -> Tensor:
    """Return the scores of a `Categorical` or `Bernoulli`, or of a `Ragged` of one."""
    check_reduction(reduce, k, empty)
    if labels not in get_args(LabelReduction):
        raise invalid("labels", "'mean', 'sum' or 'max'", f"{labels!r}")
    units = units_of(prediction)
    assert isinstance(units, Categorical | Bernoulli)
    probs = units.probs  # M x K x C
    pairs = isinstance(units, Bernoulli)
    weights = None if class_weights is None else as_weights(class_weights, probs)
    scores = torch.empty(len(probs), dtype=working_dtype(probs.dtype), device=probs.device)
    limit = torch.finfo(scores.dtype).max
    for raw in pieces(probs, copies=2 if pairs else 1):
        piece = raw._replace(values=raw.values.to(scores.dtype))
        if pairs:
            found = _score_labels(kernel, piece, labels)
        else:
            found = kernel(piece.values, piece.members, piece.last).flatten()
        if weights is not None:
            found = (found * weights[_predicted(piece, len(weights))]).clamp_(max=limit)
        scores[piece.start : piece.start + len(found)] = found
    return reduce_units(scores, prediction, reduce=reduce, k=k, empty=empty)


def _score_labels(kernel: ClassKernel, piece: Piece, labels: LabelReduction) -> Tensor:
    # The pair (p, 1 - p) is the outermost dim, so that each half keeps the layout of the whole.
    pair = torch.stack((piece.values, 1 - piece.values))
    scores = kernel(pair, piece.members + 1, 0)
    scores = scores.select(piece.members + 1, 0).select(0, 0)  # rows and labels, in memory order
    dim = 0 if piece.last < piece.rows else 1
    if labels == "max":
        return scores.amax(dim)
    return scores.sum(dim) if labels == "sum" else scores.mean(dim)


def _predicted(piece: Piece, classes: int) -> Tensor:
    """Return the class of each row with the largest averaged probability among the first few."""
    average = piece.values.narrow(piece.last, 0, classes).sum(piece.members, keepdim=True)
    return average.argmax(piece.last).flatten()


def as_weights(class_weights: Any, probs: Tensor) -> Tensor:
    weights = as_float_tensor(class_weights, "class_weights")
    classes = probs.shape[2]
    if weights.ndim != 1 or len(weights) not in {max(1, classes - 1), classes}:
        raise invalid(
            "class_weights",
            f"a weight for each of the {classes} classes, or for all but a last one (background)",
            f"shape {list(weights.shape)}",
        )
    wrong = ~(torch.isfinite(weights) & (weights >= 0))
    if bool(wrong.any()):
        (index,) = first_bad(wrong)
        raise invalid(
            "class_weights",
            "finite weights of at least 0",
            f"{float(weights[index])}",
            where=f"class {index}",
        )
    return weights.to(probs.device, working_dtype(probs.dtype))


def read_targets(
    kernel: TargetKernel,
    prediction: Prediction,
    *,
    reduce: Reduce = "mean",
    k: int = 10,
    empty: float = 0.0,
) -> Tensor:
    """Return the scores of a `Normal`, or of a `Ragged` of one: averages over targets.

    Each target is standardised first where the prediction has a `scale`.
    """
    return read_raw_targets(kernel, prediction, reduce=reduce, k=k, empty=empty, standardise=True)


def read_raw_targets(
    kernel: TargetKernel,
    prediction: Prediction,
    *,
    reduce: Reduce,
    k: int,
    empty: float,
    standardise: bool = False,
) -> Tensor:
    """Return the same of targets in their own units, unless told to standardise them."""
    check_reduction(reduce, k, empty)
    units = units_of(prediction)
    assert isinstance(units, Normal)
    device = units.mean.device
    # Squares of float32 can leave its range, and there are few targets: float64 costs little.
    work = torch.float32 if device.type == "mps" else torch.float64
    scores = torch.empty(len(units), dtype=working_dtype(units.mean.dtype), device=device)
    limit = torch.finfo(scores.dtype).max
    for piece in pieces(units.mean, copies=8):
        mean = piece.values.to(work)
        variance = piece.like(units.variance).to(work)
        if standardise and units.scale is not None:
            shape = [1, 1, 1]
            shape[piece.last] = -1
            scale = units.scale.to(device, work).reshape(shape)
            mean = mean / scale
            variance = variance / scale / scale  # twice: a tiny scale, squared, would be 0
        found = kernel(mean, variance, piece.members).mean(piece.last, keepdim=True).flatten()
        # Only squares beyond the range of the type get here: the largest score there is.
        found = torch.nan_to_num(found, nan=limit, posinf=limit).clamp_(max=limit)
        scores[piece.start : piece.start + len(found)] = found.to(scores.dtype)
    return reduce_units(scores, prediction, reduce=reduce, k=k, empty=empty)

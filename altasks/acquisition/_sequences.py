"""Each member's whole output for a sample: the tags of its words, side by side."""

from __future__ import annotations

import torch
from torch import Tensor

from altasks._internal.chunks import pieces
from altasks.predictions import Categorical, Prediction, Ragged


def best_classes(units: Categorical) -> Tensor:
    """Return each member's class of each unit, `[M, K]`; of tied classes the one of lowest index.

    The lowest index is what a tagger that takes the argmax would have predicted.
    """
    probs = units.probs  # M x K x C
    best = torch.empty(probs.shape[:2], dtype=torch.int64, device=probs.device)
    for piece in pieces(probs):
        found = piece.values.argmax(piece.last, keepdim=True)
        rows = found.movedim((piece.rows, piece.members), (0, 1)).flatten(1)
        best[piece.start : piece.start + len(rows)] = rows
    return best


def lengths_of(prediction: Prediction) -> Tensor:
    """Return how many units each sample has, `[N]` on the CPU: one each in a plain prediction."""
    if isinstance(prediction, Ragged):
        return prediction.lengths
    return torch.ones(len(prediction), dtype=torch.int64)


def owners_of(prediction: Prediction, device: torch.device | str) -> Tensor:
    """Return which sample each unit belongs to, `[M]`."""
    lengths = lengths_of(prediction)
    return torch.repeat_interleave(torch.arange(len(lengths)), lengths).to(device)

"""The sums several functions share. Dims are kept, with size 1, so that any layout will do."""

from __future__ import annotations

import functools
import math

import torch
from torch import Tensor


def averaged(probs: Tensor, members: int) -> Tensor:
    """Return the committee's average."""
    return probs.sum(members, keepdim=True).div_(probs.shape[members])


def entropy_of(probs: Tensor, dims: int | tuple[int, int]) -> Tensor:
    """Return - sum of p log p over `dims`, in nats, with 0 log 0 = 0."""
    # The smallest normal number stands in for 0 inside the logarithm only: 0 * log(tiny) is 0,
    # and below it p log p is far under the rounding of everything else.
    terms = probs.clamp_min(torch.finfo(probs.dtype).tiny).log_().mul_(probs)
    return 0 - terms.sum(dims, keepdim=True)  # not neg, which would make -0.0 of certainty


def vote_shares(probs: Tensor, members: int, classes: int) -> Tensor:
    """Return the share of members that vote for each class; a tied vote is split equally."""
    best = probs.amax(classes, keepdim=True)
    # Compared straight into numbers: by way of booleans it takes several times as long.
    votes = torch.eq(probs, best, out=torch.empty_like(probs))
    votes.div_(votes.sum(classes, keepdim=True))
    return averaged(votes, members)


def mutual_information(probs: Tensor, members: int, classes: int) -> Tensor:
    """Return the entropy of the average minus the average entropy of the members, in nats."""
    inside = entropy_of(probs, (members, classes)).div_(probs.shape[members])
    total = entropy_of(averaged(probs, members), classes)
    # Both bounds hold exactly in exact arithmetic; what is cut off is rounding.
    return total.sub_(inside).clamp_(0, log_below(probs.shape[classes], probs.dtype))


@functools.lru_cache(maxsize=256)
def log_below(count: int, dtype: torch.dtype) -> float:
    """Return the largest number of `dtype` that is at most log(count)."""
    exact = math.log(count)
    rounded = torch.tensor(exact, dtype=dtype)
    if float(rounded) > exact:
        rounded = torch.nextafter(rounded, torch.zeros((), dtype=dtype))
    return float(rounded)

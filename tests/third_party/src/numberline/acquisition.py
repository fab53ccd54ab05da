"""How far two members are apart at most."""

import torch

import altasks as al
from altasks.acquisition import acquisition, reduce_units, units_of


@acquisition(reads=(al.Categorical,), min_members=2)
def widest_gap(prediction, *, reduce="mean", k=10, empty=0.0):
    """Score by the largest gap between two members' probabilities of a class."""
    probs = units_of(prediction).probs  # M x K x C
    probs = probs.to(torch.promote_types(probs.dtype, torch.float32))
    gaps = (probs.amax(1) - probs.amin(1)).amax(1)  # M
    return reduce_units(gaps, prediction, reduce=reduce, k=k, empty=empty)

"""Candidates in the types of numbers that networks and arrays come in."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from altasks.strategies.base import NEEDS, Candidates
from altasks.testing.strategies import replace

#: Candidates to those that a strategy is given, and to the same numbers in float64 for a twin.
InType = Callable[[Candidates], tuple[Candidates, Candidates]]


@pytest.fixture(params=["float64", "float32", "float16", "bfloat16"])
def in_type(request: pytest.FixtureRequest) -> InType:
    """Rounds the arrays of candidates to a type of number; bfloat16 is a tensor's alone."""
    dtype = getattr(torch, request.param)

    def convert(candidates: Candidates) -> tuple[Candidates, Candidates]:
        given, exact = {}, {}
        for name in NEEDS:
            array = getattr(candidates, name)
            if array is None or name in ("costs", "held_out_labels"):
                continue
            rounded = torch.from_numpy(np.asarray(array)).to(dtype)
            given[name] = rounded if dtype == torch.bfloat16 else rounded.numpy()
            exact[name] = rounded.to(torch.float64).numpy()
        return replace(candidates, **given), replace(candidates, **exact)

    return convert

"""Tickets: what stands for a sample in a batch when only its key is needed, and not the sample.

An image whose features are kept need not be decoded. In its place the network is called with a
tensor of the key's 16 bytes as numbers, `[1, 1, 16]`, which any floating type holds exactly; what
is kept under that key then takes the place of what the frozen part would make.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

#: The shape of a ticket.
SHAPE = (1, 1, 16)


def tickets_of(keys: Sequence[bytes]) -> Tensor:
    """Return tickets of keys of 16 bytes, `[n, 1, 1, 16]`.

    Example:
        >>> keys_on(tickets_of([bytes(range(16))])) == [bytes(range(16))]
        True
    """
    numbers = torch.tensor([list(key) for key in keys], dtype=torch.float32)
    return numbers.view(len(keys), *SHAPE)


def keys_on(values: Tensor) -> list[bytes] | None:
    """Return the keys on tickets; None for anything else."""
    if values.ndim != 4 or tuple(values.shape[1:]) != SHAPE:
        return None
    numbers = values.detach().float().cpu().view(len(values), -1).to(torch.int64)
    return [bytes(row) for row in numbers.tolist()]

"""Tensors on their way to the device that computes."""

from __future__ import annotations

import torch
from torch import Tensor


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """Return a tensor on a device; to a GPU, by pinned memory, without waiting until it is there.

    The copy is queued like a computation, so whoever computes with it next sees all of it, and the
    processor meanwhile goes on to the next batch. Pinned memory is kept by torch until the copy is
    done.

    Example:
        >>> to_device(torch.ones(2), torch.device("cpu")).tolist()
        [1.0, 1.0]
    """
    if device.type != "cuda" or tensor.device.type != "cpu":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)

"""Masks of dropout on a CPU, drawn all at once from the raw bits of a NumPy generator.

torch draws a CPU's masks a number at a time: a dropout over an activation takes about a quarter of
the matrix product that made it. Here a number is 16 raw bits, compared with a threshold: several
times as fast, and the same on every CPU and for every version of torch, as NumPy promises of bit
generators. A GPU's own dropout is fused and fast, and is left alone.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

#: Below, 16 bits are too coarse: the probability would be off by more than a thousandth of it.
_COARSE = 0.01


class DrawnMasks:
    """Draws masks from a seed, one call of a dropout after another.

    Example:
        >>> masks = DrawnMasks(0)
        >>> kept = masks.dropout(torch.ones(2, 1000), 0.5)
        >>> sorted(set(kept.flatten().tolist()))
        [0.0, 2.0]
    """

    def __init__(self, seed: int) -> None:
        self._bits = np.random.SFC64(seed)

    @staticmethod
    def can_drop(values: Any, p: float) -> bool:
        """Return whether `dropout` serves: for floats on the CPU that need no gradient."""
        return (
            isinstance(values, Tensor)
            and values.device.type == "cpu"
            and values.layout == torch.strided
            and values.is_floating_point()
            and not (torch.is_grad_enabled() and values.requires_grad)
            and 0 < p < 1
        )

    def kept(self, shape: torch.Size, p: float) -> Tensor:
        """Return 1 where something stays and 0, with probability `p`, where it doesn't; uint8."""
        count = math.prod(shape)
        width, kind = (16, "<u2") if p >= _COARSE else (32, "<u4")
        raw = self._bits.random_raw(-(-count * width // 64))
        numbers = raw.astype("<u8", copy=False).view(kind)[:count]
        stays = numbers >= numbers.dtype.type(round(p * 2**width))
        return torch.from_numpy(stays.view(np.uint8)).view(shape)

    def dropout(self, values: Tensor, p: float) -> Tensor:
        """Return the values with each at 0 with probability `p` and the others over 1 - p."""
        kept = self.kept(values.shape, p).to(values.dtype)
        return kept.mul_(values).mul_(1 / (1 - p))

    def attention(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attn_mask: Tensor | None = None,
        dropout_p: float = 0.0,
        is_causal: bool = False,
        scale: float | None = None,
    ) -> Tensor:
        """Return `scaled_dot_product_attention` with dropout of the weights.

        As torch documents it; a query that no key is shown to gets zeros, as there.
        """
        root = query.shape[-1] ** -0.5 if scale is None else scale
        weights = (query * root) @ key.transpose(-2, -1)  # ... x L x S
        if is_causal:
            shown = torch.ones(weights.shape[-2:], dtype=torch.bool, device=query.device).tril()
            weights = weights.masked_fill(~shown, -math.inf)
        if attn_mask is not None and attn_mask.dtype == torch.bool:
            weights = weights.masked_fill(~attn_mask, -math.inf)
        elif attn_mask is not None:
            weights = weights + attn_mask
        blind = None if attn_mask is None else weights.amax(-1, keepdim=True) == -math.inf
        weights = weights.softmax(-1)
        if blind is not None and bool(blind.any()):
            weights = weights.masked_fill(blind, 0.0)
        return self.dropout(weights, dropout_p) @ value

"""Checks of tensors given by users. Each costs one or two passes over the data and copies nothing.

The fast path asks one yes/no question of the whole tensor; only when the answer is no is the
first offending row looked for, so that a correct prediction pays nothing for a good message.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch
from torch import Tensor

from altasks._internal.chunks import pieces
from altasks._internal.frames import plain_array
from altasks._internal.versions import warn_if_untested
from altasks.errors import InvalidInputError, invalid

# Every prediction is checked here, so this is where torch first matters.
warn_if_untested("torch")

# How far a row of probabilities may be from summing to 1: rounding each of its entries to the
# type moves the sum by at most half a unit in the last place (2^-12 of it for float16, 2^-9 for
# bfloat16), and people round printed probabilities to three or four digits.
SUM_TOLERANCE = {torch.bfloat16: 1e-2, torch.float16: 2e-3}
DEFAULT_SUM_TOLERANCE = 1e-3


def working_dtype(dtype: torch.dtype) -> torch.dtype:
    """Return the type arithmetic is done in: float32, or float64 where the input is float64."""
    return torch.float64 if dtype == torch.float64 else torch.float32


def as_float_tensor(value: Any, argument: str) -> Tensor:
    """Return `value` as a floating tensor, sharing memory with it where that is possible.

    Raises:
        InvalidInputError: if `value` is not a rectangular array of real numbers, or a table whose
            index is not the default one.
    """
    if isinstance(value, Tensor):
        tensor = value.detach()
        if tensor.layout != torch.strided:
            raise invalid(
                argument,
                "a dense tensor",
                f"one of layout {tensor.layout}",
                hint="Convert it: tensor.to_dense().",
            )
    else:
        array = plain_array(value, argument, "a rectangular array of real numbers")
        if array.dtype in (np.longdouble, np.uint64, np.uint32, np.uint16):  # torch has none
            array = array.astype(np.float64)
        if array.dtype == object or array.dtype.kind not in "fiub":
            raise invalid(
                argument,
                "a rectangular array of real numbers",
                f"{type(value).__name__} of dtype {array.dtype}",
            )
        if any(stride < 0 for stride in array.strides) or not array.dtype.isnative:
            # torch has no negative strides and no foreign byte orders: the two cases of a copy.
            array = np.array(array, dtype=array.dtype.newbyteorder("="), order="C")
        with warnings.catch_warnings():
            # A read-only array is shared all the same: nothing here ever writes to it.
            warnings.filterwarnings("ignore", message=".*not writable.*")
            tensor = torch.from_numpy(array)
    if tensor.is_complex():
        raise invalid(argument, "real numbers", "complex numbers")
    if tensor.is_meta:
        raise invalid(argument, "a tensor with values", "one on the device 'meta', which has none")
    if tensor.is_floating_point():
        if tensor.dtype.itemsize < 2:  # float8: torch compares and adds none of them
            raise invalid(
                argument,
                "float16, bfloat16, float32 or float64",
                f"{tensor.dtype}",
                hint="Convert it: tensor.float().",
            )
        return tensor
    # float32 has every whole number up to 2^24; beyond it neighbours would become equal.
    low, high = value_range(tensor)
    return tensor.to(torch.float32 if max(-low, high) <= 2**24 else torch.float64)


def value_range(tensor: Tensor) -> tuple[float, float]:
    """Return (min, max), both NaN if any value is NaN; (0, 0) of an empty tensor."""
    if tensor.numel() == 0:
        return 0.0, 0.0
    low, high = torch.aminmax(tensor)
    return float(low), float(high)


def is_finite(tensor: Tensor) -> bool:
    """Return whether every value is a finite number, without an N-sized intermediate."""
    low, high = value_range(tensor)
    return low > -np.inf and high < np.inf


def first_bad(bad: Tensor) -> tuple[int, ...]:
    """Return the index of the first True."""
    return tuple(int(i) for i in bad.nonzero()[0])


def place(index: tuple[int, ...], members: int) -> str:
    """Return `row 3` or `row 3, member 1`."""
    if len(index) > 1 and members > 1:
        return f"row {index[0]}, member {index[1]}"
    return f"row {index[0]}"


def preview(row: Tensor) -> str:
    """Return the first values of a row, readably."""
    values = [f"{value:.4g}" for value in row.flatten()[:5].tolist()]
    return "[" + ", ".join(values) + (", ...]" if row.numel() > 5 else "]")


def require_finite(tensor: Tensor, argument: str, *, hint: str = "") -> None:
    """Refuse NaN and infinities, naming the first row that has one."""
    if is_finite(tensor):
        return
    index = first_bad(~torch.isfinite(tensor))
    members = tensor.shape[1] if tensor.ndim > 1 else 1
    raise invalid(
        argument,
        "finite values",
        f"{float(tensor[index])}",
        where=place(index, members),
        hint=hint,
    )


def require_probability_rows(probs: Tensor, argument: str) -> None:
    """Refuse rows (last dim) that are not distributions; `probs` is N x K x C."""
    if probs.numel() == 0:
        return
    tolerance = SUM_TOLERANCE.get(probs.dtype, DEFAULT_SUM_TOLERANCE)
    accumulate = working_dtype(probs.dtype)
    lows, ranges = [], []
    for piece in pieces(probs):
        lows.append(piece.values.amin())
        ranges.append(torch.stack(torch.aminmax(piece.values.sum(piece.last, dtype=accumulate))))
    # One look at the result, not one per piece: on an accelerator each would wait for the queue.
    least = float(torch.stack(lows).amin())
    sums = torch.stack(ranges)
    off = max(1 - float(sums.amin()), float(sums.amax()) - 1)
    # aminmax carries NaN on, and NaN compares false.
    if least >= 0 and off <= tolerance:
        return
    sums = probs.sum(-1, dtype=accumulate)  # N x K
    raise _explain_rows(probs, sums, tolerance, argument)


def _explain_rows(
    probs: Tensor, sums: Tensor, tolerance: float, argument: str
) -> InvalidInputError:
    require_finite(probs, argument)
    wrong = (probs.amin(-1) < 0) | ((sums - 1).abs() > tolerance)  # N x K
    index = first_bad(wrong)
    row = probs[index]
    where = place(index, probs.shape[1])
    inside = bool(((row >= 0) & (row <= 1)).all())
    if inside:
        hint = (
            "Independent labels (sigmoids) are a `Bernoulli`; scores that should be normalised "
            "are yours to normalise, nothing is guessed here."
        )
        return invalid(
            argument,
            "rows that sum to 1",
            f"{preview(row)}, which sums to {float(sums[index]):.6g}",
            where=where,
            hint=hint,
        )
    return invalid(
        argument,
        "probabilities in [0, 1]",
        preview(row),
        where=where,
        hint="If these are logits, use `Categorical.from_logits(logits)`.",
    )


def require_unit_interval(probs: Tensor, argument: str) -> None:
    """Refuse values outside [0, 1]; `probs` is N x K x C."""
    low, high = value_range(probs)
    if low >= 0 and high <= 1:
        return
    require_finite(probs, argument)
    index = first_bad((probs < 0) | (probs > 1))
    raise invalid(
        argument,
        "probabilities in [0, 1]",
        f"{float(probs[index]):.4g}",
        where=place(index, probs.shape[1]) + f", label {index[2]}",
        hint="If these are logits, use `Bernoulli.from_logits(logits)`.",
    )


def as_features(value: Any, samples: int) -> Tensor | None:
    """Return `features` as an N x d tensor, or None."""
    if value is None:
        return None
    features = as_float_tensor(value, "features")
    if features.ndim != 2 or features.shape[0] != samples:
        raise invalid(
            "features",
            f"shape [N, d] with N = {samples}",
            f"shape {list(features.shape)}",
        )
    require_finite(features, "features")
    return features


def as_members(tensor: Tensor, argument: str, shapes: str) -> Tensor:
    """Return an N x K x C tensor; N x C is read as a committee of one."""
    if tensor.ndim == 2:
        tensor = tensor.unsqueeze(1)  # N x 1 x C, a view
    if tensor.ndim != 3:
        raise invalid(argument, f"shape {shapes}", f"shape {list(tensor.shape)}")
    if tensor.shape[1] == 0:
        raise invalid(argument, "at least one committee member (dim 1)", "a committee of none")
    return tensor

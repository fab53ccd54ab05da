"""From unit scores to sample scores: over a `Ragged` at once, or chunk by chunk in a stream.

Both ways fold scores into the same state (a sum, a maximum or the k best, and a count) and finish
it by the same function, so a streamed score is the score.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor

from altasks._internal.numbers import require_whole
from altasks._internal.tensor_checks import working_dtype
from altasks.errors import invalid
from altasks.predictions import Prediction, Ragged

#: How unit scores become the sample's score; `"none"` keeps them: `[M]`.
Reduce = Literal["mean", "sum", "max", "top_k", "none"]

# Padded values handled at once for top_k: 8 MiB of float64.
_BLOCK = 2**20


def reduce_units(
    scores: Tensor,
    prediction: Prediction,
    *,
    reduce: Reduce = "mean",
    k: int = 10,
    empty: float = 0.0,
) -> Tensor:
    """Return the scores of samples from those of their units.

    Args:
        scores: `[M]`, one finite score per unit of `prediction`.
        prediction: a `Ragged` of N samples with M units, or any other prediction, whose samples
            are one unit each: then `scores` come back as they are.
        reduce: `"mean"`, `"sum"` or `"max"` over the units of a sample; `"top_k"`, the mean of
            its `k` largest scores, of all if it has fewer; `"none"`, the unit scores.
        k: for `"top_k"`.
        empty: the score of a sample with no unit.

    Returns:
        `[N]` (`[M]` for `"none"`), finite, float32, or float64 where `scores` are, on their
        device. Sums are made in float64.

    Raises:
        InvalidInputError: for an unknown `reduce`, `k` below 1, or an `empty` that isn't finite.

    Example:
        >>> from altasks import Categorical, Ragged
        >>> words = Ragged(Categorical([[0.9, 0.1], [0.5, 0.5], [0.8, 0.2]]), lengths=[2, 0, 1])
        >>> reduce_units(torch.tensor([0.25, 0.75, 0.5]), words).tolist()
        [0.5, 0.0, 0.5]
    """
    check_reduction(reduce, k, empty)
    units = len(prediction.units) if isinstance(prediction, Ragged) else len(prediction)
    if scores.shape != (units,):
        raise invalid("scores", f"shape [{units}], one per unit", f"shape {list(scores.shape)}")
    dtype = working_dtype(scores.dtype)
    if not isinstance(prediction, Ragged) or reduce == "none":
        return _to_output(scores, dtype)
    wide = _widened(scores)
    lengths = prediction.lengths  # N, on the CPU
    if reduce == "top_k":
        values = _top_k_means(wide, lengths, k)
    else:
        values = _folded(wide, lengths.to(wide.device), reduce)
    return _finished(values, lengths.to(wide.device), reduce, empty, dtype).to(scores.device)


class StreamedReduction:
    """The same reductions, for unit scores that arrive chunk by chunk.

    One sample may come in several chunks, and chunks of different samples may be interleaved.

    Args:
        n_samples: N.
        reduce: `"mean"`, `"sum"`, `"max"` or `"top_k"`, as in `reduce_units`.
        k: for `"top_k"`.
        empty: the score of a sample of which no unit came.

    Raises:
        InvalidInputError: for an unknown reduction (`"none"` has nothing to stream), `k` below 1,
            or an `empty` that isn't finite.

    Example:
        >>> total = StreamedReduction(2, reduce="max")
        >>> total.add(0, torch.tensor([0.25, 0.5]))
        >>> total.add(0, torch.tensor([0.75]))
        >>> total.result().tolist()
        [0.75, 0.0]
    """

    def __init__(
        self, n_samples: int, *, reduce: Reduce = "mean", k: int = 10, empty: float = 0.0
    ) -> None:
        check_reduction(reduce, k, empty)
        if reduce == "none":
            raise invalid("reduce", "'mean', 'sum', 'max' or 'top_k' for a stream", "'none'")
        n_samples = require_whole("n_samples", n_samples, 0)
        self._reduce: Reduce = reduce
        self._k = k
        self._empty = empty
        self._dtype = torch.float32
        self._counts = torch.zeros(n_samples, dtype=torch.int64)  # N
        start = -math.inf if reduce == "max" else 0.0
        self._values = torch.full((n_samples,), start, dtype=torch.float64)  # N
        self._best: dict[int, Tensor] = {}  # sample -> at most k scores, best first

    def add(self, sample_index: int, unit_scores: Tensor) -> None:
        """Take in the scores `[m]` of some units of one sample.

        Raises:
            InvalidInputError: if there is no such sample, the scores aren't a vector, or one of
                them isn't finite.
        """
        count = len(self._counts)
        if not 0 <= sample_index < count:
            raise invalid("sample_index", f"0 to {count - 1}", f"{sample_index}")
        if unit_scores.ndim != 1:
            raise invalid("unit_scores", "shape [m]", f"shape {list(unit_scores.shape)}")
        if not len(unit_scores):
            return
        if unit_scores.dtype == torch.float64:
            self._dtype = torch.float64
        wide = _widened(unit_scores.detach())
        if self._reduce == "top_k":
            value = wide.topk(min(self._k, len(wide))).values.cpu()
            checked = float(wide.sum())
        else:
            value = _folded(wide, torch.tensor([len(wide)], device=wide.device), self._reduce)
            # One number comes to the CPU; a maximum hides -inf, so it does not vouch for the rest.
            checked = float(value if self._reduce != "max" else wide.sum())
        if not math.isfinite(checked):
            raise invalid(
                "unit_scores", "finite scores", f"{checked} in sum", where=f"sample {sample_index}"
            )
        self._merge_one(sample_index, len(wide), value)

    def merge(self, other: StreamedReduction) -> None:
        """Take in what `other` has seen of the same N samples.

        Raises:
            InvalidInputError: if it reduces otherwise, or other samples.
        """
        mine = (len(self._counts), self._reduce, self._k, self._empty)
        if (len(other._counts), other._reduce, other._k, other._empty) != mine:
            raise invalid("other", "the same n_samples, reduce, k and empty", "others")
        if other._dtype == torch.float64:
            self._dtype = torch.float64
        for sample in other._counts.nonzero().flatten().tolist():
            value = other._best[sample] if self._reduce == "top_k" else other._values[sample]
            self._merge_one(sample, int(other._counts[sample]), value)

    def _merge_one(self, sample: int, count: int, value: Tensor) -> None:
        self._counts[sample] += count
        if self._reduce == "top_k":
            if sample in self._best:
                both = torch.cat((self._best[sample], value))
                value = both.topk(min(self._k, len(both))).values
            self._best[sample] = value
        elif self._reduce == "max":
            self._values[sample] = max(float(self._values[sample]), float(value))
        else:
            self._values[sample] += float(value)

    def result(self) -> Tensor:
        """Return the scores `[N]`, on the CPU; more may be added afterwards."""
        values = self._values.clone()
        for sample, best in self._best.items():
            values[sample] = _mean_of_best(best[None])[0]
        return _finished(values, self._counts, self._reduce, self._empty, self._dtype)


def check_reduction(reduce: Any, k: Any, empty: Any) -> None:
    """Refuse options no reduction understands."""
    if reduce not in get_args(Reduce):
        names = ", ".join(repr(name) for name in get_args(Reduce))
        raise invalid("reduce", f"one of {names}", f"{reduce!r}")
    require_whole("k", k, 1)
    if not isinstance(empty, int | float | np.number) or not math.isfinite(empty):
        raise invalid("empty", "a finite number", f"{empty!r}")


def _widened(scores: Tensor) -> Tensor:
    # Apple's GPUs have no float64 and no segment_reduce; M scores are cheap to move.
    return (scores.cpu() if scores.device.type == "mps" else scores).to(torch.float64)


def _folded(scores: Tensor, lengths: Tensor, reduce: Reduce) -> Tensor:
    """Return the sum (for "sum" and "mean") or the maximum of each segment, `[N]`."""
    kind, start = ("max", -math.inf) if reduce == "max" else ("sum", 0.0)
    if not len(scores):
        return scores.new_full((len(lengths),), start)
    # `initial` is what an empty segment gives; without it, it would be NaN or -inf.
    folded: Tensor = torch.segment_reduce(scores, kind, lengths=lengths, unsafe=True, initial=start)
    return folded


def _top_k_means(scores: Tensor, lengths: Tensor, k: int) -> Tensor:
    """Return the mean of the k best of each segment, `[N]`, 0 where it is empty."""
    means = scores.new_zeros(len(lengths))
    starts = (lengths.cumsum(0) - lengths).to(scores.device)
    sizes = lengths.to(scores.device)
    for samples, width in _blocks(lengths):
        rows = samples.to(scores.device)
        steps = torch.arange(width, device=scores.device)
        inside = steps < sizes[rows, None]  # rows x width
        where = (starts[rows, None] + steps).clamp_(max=len(scores) - 1)
        padded = scores[where].masked_fill_(~inside, -math.inf)
        means[rows] = _mean_of_best(padded.topk(min(k, width), 1).values)
    return means


def _blocks(lengths: Tensor) -> Iterator[tuple[Tensor, int]]:
    """Yield (samples, width): samples of like length, so that padding to `width` wastes little."""
    order = torch.argsort(lengths, descending=True, stable=True)
    filled = int((lengths > 0).sum())
    start = 0
    while start < filled:
        width = int(lengths[order[start]])
        stop = min(filled, start + max(1, _BLOCK // width))
        yield order[start:stop], width
        start = stop


def _mean_of_best(best: Tensor) -> Tensor:
    """Return the mean of each row of rows x k, leaving out the -inf it is padded with."""
    present = best != -math.inf
    total = best.masked_fill(~present, 0).sum(1)
    return total / present.sum(1)


def _finished(
    values: Tensor, counts: Tensor, reduce: Reduce, empty: float, dtype: torch.dtype
) -> Tensor:
    if reduce == "mean":
        values = values / counts.clamp(min=1)
    return _to_output(values.masked_fill(counts == 0, empty), dtype)


def _to_output(values: Tensor, dtype: torch.dtype) -> Tensor:
    if values.dtype == dtype:
        return values
    if values.dtype.itemsize < dtype.itemsize:  # nothing to cut off, and no room for the limit
        return values.to(dtype)
    # A sum can leave the range of float32; the largest number there is still says "first".
    limit = torch.finfo(dtype).max
    return values.clamp(-limit, limit).to(dtype)

"""How much the members' masks differ from the last one's: Dice instead of divergence."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from altasks._internal.chunks import pieces
from altasks._internal.tensor_checks import working_dtype
from altasks.acquisition._declare import acquisition, require_readable, units_of
from altasks.acquisition._reduce import check_reduction
from altasks.acquisition._rows import Weights, as_weights
from altasks.acquisition._sequences import lengths_of
from altasks.errors import invalid
from altasks.predictions import Categorical, Prediction


@acquisition(reads=(Categorical,), min_members=2)
def dice_disagreement(
    prediction: Prediction,
    *,
    class_weights: Weights | None = None,
    reduce: str = "mean",
    empty: float = 0.0,
) -> Tensor:
    """Return 1 minus the mean Dice coefficient between each member's mask and the last one's.

    A member's mask gives each unit its most probable class (the first, where several tie). For a
    class c, Dice is 2 |A_c and B_c| / (|A_c| + |B_c|), where A_c and B_c are the units that the
    member and the last member give c; its mean is over the classes that one of the two masks has,
    then over the members before the last. So a small class counts as much as a large one, which
    it doesn't in a mean over units. With the stages of a decoder as members, the last is what the
    model answers.

    Args:
        prediction: a `Ragged` of a `Categorical` with K >= 2 (of a plain one, each sample is a
            mask of one unit).
        class_weights: at most C weights: the mean over classes is weighted by them, and classes
            beyond the last have no share.
        reduce: `"mean"` only: the score is of whole masks, and there are no unit scores.
        empty: the score of a sample with no unit, or of which no mask has a class that counts.

    Returns:
        `[N]` in [0, 1], float32 (float64 for float64), on the prediction's device.

    Raises:
        UnsupportedPredictionError: for any other prediction or K = 1.
        InvalidInputError: for an option outside its range.

    Source:
        Disagreement between a network's deeply supervised layers and its output is what Zhao,
        Yang, Veeravalli and Zeng 2020, "Deeply Supervised Active Learning for Finger Bones
        Segmentation", select by, and Zhao, Zeng, Xu, Chen and Guan 2021, "DSAL: Deeply Supervised
        Active Learning from Strong and Weak Labelers for Biomedical Image Segmentation". The
        definition for several classes above is altasks' own.

    Example:
        >>> from altasks import Categorical, Ragged
        >>> early = [[0.9, 0.1], [0.9, 0.1]]
        >>> late = [[0.9, 0.1], [0.2, 0.8]]
        >>> pixels = torch.tensor([early, late]).transpose(0, 1)  # pixels x members x classes
        >>> score = dice_disagreement(Ragged(Categorical(pixels), lengths=[2]))
        >>> [round(value, 4) for value in score.tolist()]
        [0.6667]
    """
    sums = DiceSums(len(prediction), class_weights=class_weights, reduce=reduce, empty=empty)
    units = units_of(prediction)
    assert isinstance(units, Categorical)
    start = 0
    for sample, length in enumerate(lengths_of(prediction).tolist()):
        sums.add(sample, units[start : start + length])
        start += length
    return sums.result().to(working_dtype(units.probs.dtype)).to(units.probs.device)


class DiceSums:
    """The same for predictions that arrive in pieces: counts of pairs of classes are summed.

    Args:
        n_samples: N.
        class_weights: as `dice_disagreement` takes them.
        reduce: likewise.
        empty: likewise.
    """

    def __init__(
        self,
        n_samples: int,
        *,
        class_weights: Weights | None = None,
        reduce: str = "mean",
        empty: float = 0.0,
    ) -> None:
        check_reduction(reduce, 1, empty)
        if reduce != "mean":
            raise invalid(
                "reduce",
                "the default: whole masks are compared, and there are no unit scores",
                f"{reduce!r}",
                hint="By pixel it is variation_ratio or vote_entropy.",
            )
        self._weights = class_weights
        self._empty = float(empty)
        # sample -> pairs of classes, of the last member and of each one before it
        self._pairs: list[Tensor | None] = [None] * n_samples  # (K - 1) x C x C

    def add(self, sample_index: int, prediction: Any) -> None:
        """Take in some units of one sample.

        Raises:
            InvalidInputError: if there is no such sample.
            UnsupportedPredictionError: for another prediction than `dice_disagreement` reads.
        """
        count = len(self._pairs)
        if not 0 <= sample_index < count:
            raise invalid("sample_index", f"0 to {count - 1}", f"{sample_index}")
        # A stream comes here past the function that is declared: one member has nobody to differ
        # from, and its samples would all pass for empty ones.
        require_readable("dice_disagreement", (Categorical,), 2, prediction)
        units = units_of(prediction)
        assert isinstance(units, Categorical)
        probs = units.probs
        _, members, classes = probs.shape
        counted = torch.zeros(members - 1, classes * classes, dtype=torch.int64)
        for piece in pieces(probs):
            best = piece.values.argmax(piece.last, keepdim=True)
            last = best.select(piece.members, members - 1).flatten() * classes
            for member in range(members - 1):
                pair = last + best.select(piece.members, member).flatten()
                counted[member] += torch.bincount(pair, minlength=classes * classes).cpu()
        found = counted.reshape(members - 1, classes, classes)
        known = self._pairs[sample_index]
        self._pairs[sample_index] = found if known is None else known + found

    def merge(self, other: DiceSums) -> None:
        """Take in what `other` has seen of the same samples."""
        for sample, pairs in enumerate(other._pairs):
            if pairs is not None:
                known = self._pairs[sample]
                self._pairs[sample] = pairs if known is None else known + pairs

    def result(self) -> Tensor:
        """Return the scores `[N]`, float64, on the CPU."""
        return torch.tensor([self._score(one) for one in self._pairs], dtype=torch.float64)

    def _score(self, pairs: Tensor | None) -> float:
        if pairs is None:
            return self._empty
        counts = pairs.double()  # (K - 1) x C x C
        both = counts.sum(1) + counts.sum(2)  # (K - 1) x C
        weights = (both > 0).double()
        if self._weights is not None:
            given = as_weights(self._weights, counts)
            full = counts.new_zeros(counts.shape[2])
            full[: len(given)] = given
            weights = weights * full
        total = weights.sum(1)  # K - 1
        if not bool((total > 0).any()):
            return self._empty
        dice = 2 * counts.diagonal(dim1=1, dim2=2) / both.clamp(min=1)
        means = (dice * weights).sum(1)[total > 0] / total[total > 0]
        return float((1 - means.mean()).clamp(0, 1))


# The arguments of `al.score` for a task that streams: there are no unit scores to reduce.
dice_disagreement.streamed = DiceSums  # type: ignore[attr-defined]

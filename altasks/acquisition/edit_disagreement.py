"""How differently the members read a line, or tag a sentence."""

from __future__ import annotations

import itertools
import math
import unicodedata
from collections.abc import Hashable, Iterable, Sequence
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from altasks._internal.tensor_checks import working_dtype
from altasks.acquisition._declare import acquisition, units_of
from altasks.acquisition._reduce import Reduce, check_reduction, reduce_units
from altasks.acquisition._sequences import best_classes, lengths_of
from altasks.errors import invalid
from altasks.predictions import Categorical, Prediction, Transcripts

#: Unicode normalisation forms.
Form = Literal["NFC", "NFD", "NFKC", "NFKD"]

#: The unit of an edit: a character, or a word.
Symbol = Literal["characters", "words"]

#: A pair whose confidence is smaller than the line's best pair's by more than this factor (its
#: log) still counts as much: a disagreement is never invisible.
_LEAST_PAIR = -60.0

# Samples compared at once: each reading is looked at K - 1 times, and should still be in cache.
_BLOCK = 2048

_Row = tuple[str | tuple[Hashable, ...], ...]


@acquisition(reads=(Transcripts, Categorical), min_members=2)
def edit_disagreement(
    prediction: Prediction,
    *,
    normalize: Form | None = None,
    by: Symbol = "characters",
    weighted: bool = False,
    reduce: Reduce = "mean",
    k: int = 10,
    empty: float = 0.0,
) -> Tensor:
    """Return the mean edit distance between pairs of readings, relative to their length.

    The mean over the K(K-1)/2 pairs of Levenshtein(a, b) / max(|a|, |b|), and 0 for two empty
    readings. Between 0 (all read the same) and 1 (no two have a symbol in common). Insertion,
    deletion and substitution of a code point (of a symbol, where readings are sequences of them)
    cost 1 each.

    Over a `Ragged` of `Categorical` a member's reading of a sample is the sequence of its units'
    best classes, such as the tags of a sentence. All have the same length, yet it is a Levenshtein
    distance: a name that one member sees a word further on costs less than its words' tags
    compared place by place. A task's lists of entities come as `Transcripts`.

    Strings are compared as they are: an e with an accent and an e followed by a combining accent
    differ by two edits. Nothing is normalised unless `normalize` says so.

    `weighted=True` lets sure members count for more: a pair's distance is weighted by the product
    of its members' confidences, each the geometric mean per character of its reading's
    probability, exp(log_prob / max(1, length)). The weighting is ours, not the source's: there,
    and by default, all pairs count alike.

    The distances are computed in C++ on as many threads as torch is allowed
    (`torch.get_num_threads()`); samples whose readings are all equal cost nothing.

    Args:
        prediction: a `Transcripts` with K >= 2, or a `Ragged` of one; or a `Ragged` of
            `Categorical` (a plain one is read as sequences of one unit). Where a member's best
            classes of a unit tie, it says the one of lowest index.
        normalize: the Unicode form to bring strings to first, such as `"NFC"`; None: none.
        by: `"characters"`, or `"words"`: an edit is then of a whole word, what stands between
            white space.
        weighted: see above; needs `log_probs`.
        reduce: over a `Ragged` of `Transcripts`: `"mean"`, `"sum"` or `"max"` of a sample's units,
            `"top_k"` (mean of the `k` largest, of all if fewer), or `"none"` for the unit scores
            `[M]`. Over a `Ragged` of `Categorical` a unit is a symbol and has no score of its
            own, and only the default is accepted.
        k: for `"top_k"`.
        empty: the score of a sample with no unit.

    Returns:
        `[N]` in [0, 1]: for `Transcripts` float32, on the device of `log_probs` if there are any,
        else on the CPU; for `Categorical` float32 (float64 for float64) on its device.

    Raises:
        UnsupportedPredictionError: for any other prediction, or K = 1.
        InvalidInputError: for an option outside its range, `normalize` or `by="words"` where a
            reading is not a string, `weighted` without log probabilities, or another `reduce`
            than the default over classes.

    Source:
        Reul et al. 2018, "Improving OCR accuracy on early printed books by combining pretraining,
        voting, and active learning" (lines the voters disagree on most are transcribed next).

    Example:
        >>> from altasks import Transcripts
        >>> edit_disagreement(Transcripts([["cat", "cut", "cat"], ["dog", "dog", "dog"]])).tolist()
        [0.2222222238779068, 0.0]
    """
    check_reduction(reduce, k, empty)
    if by not in get_args(Symbol):
        raise invalid("by", "'characters' or 'words'", f"{by!r}")
    units = units_of(prediction)
    if isinstance(units, Categorical):
        if by != "characters" or weighted:
            raise invalid("by, weighted", "the defaults for classes", f"{by!r}, {weighted!r}")
        return _of_tags(units, prediction, normalize, reduce, empty)
    assert isinstance(units, Transcripts)
    if normalize is not None and normalize not in get_args(Form):
        raise invalid("normalize", "None, 'NFC', 'NFD', 'NFKC' or 'NFKD'", f"{normalize!r}")
    rows = units.texts if normalize is None else _normalized(units.texts, normalize)
    weights = _pair_weights(units) if weighted else None
    if by == "words":
        rows = [tuple(_words(reading, n) for reading in row) for n, row in enumerate(rows)]
    device = "cpu" if units.log_probs is None else units.log_probs.device
    distances = torch.from_numpy(_mean_distances(rows, weights))
    scores = distances.to(device, torch.float32)  # M
    return reduce_units(scores, prediction, reduce=reduce, k=k, empty=empty)


def _of_tags(
    units: Categorical, prediction: Prediction, normalize: Form | None, reduce: Reduce, empty: float
) -> Tensor:
    """Return `[N]`: each sample's units are the symbols of one reading."""
    if normalize is not None:
        raise invalid("normalize", "None for classes: they are no strings", f"{normalize!r}")
    if reduce != "mean":
        raise invalid(
            "reduce",
            "the default: over classes a sample is one sequence, and its units have no scores",
            f"{reduce!r}",
            hint="For scores by unit use variation_ratio or vote_entropy.",
        )
    lengths = lengths_of(prediction)  # N
    tags = best_classes(units).cpu()  # M x K
    # Each class as one character: a member's tags of the whole pool are one string, cut up in C.
    spoken = [
        column.to(torch.int32).numpy().astype("<i4").tobytes().decode("utf-32-le", "surrogatepass")
        for column in tags.unbind(1)
    ]  # K of M characters
    stops = lengths.cumsum(0).tolist()
    rows = [
        tuple(text[start:stop] for text in spoken)
        for start, stop in itertools.pairwise([0, *stops])
    ]
    distances = torch.from_numpy(_mean_distances(rows)).masked_fill(lengths == 0, empty)  # N
    device = units.probs.device
    # By way of the type first: not every device has float64.
    return distances.to(working_dtype(units.probs.dtype)).to(device)


def _mean_distances(rows: Sequence[_Row], weights: np.ndarray | None = None) -> np.ndarray:
    """Return `[M]` from M rows of K readings, and the weights of their pairs, `[M, pairs]`."""
    scores = np.zeros(len(rows))
    # Most lines of a good recogniser are read alike by all; counting equals is a C loop.
    split = [n for n, row in enumerate(rows) if row.count(row[0]) != len(row)]
    if not split:
        return scores
    from rapidfuzz.distance import Levenshtein
    from rapidfuzz.process import cpdist

    compared = _as_strings([rows[n] for n in split])
    pairs = math.comb(len(compared[0]), 2)
    means = np.zeros(len(split))
    for start in range(0, len(compared), _BLOCK):
        columns = zip(*compared[start : start + _BLOCK], strict=True)  # K x at most _BLOCK
        for pair, (left, right) in enumerate(itertools.combinations(columns, 2)):
            # For unit costs the largest distance is the longer length: the normalised distance.
            distances = cpdist(
                left,
                right,
                scorer=Levenshtein.normalized_distance,
                dtype=np.float64,
                workers=torch.get_num_threads(),
            )
            if weights is not None:
                distances *= weights[split[start : start + _BLOCK], pair]
            means[start : start + _BLOCK] += distances
    scores[split] = means / pairs if weights is None else means
    return scores


def _pair_weights(units: Transcripts) -> np.ndarray:
    """Return the weights of the pairs of members in each row, `[M, pairs]`, which sum to 1."""
    if units.log_probs is None:
        raise invalid("weighted", "readings with log_probs", "none of them has any")
    lengths = np.array([[len(reading) for reading in row] for row in units.texts])  # M x K
    lengths = lengths.reshape(units.log_probs.shape)
    logs = units.log_probs.double().cpu().numpy() / np.maximum(1, lengths)
    first, second = np.triu_indices(logs.shape[1], 1)
    pairs = logs[:, first] + logs[:, second]  # M x pairs
    pairs -= pairs.max(1, keepdims=True, initial=-np.inf)
    weights = np.exp(np.maximum(pairs, _LEAST_PAIR))
    result: np.ndarray = weights / weights.sum(1, keepdims=True)
    return result


def _words(reading: str | tuple[Hashable, ...], row: int) -> tuple[str, ...]:
    if not isinstance(reading, str):
        raise invalid("by", "'characters' for sequences of symbols", "'words'", where=f"row {row}")
    return tuple(reading.split())


def _as_strings(rows: Sequence[_Row]) -> Sequence[Sequence[str | Sequence[int]]]:
    """Return readings in which symbols are equal exactly if they were equal before.

    Strings stay as they are. Other symbols are numbered: the distance would compare hashes, by
    which the tags -1 and -2, or the letter "a" and the number 97, are the same.
    """
    if all(type(reading) is str for row in rows for reading in row):
        return rows  # type: ignore[return-value]
    numbers: dict[Hashable, int] = {}
    return [
        [[numbers.setdefault(symbol, len(numbers)) for symbol in reading] for reading in row]
        for row in rows
    ]


def _normalized(rows: Iterable[_Row], form: Form) -> list[_Row]:
    result: list[_Row] = []
    for n, row in enumerate(rows):
        for member, reading in enumerate(row):
            if not isinstance(reading, str):
                raise invalid(
                    "normalize",
                    "None for sequences of symbols",
                    f"{form!r}",
                    where=f"row {n}, member {member}",
                )
        result.append(tuple(unicodedata.normalize(form, str(reading)) for reading in row))
    return result

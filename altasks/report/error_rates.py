"""How many characters and words of a transcript are wrong."""

from __future__ import annotations

import unicodedata
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from altasks._internal.random import derive_rng
from altasks.errors import invalid
from altasks.report.curves import Interval

#: How many resamples of the lines an interval is made of.
RESAMPLES = 2_000


@dataclass(frozen=True)
class ErrorRates:
    """Error rates over some lines.

    Attributes:
        cer: of characters, spaces among them.
        wer: of words.
        exact: the share of lines without an error.
        characters: how many the true texts have.
        words: how many the true texts have.
    """

    cer: Interval
    wer: Interval
    exact: float
    characters: int
    words: int


def error_rates(
    readings: Sequence[str],
    truths: Sequence[str],
    *,
    normalize: Literal["NFC", "NFD", "NFKC", "NFKD"] | None = "NFC",
    level: float = 0.95,
    rng: np.random.Generator | None = None,
) -> ErrorRates:
    """Return the character and the word error rate, micro-averaged.

    The sum of all lines' edits (insertions, deletions and substitutions, 1 each) over the sum of
    their true lengths, so a long line counts for more; it can exceed 1. Before that both texts are
    brought to a Unicode form, each run of white space becomes one space, and white space at the
    edges is dropped. A character is a code point, spaces count; a word is what stands between
    spaces, punctuation with it. Case and punctuation are kept. Where the true texts are all empty,
    the rate is 0 if nothing was read, and the number of edits else.

    The interval is the percentile bootstrap over lines (Efron 1979): lines are drawn with
    replacement, and edits and lengths summed anew.

    Args:
        readings: N texts.
        truths: N texts.
        normalize: the Unicode form; None: as they are.
        level: the share of the bootstrap distribution inside the interval.
        rng: where resamples come from; seeded with 0 by default.

    Raises:
        InvalidInputError: for no lines, or lengths that differ.

    Example:
        >>> rates = error_rates(["the  cot", "sat"], ["the cat", "sat"])
        >>> rates.cer.mean, rates.wer.mean, rates.exact
        (0.1, 0.3333333333333333, 0.5)
    """
    if not len(truths) or len(readings) != len(truths):
        raise invalid("readings", "as many as truths, at least one",
                      f"{len(readings)} beside {len(truths)}")  # fmt: skip
    if not 0 < level < 1:
        raise invalid("level", "a number in (0, 1)", repr(level))
    pairs = [
        (_plain(reading, normalize), _plain(truth, normalize))
        for reading, truth in zip(readings, truths, strict=True)
    ]
    counts = np.array(
        [
            (edits(read, true), len(true), edits(read.split(), true.split()), len(true.split()))
            for read, true in pairs
        ],
        dtype=np.float64,
    )  # N x 4
    generator = derive_rng(0, "error-rates") if rng is None else rng
    # One at a time: all of them would be 16 kB for each line.
    draws = (generator.integers(0, len(counts), len(counts)) for _ in range(RESAMPLES))
    resampled = np.stack([counts[rows].sum(0) for rows in draws])  # RESAMPLES x 4
    return ErrorRates(
        _interval(counts[:, :2], resampled[:, :2], level),
        _interval(counts[:, 2:], resampled[:, 2:], level),
        float(np.mean([read == true for read, true in pairs])),
        int(counts[:, 1].sum()),
        int(counts[:, 3].sum()),
    )


def edits(left: Sequence[Hashable], right: Sequence[Hashable]) -> int:
    """Return the Levenshtein distance of two sequences.

    Example:
        >>> edits("kitten", "sitting")
        3
    """
    from rapidfuzz.distance import Levenshtein

    if isinstance(left, str) and isinstance(right, str):
        return int(Levenshtein.distance(left, right))
    # By number: the library compares hashes, by which -1 and -2 are the same.
    numbers: dict[Hashable, int] = {}
    one, other = ([numbers.setdefault(x, len(numbers)) for x in side] for side in (left, right))
    return int(Levenshtein.distance(one, other))


def _plain(text: str, form: Literal["NFC", "NFD", "NFKC", "NFKD"] | None) -> str:
    return " ".join((text if form is None else unicodedata.normalize(form, text)).split())


def _interval(counts: np.ndarray, resampled: np.ndarray, level: float) -> Interval:
    mean = float(counts[:, 0].sum() / max(1.0, counts[:, 1].sum()))
    rates = resampled[:, 0] / np.maximum(1.0, resampled[:, 1])
    tail = (1 - level) / 2
    low, high = np.quantile(rates, [tail, 1 - tail])
    return Interval(mean, float(low), float(high), len(counts))

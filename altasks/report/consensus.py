"""One transcript out of several, and where the voters agree on it."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from altasks._internal.extras import require
from altasks.errors import invalid
from altasks.predictions import Transcripts

#: How a consensus is found.
Method = Literal["confidence", "median", "setmedian"]


@dataclass(frozen=True)
class Consensus:
    """The text that voters agree on for one line.

    Attributes:
        text: the consensus.
        agreement: of each of its characters, the share of voters that have it in this place.
    """

    text: str
    agreement: tuple[float, ...]


def consensus(
    transcripts: Transcripts,
    method: Method = "confidence",
    *,
    confidences: Sequence[Sequence[Sequence[float] | None]] | None = None,
) -> list[Consensus]:
    """Return one text for each line, with the voters' agreement on each of its characters.

    - `"confidence"`: the readings are aligned, and in each place the character with the largest
      sum of confidences wins, "no character" being one of them, as in Reul et al. 2018. They
      align with the ISRI tools; here all are aligned to the reading that is nearest to the
      others, by Levenshtein distance, and what is inserted in a gap is lined up at its left. A
      character's confidence is that of `confidences`, else the geometric mean per character of
      the reading's probability (`log_probs`), else 1, which makes it a majority vote. "No
      character" is as sure as its reading is on average, an empty one as a whole. Ties go to the
      nearest reading's own.
    - `"median"`: `Levenshtein.median`, an approximate generalised median string: the text with
      the smallest sum of distances, which need not be any voter's own.
      Needs python-Levenshtein (extra `ocr`), which is GPL-2.0-or-later: what you distribute with
      it falls under that licence. The other two don't need it.
    - `"setmedian"`: the reading with the smallest sum of distances; of equals the first in the
      alphabet. (`Levenshtein.setmedian` of python-Levenshtein 0.27 doesn't always find it: of
      "a", "aa" and "aaa" it returns "a".)

    Args:
        transcripts: N lines of K readings, all strings.
        method: see above.
        confidences: for `"confidence"`: N lists of K lists of one number for each character of
            the reading, of an empty one for the whole (None, or no number of an empty one: not
            known, then as if this were not given for that reading).

    Raises:
        InvalidInputError: for an unknown method, readings that are no strings, or confidences
            that don't fit them.
        MissingExtraError: if python-Levenshtein is needed and missing.

    Source:
        Reul, Springmann, Wick and Puppe 2018, "Improving OCR accuracy on early printed books by
        utilizing cross fold training and voting" (DAS 2018).

    Example:
        >>> votes = consensus(Transcripts([["the cat", "the cot", "he cat"]]))
        >>> votes[0].text, [round(share, 2) for share in votes[0].agreement]
        ('the cat', [0.67, 1.0, 1.0, 1.0, 1.0, 0.67, 1.0])
    """
    if method not in get_args(Method):
        raise invalid("method", "'confidence', 'median' or 'setmedian'", repr(method))
    lines = [_strings(row, n) for n, row in enumerate(transcripts.texts)]
    if confidences is not None and len(confidences) != len(lines):
        raise invalid("confidences", f"{len(lines)} lists, one a line", f"{len(confidences)}")
    if method == "median":
        find = require("Levenshtein", "ocr", "A consensus by median").median
        texts = [find(row) for row in lines]
    elif method == "setmedian":
        texts = [_nearest(row) for row in lines]
    else:
        logs = None if transcripts.log_probs is None else transcripts.log_probs.tolist()
        texts = [
            _voted(
                row,
                _weights(
                    row,
                    None if logs is None else logs[n],
                    None if confidences is None else confidences[n],
                    n,
                ),
            )
            for n, row in enumerate(lines)
        ]
    return [Consensus(text, _agreement(text, row)) for text, row in zip(texts, lines, strict=True)]


def _strings(row: Sequence[object], n: int) -> list[str]:
    for member, reading in enumerate(row):
        if not isinstance(reading, str):
            raise invalid(
                "transcripts", "readings that are strings", f"{reading!r}",
                where=f"row {n}, member {member}",
            )  # fmt: skip
    return [str(reading) for reading in row]


def _weights(
    row: Sequence[str],
    logs: Sequence[float] | None,
    confidences: Sequence[Sequence[float] | None] | None,
    n: int,
) -> list[list[float]]:
    """Return the confidence of each character of each reading, of an empty one as a whole."""
    weights = []
    if confidences is not None and len(confidences) != len(row):
        raise invalid(
            "confidences", f"{len(row)} entries, one a reading", f"{len(confidences)}",
            where=f"row {n}",
        )  # fmt: skip
    for member, reading in enumerate(row):
        own = None if confidences is None else confidences[member]
        count = max(1, len(reading))
        if own is None or (not reading and not len(own)):
            sure = 1.0 if logs is None else math.exp(logs[member] / count)
            own = [sure] * count
        if len(own) != count or not all(0 <= value <= 1 for value in own):
            raise invalid(
                "confidences", f"{count} numbers from 0 to 1, one a character",
                f"{list(own)!r}"[:80], where=f"row {n}, member {member}",
            )  # fmt: skip
        weights.append(list(own))
    return weights


def _voted(row: Sequence[str], weights: Sequence[Sequence[float]]) -> str:
    if row.count(row[0]) == len(row):
        return row[0]
    pivot = _nearest(row)
    # place in the pivot -> its own column; (gap, i) -> the column of the i-th character there
    votes: dict[tuple[int, int], dict[str, float]] = defaultdict(lambda: defaultdict(float))
    silence = 0.0
    for reading, sure in zip(row, weights, strict=True):
        mean = sum(sure) / len(sure)
        silence += mean
        for column, place in _columns(pivot, reading).items():
            votes[column][reading[place]] += sure[place]
            votes[column][""] -= mean
    chosen = []
    for column in sorted({*votes, *((place, -1) for place in range(len(pivot)))}):
        found = votes[column]
        found[""] += silence
        # Sums that are equal up to rounding are a tie, which the pivot's own character wins.
        own = pivot[column[0]] if column[1] < 0 else ""
        best = max(found.values())
        tied = sorted(one for one, value in found.items() if value >= best - 1e-9)
        chosen.append(own if own in tied else tied[0])
    return "".join(chosen)


def _nearest(row: Sequence[str]) -> str:
    """Return the reading with the smallest sum of distances; of equals the first in the alphabet.

    So the vote does not depend on the voters' order.
    """
    from rapidfuzz.distance import Levenshtein

    counts = Counter(row)
    return min(
        counts,
        key=lambda one: (
            sum(Levenshtein.distance(one, other) * count for other, count in counts.items()),
            one,
        ),
    )


def _columns(pivot: str, reading: str) -> dict[tuple[int, int], int]:
    """Return column -> place in `reading` of the character that stands there.

    The column (i, -1) is the pivot's character i; (i, j) is the j-th of those inserted before it.
    """
    from rapidfuzz.distance import Levenshtein

    columns: dict[tuple[int, int], int] = {}
    inserted: Counter[int] = Counter()
    for step in Levenshtein.opcodes(pivot, reading):
        for offset in range(step.dest_end - step.dest_start):
            place = step.dest_start + offset
            if step.tag == "insert":
                gap = step.src_start
                # Gaps stand before their character, (i, -1): so they get the place before it.
                columns[gap - 1, inserted[gap]] = place
                inserted[gap] += 1
            else:
                columns[step.src_start + offset, -1] = place
    return columns


def _agreement(text: str, row: Sequence[str]) -> tuple[float, ...]:
    shares = [0] * len(text)
    for reading in row:
        for (place, inside), where in _columns(text, reading).items():
            if inside < 0 and reading[where] == text[place]:
                shares[place] += 1
    return tuple(share / len(row) for share in shares)

"""What a model says of samples, short enough to be kept until the next one has been trained."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from altasks.abilities import StreamingPredictor, provides
from altasks.acquisition import edit_disagreement, entropy, mnlp, variance
from altasks.predictions import (
    Bernoulli,
    Categorical,
    Normal,
    Prediction,
    Ragged,
    Transcripts,
)

#: Units of a sample that are kept at most, evenly spaced; of a streamed one, of each piece.
UNITS, PIECE_UNITS = 200, 32
#: Boxes count from this confidence on, Ultralytics' own.
CONF = 0.25


@dataclass
class Answers:
    """What a model says of some samples.

    Args:
        kind: `"classes"`, `"labels"`, `"numbers"`, `"text"` or `"boxes"`.
        values: one for each sample, as JSON. Classes: a list of columns, one for each unit kept;
            labels: how many decisions, then those that are yes; numbers: a list; text: the
            reading; boxes: lists of a column and four corners.
        uncertainty: of each sample, in [0, 1] or near; None where a prediction doesn't say.
    """

    kind: str = ""
    values: list[Any] = field(default_factory=list)
    uncertainty: list[float | None] = field(default_factory=list)


def answers_of(
    task: Any,
    samples: Sequence[Any],
    calibrate: Callable[[Prediction], Prediction] | None = None,
) -> Answers:
    """Return what the task says of one batch; a streamed sample is read in pieces."""
    if not provides(task, StreamingPredictor):
        found = task.predict(samples)
        return read_prediction(found if calibrate is None else calibrate(found))
    together = Answers(values=[[] for _ in samples], uncertainty=[None] * len(samples))
    sums = np.zeros((len(samples), 2))
    for index, piece in _pieces(task, samples, calibrate):
        units = piece.units if isinstance(piece, Ragged) else piece
        if not len(units):
            continue
        one = read_prediction(Ragged(units, [len(units)]), PIECE_UNITS)
        together.kind = one.kind
        together.values[index] = _joined(one.kind, together.values[index], one.values[0])
        if one.uncertainty[0] is not None:
            sums[index] += (one.uncertainty[0] * len(units), len(units))
    together.kind = together.kind or "classes"
    for row, (total, count) in enumerate(sums.tolist()):
        if count:
            together.uncertainty[row] = total / count
    return together


def _pieces(
    task: Any, samples: Sequence[Any], calibrate: Callable[[Prediction], Prediction] | None
) -> Iterator[tuple[int, Prediction]]:
    for index, piece in task.iter_predict(samples):
        yield index, piece if calibrate is None else calibrate(piece)


def _joined(kind: str, before: list[Any], more: list[Any]) -> list[Any]:
    if kind != "labels" or not before:
        return [*before, *more]
    return [before[0] + more[0], *before[1:], *(before[0] + place for place in more[1:])]


def read_prediction(prediction: Prediction, most: int = UNITS) -> Answers:
    """Return what a prediction says of each sample."""
    units = prediction.units if isinstance(prediction, Ragged) else prediction
    spans = _spans(prediction)
    if isinstance(prediction, Ragged) and "boxes" in prediction.fields:
        return Answers("boxes", _boxes(prediction, spans), _unsure(prediction))
    if isinstance(units, Categorical):
        best = units.mean_probs.argmax(1).tolist()
        values: list[Any] = [[best[row] for row in _some(span, most)] for span in spans]
        return Answers("classes", values, _unsure(prediction))
    if isinstance(units, Bernoulli):
        likely = (units.mean_probs > 0.5).cpu().numpy()
        values = []
        for span in spans:
            there = likely[_some(span, most)]
            values.append([there.size, *np.flatnonzero(there).tolist()])
        return Answers("labels", values, _unsure(prediction))
    if isinstance(units, Normal):
        means = units.mean.double().mean(1).tolist()  # M x T
        values = [[x for row in _some(span, most) for x in means[row]] for span in spans]
        return Answers("numbers", values, _unsure(prediction))
    assert isinstance(units, Transcripts)
    read = [_most_common(row) for row in units.texts]
    # Readings of several units (a page's lines) lie one after the other.
    values = [
        read[span.start] if len(span) == 1 else "\n".join(map(str, (read[i] for i in span)))
        for span in spans
    ]
    return Answers("text", values, _unsure(prediction))


def _spans(prediction: Prediction) -> list[range]:
    if not isinstance(prediction, Ragged):
        return [range(row, row + 1) for row in range(len(prediction))]
    ends = prediction.offsets.tolist()
    return [range(ends[row], ends[row + 1]) for row in range(len(prediction))]


def _some(span: range, most: int) -> list[int]:
    """Return at most so many places of a span, evenly spaced: the same for equal lengths."""
    if len(span) <= most:
        return list(span)
    return [span[i * len(span) // most] for i in range(most)]


def _most_common(readings: Sequence[Any]) -> Any:
    """Return what most members read, the first of equals; symbols as a list."""
    best = Counter(readings).most_common(1)[0][0]
    return best if isinstance(best, str) else [str(symbol) for symbol in best]


def _boxes(prediction: Ragged, spans: Sequence[range]) -> list[Any]:
    units = prediction.units
    assert isinstance(units, Categorical | Bernoulli)
    scores = prediction.fields.get("scores")
    named = scores if isinstance(scores, torch.Tensor) and scores.ndim == 2 else units.mean_probs
    best = named.argmax(1).tolist() if len(units) else []
    conf = prediction.fields.get("conf")
    keep = [True] * len(units) if conf is None else (torch.as_tensor(conf) >= CONF).tolist()
    corners = torch.as_tensor(prediction.fields["boxes"]).double().round(decimals=1).tolist()
    return [[[best[i], *corners[i]] for i in span if keep[i]] for span in spans]


def _unsure(prediction: Prediction) -> list[float | None]:
    """Return how unsure it is of each sample; None of one without units, or where it can't say."""
    units = prediction.units if isinstance(prediction, Ragged) else prediction
    count = len(prediction)
    if isinstance(units, Categorical):
        found = entropy(prediction) / math.log(units.classes)
    elif isinstance(units, Bernoulli):
        found = entropy(prediction) / math.log(2)
    elif isinstance(units, Normal) and units.scale is not None:
        found = variance(prediction)  # as a share of the targets' own
    elif isinstance(units, Transcripts) and units.members > 1:
        found = edit_disagreement(prediction)
    elif isinstance(units, Transcripts) and units.log_probs is not None:
        found = 1 - torch.exp(-mnlp(prediction))
    else:
        return [None] * count
    values: list[float | None] = list(found.double().tolist())
    if isinstance(prediction, Ragged):
        for row in (prediction.lengths == 0).nonzero().flatten().tolist():
            values[row] = None
    return values

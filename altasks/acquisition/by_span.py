"""Scores by entity: spans first, then the sentence, so that long sentences don't drown a name."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from altasks.acquisition._reduce import Reduce, check_reduction, reduce_units
from altasks.acquisition._sequences import owners_of
from altasks.errors import UnsupportedPredictionError, invalid
from altasks.predictions import Bernoulli, Categorical, Normal, Prediction, Ragged
from altasks.registry import get_acquisition


def by_span(
    prediction: Prediction,
    *,
    acquisition: str | Callable[..., Tensor] = "margin",
    reduce: Reduce = "max",
    k: int = 10,
    empty: Literal["max", "mean"] | float = "max",
    field: str = "span",
    options: Mapping[str, Any] | None = None,
) -> Tensor:
    """Return the scores of samples from those of their predicted spans.

    A span's score is the mean of its words' scores, and a sample's is reduced over its spans. The
    mean over all words of a sentence is mostly that of the words outside any name, of which a
    tagger is sure: one doubtful name in thirty words hardly shows. By span it does. Words outside
    every span count for nothing, unless the sample has no span at all.

    A sample without a span is where a name may have been missed. By default it is read as if its
    most doubtful word were its one span: on the scale of the other scores, whatever `reduce` is.
    With `empty=0.0` such a sample comes last, and what the model misses is never asked about; with
    `"mean"` the one word it wavers on drowns again.

    Args:
        prediction: a `Ragged` whose `fields[field]` says which span each unit is in: 0, 1, ...
            within the sample, and -1 for none, such as `NER.predict` returns.
        acquisition: scores the units: a function, or its name, that takes `reduce="none"`.
        reduce: `"max"`, `"mean"` or `"sum"` over a sample's spans, or `"top_k"`: the mean of the
            `k` largest, of all if fewer.
        k: for `"top_k"`.
        empty: the score of a sample without a span: `"max"` or `"mean"` of its units' scores, or
            a number. A sample without a unit gets the number, or 0.
        field: the name of the field.
        options: keyword arguments of the acquisition function, such as `{"power": 2}`.

    Returns:
        `[N]`, finite, in the type and on the device of the unit scores.

    Raises:
        UnsupportedPredictionError: if the prediction is no `Ragged`, lacks the field, or can't be
            read by the acquisition function.
        InvalidInputError: for spans that aren't such numbers, an acquisition function without
            unit scores, or an option out of range.
        UnknownNameError: for a name of a function that doesn't exist.

    Source:
        Our own: it follows no paper that we know.

    Example:
        >>> from altasks import Categorical, Ragged
        >>> words = Categorical([[1.0, 0.0], [0.5, 0.5], [1.0, 0.0], [0.75, 0.25]])
        >>> spans = torch.tensor([-1, 0, 0, -1])
        >>> sentences = Ragged(words, lengths=[3, 1], fields={"span": spans})
        >>> by_span(sentences).tolist()
        [0.5, 0.5]
        >>> by_span(sentences, empty=0.0).tolist()
        [0.5, 0.0]
    """
    if reduce == "none":
        raise invalid(
            "reduce",
            "'max', 'mean', 'sum' or 'top_k': by_span is a reduction",
            "'none'",
            hint="For unit scores call the acquisition function itself.",
        )
    check_reduction(reduce, k, 0.0)
    by_units = isinstance(empty, str) and empty in ("max", "mean")
    if not by_units and (
        not isinstance(empty, int | float | np.number) or not math.isfinite(empty)
    ):
        raise invalid("empty", "'max', 'mean' or a finite number", f"{empty!r}")
    spans = _spans_of(prediction, field)  # M
    assert isinstance(prediction, Ragged)
    scores = _unit_scores(prediction, acquisition, options)  # M
    owners = owners_of(prediction, scores.device)  # M
    alone = 0.0 if by_units else float(empty)

    inside = (spans >= 0).to(scores.device)
    # One number for each pair of sample and span: a span's number is below M.
    width = max(len(spans), 1)
    keys = owners[inside] * width + spans.to(scores.device)[inside]
    found, span_of = torch.unique(keys, return_inverse=True)  # S by sample; one per word
    order = span_of.argsort(stable=True)
    words = torch.bincount(span_of, minlength=len(found))  # S
    means = _segments(scores[inside][order], words, reduce="mean")  # S
    counts = torch.bincount(found // width, minlength=len(prediction))  # N
    result = _segments(means, counts, reduce=reduce, k=k, empty=alone)
    if not by_units:
        return result
    assert isinstance(empty, str)
    # `empty` is "max" or "mean", which reductions over units are called as well.
    without = reduce_units(scores, prediction, reduce=empty)
    return torch.where(counts == 0, without, result)


# By hand: the decorator would have it recommended for every prediction, also one without spans.
by_span.reads = (Categorical, Bernoulli, Normal)  # type: ignore[attr-defined]
by_span.min_members = 1  # type: ignore[attr-defined]


by_span.fields = ("span",)  # type: ignore[attr-defined]  # unless field= names another


def _segments(
    scores: Tensor, lengths: Tensor, *, reduce: Reduce, k: int = 1, empty: float = 0.0
) -> Tensor:
    """Return the reduction of consecutive scores, `[len(lengths)]`."""
    # Of the prediction, a reduction reads how many units there are: these have no content.
    blank = Categorical._trusted(torch.empty(len(scores), 1, 0), None)
    segments = Ragged._trusted(blank, lengths.cpu(), {})
    return reduce_units(scores, segments, reduce=reduce, k=k, empty=empty)


def _spans_of(prediction: Any, field: str) -> Tensor:
    """Return the span of each unit, `[M]`, on the CPU."""
    advice = (
        "NER.predict returns one; by hand: Ragged(units, lengths, fields={'span': numbers}), with "
        "0, 1, ... for the spans of a sample and -1 for units in none. Without spans use the "
        "acquisition function itself, with reduce='max' or 'top_k'."
    )
    if not isinstance(prediction, Ragged):
        raise UnsupportedPredictionError(
            f"by_span: reads a Ragged with a field {field!r}, found {prediction!r}. {advice}"
        )
    if field not in prediction.fields:
        there = ", ".join(map(repr, prediction.fields)) or "none"
        raise UnsupportedPredictionError(
            f"by_span: reads a Ragged with a field {field!r}, found the fields: {there}. {advice}"
        )
    spans = torch.as_tensor(prediction.fields[field]).cpu()
    if not len(spans):
        spans = spans.to(torch.int64)
    argument = f"fields[{field!r}]"
    if spans.ndim != 1 or spans.is_floating_point() or spans.dtype == torch.bool:
        found = f"{spans.dtype}, shape {list(spans.shape)}"
        raise invalid(argument, "one whole number for each unit", found)
    spans = spans.to(torch.int64)
    limits = torch.repeat_interleave(prediction.lengths, prediction.lengths)  # M
    wrong = (spans < -1) | (spans >= limits)
    if bool(wrong.any()):
        unit = int(wrong.nonzero()[0])
        sample = int(owners_of(prediction, "cpu")[unit])
        raise invalid(
            argument,
            f"-1, or a span's number within its sample: 0 to {int(limits[unit]) - 1}",
            f"{int(spans[unit])}",
            where=f"unit {unit}, row {sample}",
        )
    return spans


def _unit_scores(
    prediction: Ragged,
    acquisition: str | Callable[..., Tensor],
    options: Mapping[str, Any] | None,
) -> Tensor:
    function = get_acquisition(acquisition) if isinstance(acquisition, str) else acquisition
    if not callable(function):
        raise invalid("acquisition", "a function or its name", f"{acquisition!r}")
    name = getattr(function, "__name__", type(function).__name__)
    given = dict(options or {})
    own = sorted({"reduce", "k", "empty"} & given.keys())
    if own:
        raise invalid(
            "options",
            f"options of {name} for a unit's score",
            f"{own[0]!r}",
            hint="The reduction is by_span's: by_span(..., reduce=, k=, empty=).",
        )
    parameters = inspect.signature(function).parameters.values()
    if not any(one.name == "reduce" or one.kind is one.VAR_KEYWORD for one in parameters):
        raise invalid(
            "acquisition",
            "a function with unit scores, which takes reduce='none'",
            name,
            hint="For tags use margin, entropy, mnlp, bald or variation_ratio.",
        )
    scores = function(prediction, reduce="none", **given)
    if not isinstance(scores, Tensor) or scores.shape != (len(prediction.units),):
        found = list(scores.shape) if isinstance(scores, Tensor) else type(scores).__name__
        raise invalid("acquisition", f"[{len(prediction.units)}] unit scores", f"{found}")
    return scores

"""The decorator of acquisition functions, and its error for unsupported predictions."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Concatenate, ParamSpec, cast

import numpy as np
from torch import Tensor

from altasks.errors import InvalidInputError, UnsupportedPredictionError
from altasks.predictions import (
    Bernoulli,
    Categorical,
    Normal,
    Prediction,
    Ragged,
    Transcripts,
)

Options = ParamSpec("Options")

_KINDS: tuple[type[Prediction], ...] = (Categorical, Bernoulli, Normal, Transcripts)

# Every declared function, for advice in messages: name -> (kinds it reads, least K, fields).
_DECLARED: dict[str, tuple[tuple[type[Prediction], ...], int, frozenset[str]]] = {}


def acquisition(
    *,
    reads: tuple[type[Prediction], ...],
    min_members: int = 1,
    from_labels: Mapping[str, Callable[[Sequence[Any]], Any]] | None = None,
    fields: Sequence[str] = (),
) -> Callable[
    [Callable[Concatenate[Prediction, Options], Tensor]],
    Callable[Concatenate[Prediction, Options], Tensor],
]:
    """Declare what an acquisition function reads, and refuse everything else for it.

    An acquisition function needs no more than to be callable as `f(prediction, **options)` and to
    return one finite score per sample, higher = label first. Declared this way it also says, when
    given something it can't read, what it reads and which functions suit what it was given.

    Args:
        reads: the kinds of prediction it understands, from `Categorical`, `Bernoulli`, `Normal`
            and `Transcripts`; a `Ragged` of one of these is let through as well.
        min_members: the smallest committee it makes sense for: 2 for one that measures
            disagreement.
        from_labels: options that say something of the labels that there are, each with a function
            that makes its value of the list of them. A loop fills those that its user doesn't.
        fields: of a `Ragged`, those it can't do without, such as the boxes' `overlap`.

    Returns:
        A decorator. The function keeps its name, signature and docstring, and gains the
        attributes `reads`, `min_members`, `from_labels` and `fields`.

    Raises:
        InvalidInputError: if `reads` holds anything else, or `min_members` is below 1.

    Example:
        >>> from altasks import Categorical
        >>> from altasks.acquisition import acquisition, reduce_units, units_of
        >>> @acquisition(reads=(Categorical,))
        ... def second_best(prediction, *, reduce="mean", k=10, empty=0.0):
        ...     '''Score by the probability of the runner-up class.'''
        ...     probs = units_of(prediction).mean_probs  # M x C
        ...     scores = probs.topk(2).values[:, 1]  # M
        ...     return reduce_units(scores, prediction, reduce=reduce, k=k, empty=empty)
        >>> second_best(Categorical([[0.75, 0.25], [0.5, 0.5]])).tolist()
        [0.25, 0.5]
    """
    if not reads or not all(kind in _KINDS for kind in reads):
        names = ", ".join(kind.__name__ for kind in _KINDS)
        raise InvalidInputError(f"reads: expected a tuple of {names}, found {reads!r}.")
    if min_members < 1:
        raise InvalidInputError(f"min_members: expected at least 1, found {min_members}.")

    def declare(
        function: Callable[Concatenate[Prediction, Options], Tensor],
    ) -> Callable[Concatenate[Prediction, Options], Tensor]:
        name = getattr(function, "__name__", type(function).__name__)

        @functools.wraps(function)
        def checked(
            prediction: Prediction, *args: Options.args, **kwargs: Options.kwargs
        ) -> Tensor:
            require_readable(name, reads, min_members, prediction)
            return function(prediction, *args, **kwargs)

        checked.reads = reads  # type: ignore[attr-defined]
        checked.min_members = min_members  # type: ignore[attr-defined]
        checked.from_labels = dict(from_labels or {})  # type: ignore[attr-defined]
        checked.fields = tuple(fields)  # type: ignore[attr-defined]
        _DECLARED[name] = (reads, min_members, frozenset(fields))
        return cast(Callable[Concatenate[Prediction, Options], Tensor], checked)

    return declare


def units_of(prediction: Prediction) -> Prediction:
    """Return the prediction over units: what is inside a `Ragged`, or the prediction itself."""
    return prediction.units if isinstance(prediction, Ragged) else prediction


def require_readable(
    name: str, reads: tuple[type[Prediction], ...], min_members: int, prediction: Any
) -> None:
    """Refuse a prediction that the function called `name` can't read, and say what can.

    Raises:
        UnsupportedPredictionError: for another kind, or too small a committee.
    """
    if not isinstance(prediction, Prediction):
        raise UnsupportedPredictionError(
            f"{name}: expected a prediction ({_either(_names(reads))}), found "
            f"{_kind_of(prediction)}. {_how_to_wrap(reads)}"
        )
    units = units_of(prediction)
    if not isinstance(units, reads):
        inside = type(units).__name__
        suited = _suited(prediction)
        advice = (
            f"For {_article(inside)} use {_either(suited)}."
            if suited
            else f"Nothing known reads {_article(inside)} of {units.members} members."
        )
        raise UnsupportedPredictionError(
            f"{name}: reads {_listed(reads)} (or a Ragged of these), found {prediction!r}. {advice}"
        )
    # No texts, no committee to count: K = 0 says "unknown", not "too few".
    if 0 < units.members < min_members:
        suited = _suited(prediction)
        alone = f"With one member use {_either(suited)}. " if suited else ""
        raise UnsupportedPredictionError(
            f"{name}: measures how members disagree and needs K >= {min_members}, found K = "
            f"{units.members} in {prediction!r}. {alone}For a committee use MCDropout or Ensemble."
        )


def _suited(prediction: Prediction) -> list[str]:
    """Return the functions that read a prediction, its committee and its fields."""
    units = units_of(prediction)
    there = set(prediction.fields) if isinstance(prediction, Ragged) else set()
    return sorted(
        name
        for name, (reads, least, fields) in _DECLARED.items()
        if isinstance(units, reads)
        and (units.members >= least or units.members == 0)
        and fields <= there
    )


def _kind_of(value: Any) -> str:
    if isinstance(value, Tensor | np.ndarray):
        return f"{_article(type(value).__name__)} of shape {list(value.shape)}"
    return _article(type(value).__name__)


def _how_to_wrap(reads: tuple[type[Prediction], ...]) -> str:
    ways = {
        Categorical: "Categorical(probs) or Categorical.from_logits(logits) for exclusive classes",
        Bernoulli: "Bernoulli(probs) for independent labels",
        Normal: "Normal(mean, variance) for regression",
        Transcripts: "Transcripts(texts) for readings",
    }
    return f"Wrap it: {'; '.join(way for kind, way in ways.items() if kind in reads)}."


def _listed(reads: tuple[type[Prediction], ...]) -> str:
    return _join(_names(reads), "and")


def _names(reads: tuple[type[Prediction], ...]) -> list[str]:
    return [kind.__name__ for kind in reads]


def _either(names: list[str]) -> str:
    return _join(names, "or")


def _join(names: list[str], word: str) -> str:
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} {word} {names[-1]}"


def _article(name: str) -> str:
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"

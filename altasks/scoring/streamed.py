"""Scores of samples whose predictions come in pieces."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, get_args

import torch
from torch import Tensor

from altasks._internal.arrays import refuse_masked
from altasks.abilities import Grouped, StreamsItself, provides
from altasks.acquisition import Reduce, StreamedReduction
from altasks.predictions import Prediction, Ragged

#: Options of a function that say how unit scores become a sample's.
_REDUCTION = ("reduce", "k", "empty")


class StreamedScorer:
    """Scores the samples of a task with `iter_predict`, by one of three ways.

    - A function with an attribute `streamed` folds the pieces itself, as `dice_disagreement` does.
    - One that takes `reduce="none"` and then returns the scores of units is called piece by piece,
      and its unit scores are reduced here: nothing dense outlives its piece.
    - Any other function is called with whole samples, put together from their pieces: one sample's
      (or one group's, such as the regions of an image) prediction is in memory.

    Args:
        task: with `iter_predict`.
        function: the acquisition function.
        options: its keyword arguments.
        check: called with each prediction as it comes.
        calibrate: what each goes through next, if anything.
    """

    def __init__(
        self,
        task: Any,
        function: Callable[..., Any],
        options: Mapping[str, Any],
        check: Callable[[Any], None],
        calibrate: Callable[[Prediction], Prediction] | None = None,
    ) -> None:
        self._task = task
        self._function = function
        self._options = dict(options)
        self._check = check
        self._calibrate = calibrate
        defaults = _defaults_of(function)
        self._reduction: dict[str, Any] = {
            name: self._options.get(name, defaults.get(name))
            for name in _REDUCTION
            if name in self._options or name in defaults
        }
        self._by_units: bool | None = None  # not known before the first piece

    def score(self, batch: Sequence[Any]) -> Any:
        """Return the scores of a batch, `[n]`."""
        function = self._function
        if provides(function, StreamsItself):
            folded = function.streamed(len(batch), **self._options)
            for index, prediction in self._pieces(batch):
                folded.add(index, prediction)
            return folded.result()
        if self._by_units is not False:
            scores = self._score_by_units(batch)
            if scores is not None:
                return scores
        return self._score_whole(batch)

    def _pieces(self, batch: Sequence[Any]) -> Iterable[tuple[int, Prediction]]:
        for index, prediction in self._task.iter_predict(batch):
            self._check(prediction)
            yield index, prediction if self._calibrate is None else self._calibrate(prediction)

    def _score_by_units(self, batch: Sequence[Any]) -> Any:
        """Return the scores, or None if the function doesn't score units, or none came."""
        total = StreamedReduction(len(batch), **self._reduction) if self._by_units else None
        for index, prediction in self._pieces(batch):
            units, fields = _opened(prediction)
            if self._by_units is None and len(units):
                self._by_units = self._scores_units(units, fields)
                if self._by_units:
                    # The options as given, on one unit: what the function refuses, such as mnlp
                    # another reduction than its own, must not pass because the stream reduces.
                    some = {name: rows[:1] for name, rows in fields.items()}
                    self._function(Ragged(units[:1], [1], some), **self._options)
            if self._by_units is False:
                return None
            if not len(units):
                continue
            if total is None:
                total = StreamedReduction(len(batch), **self._reduction)
            piece = Ragged(units, [len(units)], fields)
            total.add(index, self._function(piece, **{**self._options, "reduce": "none"}))
        return None if total is None else total.result()

    def _scores_units(self, units: Prediction, fields: Mapping[str, Any]) -> bool:
        """Return whether the function gives one score a unit when asked for `reduce="none"`."""
        if not _takes(self._function, "reduce"):
            return False
        if self._reduction.get("reduce", "mean") not in get_args(Reduce):
            return False  # one of its own
        # Two units, so that their scores aren't taken for that of one sample.
        one = Ragged(units[:1], [1], {name: values[:1] for name, values in fields.items()})
        two = _joined([one, one], [2])
        try:
            scores = self._function(two, **{**self._options, "reduce": "none"})
        except Exception:  # whatever it raises, it raises again for what it is given next
            return False
        return tuple(getattr(scores, "shape", ())) == (2,)

    def _score_whole(self, batch: Sequence[Any]) -> Tensor:
        scores = torch.zeros(len(batch), dtype=torch.float64)
        for places in _groups(self._task, batch):
            samples = [batch[place] for place in places]
            whole = self._whole(samples)
            scored = self._function(whole, **self._options)
            refuse_masked(scored, "acquisition")
            found = torch.as_tensor(scored)
            if found.shape != (len(samples),):
                return found  # the caller names what is wrong with it
            scores[places] = found.detach().double().cpu()
        return scores

    def _whole(self, samples: Sequence[Any]) -> Prediction:
        """Return the prediction of some samples, put together from its pieces."""
        pieces: list[list[Ragged]] = [[] for _ in samples]
        for index, prediction in self._pieces(samples):
            units, fields = _opened(prediction)
            pieces[index].append(Ragged(units, [len(units)], fields))
        in_order = [piece for parts in pieces for piece in parts]
        if not in_order:
            predicted: Prediction = self._task.predict(samples)
            return predicted if self._calibrate is None else self._calibrate(predicted)
        return _joined(in_order, [sum(len(one.units) for one in parts) for parts in pieces])


def _joined(pieces: Sequence[Ragged], lengths: Sequence[int]) -> Ragged:
    """Return pieces as one prediction, whose samples have so many units."""
    whole = Ragged.cat(pieces)
    return Ragged(whole.units, lengths, whole.fields)


def _opened(prediction: Prediction) -> tuple[Prediction, Mapping[str, Any]]:
    if isinstance(prediction, Ragged):
        return prediction.units, prediction.fields
    return prediction, {}


def _groups(task: Any, batch: Sequence[Any]) -> list[list[int]]:
    """Return the places of samples that are predicted together, at least one."""
    key_of = task.group_key if provides(task, Grouped) else None
    found: dict[Any, list[int]] = {}
    for place, sample in enumerate(batch):
        key = None if key_of is None else key_of(sample)
        found.setdefault(("alone", place) if key is None else ("group", key), []).append(place)
    return list(found.values())


def _parameters(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter] | None:
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):  # written in C, or wrapped by something that hides it
        return None


def _takes(function: Callable[..., Any], name: str) -> bool:
    parameters = _parameters(function)
    if parameters is None:
        return True  # it may, so it is tried
    return name in parameters or any(
        one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters.values()
    )


def _defaults_of(function: Callable[..., Any]) -> dict[str, Any]:
    return {
        name: one.default
        for name, one in (_parameters(function) or {}).items()
        if name in _REDUCTION and one.default is not inspect.Parameter.empty
    }

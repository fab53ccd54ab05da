"""Score a pool, one batch at a time: a dense prediction never outlives its batch."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from torch import Tensor
from tqdm.auto import tqdm

from altasks.abilities import (
    AveragesFeatures,
    ChecksSamples,
    DefaultAcquisition,
    Embeds,
    Grouped,
    HasCommittee,
    JointDraws,
    Sized,
    StartsRounds,
    StreamingPredictor,
    StreamsItself,
    UniformSize,
    provides,
)
from altasks.acquisition import StreamedReduction
from altasks.data import Pool, as_pool
from altasks.errors import InvalidInputError, ScoringInterruptedError, invalid, require_whole
from altasks.predictions import Bernoulli, Categorical, Normal, Prediction, Ragged
from altasks.registry import get_acquisition
from altasks.scoring.reader import Reader
from altasks.scoring.scores import KEEPABLE, KeptRows, Scores

__all__ = ["KEEPABLE", "Scores", "score"]


class _SameCommittee:
    """Refuses a committee or a set of classes that changes between batches.

    Scores of two members and of twenty, or over three classes and over ten, don't compare.
    """

    def __init__(self) -> None:
        self._first: str | None = None

    def check(self, prediction: Any) -> None:
        units = prediction.units if isinstance(prediction, Ragged) else prediction
        if not isinstance(units, Prediction) or not units.members:
            return  # said elsewhere; or readings of no unit, whose members nobody knows
        found = f"{type(units).__name__} with K = {units.members}"
        if isinstance(units, Categorical | Bernoulli):
            found += f" and {units.probs.shape[2]} in the last dim"
        elif isinstance(units, Normal):
            found += f" and {units.targets} in the last dim"
        self._first = self._first or found
        if found != self._first:
            raise invalid("predict", f"{self._first}, as before", found)


def score(
    task: Any,
    pool: Any,
    acquisition: str | Callable[..., Tensor] | None = None,
    *,
    batch_size: int = 32,
    keep: Collection[str] = (),
    progress: bool | None = None,
    round: int = 0,
    acquisition_options: Mapping[str, Any] | None = None,
    keep_in: Path | str | None = None,
    unreadable: Literal["error", "skip"] = "error",
) -> Scores:
    """Score every sample of a pool.

    Batches are made of samples of equal size where the task has `size`, the biggest first, so
    that a batch that doesn't fit in memory fails at once. Memory is O(N) floats plus one batch,
    plus what is kept.

    Args:
        task: anything with `predict(samples) -> Prediction`, or with
            `iter_predict(samples)` yielding `(index into samples, Prediction of some units)`.
        pool: whatever `as_pool` takes.
        acquisition: a function or its name; by default the task's own default.
        batch_size: samples per call of the task.
        keep: what else to keep of each sample, for strategies: any of `"embeddings"` [N, d],
            `"mean_probs"` [N, C], `"draws"` [N, K, C] (a whole pool's draws are N K C floats).
        progress: a progress bar; None shows one on a terminal.
        round: the round the committee's random draws are for.
        acquisition_options: keyword arguments for the acquisition function, such as
            `{"reduce": "max"}`.
        keep_in: an existing folder for memory-mapped `.npy` files of what is kept; None keeps it
            in memory.
        unreadable: what becomes of samples that can't be read (a damaged file). The rest is
            scored in any case; then `"error"` raises and `"skip"` leaves them out of what is
            returned and lists them in its `skipped`.

    Raises:
        InvalidInputError: for an empty pool, an unknown name in `keep`, draws that are not
            joint, or a task whose prediction doesn't fit its samples (naming the ids).
        UnreadableSampleError: at the end, if samples can't be read; its `skipped` says which and
            why, its `partial` holds the scores of the others. Also with `"skip"` if none can.
        ScoringInterruptedError: on Ctrl-C; its `partial` holds the scores until then.

    Example:
        >>> import altasks as al
        >>> class Coin:
        ...     def predict(self, samples):
        ...         return al.Categorical([[x, 1 - x] for x in samples])
        >>> al.score(Coin(), {"sure": 0.99, "torn": 0.5}, "entropy").top(1)
        ['torn']
    """
    samples = as_pool(pool)
    function = _resolve(task, acquisition)
    options = dict(acquisition_options or {})
    _check_keep(task, keep)
    require_whole("batch_size", batch_size, 1)
    if provides(task, StartsRounds):
        task.start_round(round)
    streaming = provides(task, StreamingPredictor)
    if streaming and not {*keep} <= {"embeddings"}:
        raise InvalidInputError(
            f"keep: {type(task).__name__} streams its samples in pieces, so "
            f"{sorted({*keep} - {'embeddings'})} of a whole sample never exists; score with "
            "keep=() or keep={'embeddings'}."
        )

    if unreadable not in ("error", "skip"):
        raise invalid("unreadable", "'error' or 'skip'", f"{unreadable!r}")

    folder = None if keep_in is None else Path(keep_in)
    if folder is not None and not folder.is_dir():
        raise invalid("keep_in", "an existing folder", repr(str(folder)))
    reader = Reader(samples)
    _check_samples(task, reader)
    order = _order(task, reader)
    values = np.zeros(len(samples))
    kept = KeptRows(len(samples), folder)
    committee = _SameCommittee()
    done = np.zeros(len(samples), dtype=bool)

    def work(batch: Sequence[Any], where: np.ndarray) -> None:
        if streaming:
            values[where] = _score_streamed(task, batch, function, options, committee)
            _keep(kept, keep, task, batch, None, where)
        else:
            prediction = task.predict(batch)
            committee.check(prediction)
            values[where] = _score_batch(prediction, batch, function, options)
            _keep(kept, keep, task, batch, prediction, where)
        _require_finite(values[where], where, samples, function)

    bar = tqdm(
        total=len(samples),
        desc=f"scoring ({getattr(function, '__name__', 'acquisition')})",
        unit="sample",
        disable=None if progress is None else not progress,
    )
    try:
        with bar:
            bar.update(len(samples) - len(order))
            for rows in _batches(task, samples, order, batch_size):
                done[reader.read(rows, work)] = True
                bar.update(len(rows))
    except KeyboardInterrupt as error:
        finished = int(done.sum())
        unread = f" ({len(reader.unreadable)} can't be read)" if reader.unreadable else ""
        raise ScoringInterruptedError(
            f"Interrupted after {finished} of {len(samples)} samples{unread}; they are in "
            "`.partial`.",
            _of_rows(reader, values, kept, done) if finished else None,
        ) from error
    scores = _of_rows(reader, values, kept, done)
    if reader.unreadable and (unreadable == "error" or not len(scores)):
        raise reader.error(scores if len(scores) else None)
    return scores


def _of_rows(reader: Reader, values: np.ndarray, kept: KeptRows, done: np.ndarray) -> Scores:
    """Return the scores of the rows that are done."""
    rows = np.flatnonzero(done)
    ids = reader.pool.ids
    return Scores(
        ids if len(rows) == len(ids) else [ids[i] for i in rows.tolist()],
        values[rows],
        **kept.pack(rows),
        skipped=reader.skipped(),
    )


def _resolve(task: Any, acquisition: str | Callable[..., Tensor] | None) -> Callable[..., Tensor]:
    chosen = acquisition
    if chosen is None and provides(task, DefaultAcquisition):
        chosen = task.default_acquisition
    if chosen is None:
        raise invalid(
            "acquisition",
            "a function or its name",
            f"None, and {type(task).__name__} has no default_acquisition",
        )
    function: Callable[..., Tensor] = get_acquisition(chosen) if isinstance(chosen, str) else chosen
    if not callable(function):
        raise invalid("acquisition", "a function or its name", f"{acquisition!r}")
    return function


def _check_keep(task: Any, keep: Collection[str]) -> None:
    if isinstance(keep, str) or not set(keep) <= set(KEEPABLE):
        raise invalid("keep", f"a collection of names among {', '.join(KEEPABLE)}", f"{keep!r}")
    if "draws" in keep and provides(task, JointDraws) and not task.joint_draws:
        raise InvalidInputError(
            f"keep: the draws of {type(task).__name__} are not joint (draw k is another function "
            "in each batch), so a joint entropy over them means nothing. Use "
            "MCDropout(layers='head') or an Ensemble."
        )


def _check_samples(task: Any, reader: Reader) -> None:
    """Let the task refuse a sample before any work is done, and say which id it is."""
    if not provides(task, ChecksSamples):
        return
    for start in range(0, len(reader.pool), 1000):
        rows = np.arange(start, min(start + 1000, len(reader.pool)))
        reader.read(rows, lambda batch, _: task.check_samples(batch), blame=True)


def _order(task: Any, reader: Reader) -> np.ndarray:
    """Return the rows to score, the biggest first; those known to be unreadable are left out."""
    sizes = np.zeros(len(reader.pool), np.int64)

    def measure(batch: Sequence[Any], row: np.ndarray) -> None:
        sizes[row] = task.size(batch[0])

    uniform = provides(task, UniformSize) and task.uniform_size
    if provides(task, Sized) and not uniform:
        for row in range(len(sizes)):
            if row not in reader.unreadable:
                reader.read(np.array([row]), measure)
    order = np.argsort(-sizes, kind="stable")
    return order[[i not in reader.unreadable for i in order.tolist()]]


def _batches(task: Any, samples: Pool, order: np.ndarray, batch_size: int) -> Iterator[np.ndarray]:
    """Yield rows to predict together; what a task's `group_key` says belongs together stays so.

    Regions of one image come from one pass over it, so a batch ends where an image does.
    """
    grouped = provides(task, Grouped)

    def key_at(place: int) -> Any:
        try:
            sample = samples.at(order[place])
        except Exception:  # what can't be decoded is found, and named, when it is to be scored
            return None
        return task.group_key(sample) if grouped else None

    start = 0
    while start < len(order):
        stop = min(start + batch_size, len(order))
        if grouped:
            key = key_at(stop - 1)
            while key is not None and stop < len(order) and key_at(stop) == key:
                stop += 1
        yield order[start:stop]
        start = stop


def _score_batch(
    prediction: Prediction,
    batch: Sequence[Any],
    function: Callable[..., Tensor],
    options: Mapping[str, Any],
) -> np.ndarray:
    if not isinstance(prediction, Prediction):
        raise invalid("predict", "a Prediction", type(prediction).__name__)
    if len(prediction) != len(batch):
        raise invalid("predict", f"a prediction of {len(batch)} samples", f"of {len(prediction)}")
    return _as_vector(function(prediction, **options), len(batch))


def _score_streamed(
    task: Any,
    batch: Sequence[Any],
    function: Callable[..., Tensor],
    options: Mapping[str, Any],
    committee: _SameCommittee,
) -> np.ndarray:
    if provides(function, StreamsItself):  # what has no unit scores to reduce folds for itself
        folded = function.streamed(len(batch), **options)
        for index, prediction in task.iter_predict(batch):
            committee.check(prediction)
            folded.add(index, prediction)
        return _as_vector(folded.result(), len(batch))
    reduction = StreamedReduction(
        len(batch),
        reduce=options.get("reduce", "mean"),
        k=options.get("k", 10),
        empty=options.get("empty", 0.0),
    )
    unit_options = {**options, "reduce": "none"}
    asked = False
    for index, prediction in task.iter_predict(batch):
        committee.check(prediction)
        units = prediction.units if isinstance(prediction, Ragged) else prediction
        fields = prediction.fields if isinstance(prediction, Ragged) else {}
        one = Ragged(units, [len(units)], fields)
        if not asked:
            # The options as given, on one unit: what the function refuses, such as mnlp another
            # reduction than its own, must not pass because the stream does the reducing.
            some = {name: rows[:1] for name, rows in fields.items()}
            function(Ragged(units[:1], [len(units[:1])], some), **options)
            asked = True
        reduction.add(index, function(one, **unit_options))
    return _as_vector(reduction.result(), len(batch))


def _as_vector(scores: Any, length: int) -> np.ndarray:
    vector: np.ndarray = (
        scores.detach().double().cpu().numpy()
        if isinstance(scores, Tensor)
        else np.asarray(scores, dtype=np.float64)
    )
    if vector.shape != (length,):
        raise invalid("acquisition", f"scores of shape [{length}]", f"shape {list(vector.shape)}")
    return vector


def _keep(
    kept: KeptRows,
    keep: Collection[str],
    task: Any,
    batch: Sequence[Any],
    prediction: Prediction | None,
    where: np.ndarray,
) -> None:
    if "embeddings" in keep:
        features = getattr(prediction, "features", None)
        # What is labelled is embedded by the model at rest. An average over passes that each drop
        # or see something else lies elsewhere, and distances between the two would mean nothing.
        embeds = provides(task, Embeds)
        committee = task.committee if provides(task, HasCommittee) else None
        if embeds and provides(committee, AveragesFeatures) and committee.averages_features:
            features = None
        if features is None and not embeds:
            raise invalid(
                "keep",
                "a task with `embed`, or predictions with features",
                f"neither in {type(task).__name__}",
            )
        kept.put("embeddings", where, task.embed(batch) if features is None else features)
    for name, attribute in (("mean_probs", "mean_probs"), ("draws", "probs")):
        if name in keep:
            if not isinstance(prediction, Categorical | Bernoulli):
                raise InvalidInputError(
                    f"keep: {name} exist for one distribution per sample (Categorical or "
                    f"Bernoulli), not for {type(prediction).__name__}."
                )
            kept.put(name, where, getattr(prediction, attribute))


def _require_finite(
    values: np.ndarray, where: np.ndarray, samples: Pool, function: Callable[..., Tensor]
) -> None:
    if not np.isfinite(values).all():
        row = int(np.flatnonzero(~np.isfinite(values))[0])
        raise invalid(
            "acquisition",
            "finite scores",
            f"{values[row]} from {getattr(function, '__name__', function)}",
            where=f"id {samples.ids[int(where[row])]!r}",
        )

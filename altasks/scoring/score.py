"""Score a pool, one batch at a time: a dense prediction never outlives its batch."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Literal

import numpy as np
from torch import Tensor
from tqdm.auto import tqdm

from altasks._internal.arrays import refuse_masked
from altasks._internal.names import did_you_mean
from altasks._internal.numbers import require_whole
from altasks.abilities import (
    AveragesFeatures,
    DefaultAcquisition,
    Embeds,
    FitsToTask,
    HasCommittee,
    JointDraws,
    StartsRounds,
    StreamingPredictor,
    TellsObjects,
    provides,
)
from altasks.calibration import Calibrate, calibrate_for, check_calibration
from altasks.data import Pool, as_pool
from altasks.errors import InvalidInputError, ScoringInterruptedError, invalid
from altasks.predictions import Bernoulli, Categorical, Normal, Prediction, Ragged
from altasks.registry import get_acquisition
from altasks.scoring.order import Survey
from altasks.scoring.reader import Reader
from altasks.scoring.scores import KEEPABLE, KeptRows, Scores, file_of
from altasks.scoring.streamed import StreamedScorer

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
            return  # refused elsewhere; or readings of no unit, of unknown members
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
    keep_if_there: Collection[str] = (),
    progress: bool | None = None,
    round: int = 0,
    acquisition_options: Mapping[str, Any] | None = None,
    keep_in: Path | str | None = None,
    unreadable: Literal["error", "skip"] = "error",
    calibration: Any = None,
    workers: int | None = None,
    engine: Any = None,
) -> Scores:
    """Score every sample of a pool.

    Batches are made of samples of equal size where the task has `size`, the biggest first, so
    that a batch that doesn't fit in memory fails at once. Memory is O(N) floats plus two batches,
    the one at work and the next, which is read and decoded meanwhile, plus what is kept. A pool
    whose samples are decoded as they are read is read once, in its own order; a few batches of it
    are then sorted by size at a time.

    Args:
        task: anything with `predict(samples) -> Prediction`, or with
            `iter_predict(samples)` yielding `(index into samples, Prediction of some units)`.
        pool: whatever `as_pool` takes.
        acquisition: a function or its name; by default the task's own default. Any function
            `f(prediction, **options) -> scores` will do, and an object with `fit_to(task)`, which
            makes one for the task as it is (`DifficultyCalibrated`). Of a task that streams, one
            that takes `reduce="none"` (and then scores units) is called with pieces; any other with
            whole samples, which then have to fit in memory one by one.
        batch_size: samples per call of the task.
        keep: what else to keep of each sample, for strategies: any of `"embeddings"` [N, d],
            `"mean_probs"` [N, C], `"draws"` [N, K, C] (a whole pool's draws are N K C floats),
            `"objects"` [N, B, 2 + d] of a task that finds objects.
        keep_if_there: the same, but left None where predictions have no such thing, such as the
            mean probabilities of a regression or of a sample with many units.
        progress: a progress bar; None shows one on a terminal.
        round: the round the committee's random draws are for.
        acquisition_options: keyword arguments for the acquisition function, such as
            `{"reduce": "max"}`.
        keep_in: an existing folder for memory-mapped `.npy` files of what is kept, without such
            files from an earlier call; None keeps it in memory.
        unreadable: how to treat samples that can't be read (a damaged file). The rest is
            scored in any case; then `"error"` raises and `"skip"` leaves them out of what is
            returned and lists them in its `skipped`.
        calibration: a temperature, an `altasks.TemperatureScaling`, an
            `altasks.HeldOutTemperature`, or any function from prediction to prediction. Predictions
            go through it first, so that it changes scores and what is kept alike.
        workers: threads that read ahead; 0 reads in the caller's, when it is a sample's turn. None:
            what the task says, or one a processor, at most 4. Of a pool of your own one thread at a
            time fetches, unless `Pool(concurrent=True)`. Scores are the same with any number.
        engine: who scores: None, this process; `"ray"`, or an `altasks.RayEngine` with settings,
            which also takes the path of a `.parquet` or `.jsonl` file or of a folder, and reads it
            where it scores. Batches are others there, so that scores differ in the last digits. For
            `task`, an engine also takes a function without arguments that makes it.

    Raises:
        InvalidInputError: for an empty pool, an unknown name in `keep`, draws that are not
            joint, or a task whose prediction doesn't fit its samples (naming the ids).
        UnreadableSampleError: at the end, if samples can't be read; its `skipped` has which and
            why, its `partial` holds the scores of the others. Also with `"skip"` if none can.
        ScoringInterruptedError: on Ctrl-C; its `partial` holds the scores until then.
        WorkerDiedError: if a worker of an engine dies, likewise.

    Example:
        >>> import altasks as al
        >>> class Coin:
        ...     def predict(self, samples):
        ...         return al.Categorical([[x, 1 - x] for x in samples])
        >>> al.score(Coin(), {"sure": 0.99, "torn": 0.5}, "entropy").top(1)
        ['torn']
    """
    _check_settings(keep, keep_if_there, batch_size, round, unreadable)
    if engine is not None:
        return _score_elsewhere(
            engine,
            task,
            pool,
            acquisition,
            batch_size=batch_size,
            keep=keep,
            keep_if_there=keep_if_there,
            progress=progress,
            round=round,
            acquisition_options=acquisition_options,
            keep_in=keep_in,
            unreadable=unreadable,
            calibration=calibration,
            workers=workers,
        )
    samples = as_pool(pool)
    function = _resolve(task, acquisition, round)
    options = _check_options(function, acquisition_options)
    _check_keep(task, keep)
    optional = {*keep_if_there} - {*keep}
    kept = KeptRows(len(samples), _check_folder(keep_in, {*keep, *optional}))
    calibrate = _calibrate_for(task, calibration, round)
    if provides(task, StartsRounds):
        task.start_round(round)
    reader = Reader(samples, task, workers)
    survey = Survey(task, reader, int(batch_size), progress)
    values = np.zeros(len(samples))
    committee = _SameCommittee()
    done, count = np.zeros(len(samples), dtype=bool), 0
    streamed: StreamedScorer | None = None
    if provides(task, StreamingPredictor):
        streamed = StreamedScorer(task, function, options, committee.check, calibrate)

    def work(batch: Sequence[Any], where: np.ndarray) -> None:
        prediction = None
        if streamed is not None:
            scores = streamed.score(batch)
        else:
            prediction = task.predict(batch)
            committee.check(prediction)
            if calibrate is not None:
                prediction = calibrate(prediction)
            scores = _score_batch(prediction, batch, function, options)
        values[where] = _as_vector(scores, len(batch))
        _keep(kept, {*keep, *_there(optional, task, prediction)}, task, batch, prediction, where)
        _require_finite(values[where], where, samples, function)

    bar = tqdm(
        total=len(samples),
        desc=f"scoring ({_name_of(function)})",
        unit="sample",
        disable=None if progress is None else not progress,
    )
    try:
        with bar, closing(survey.batches()) as batches:
            bar.update(len(reader.unreadable))
            for rows, batch in batches:
                scored = reader.attempt(rows, batch, work, blame=survey.checks_late)
                done[scored] = True
                count += len(scored)
                batch.clear()  # it is let go before the next one after it is read
                bar.update(count + len(reader.unreadable) - bar.n)
    except KeyboardInterrupt as error:
        unread = f" ({len(reader.unreadable)} can't be read)" if reader.unreadable else ""
        raise ScoringInterruptedError(
            f"Interrupted after {count} of {len(samples)} samples{unread}; they are in `.partial`.",
            _of_rows(reader, values, kept, done) if count else None,
        ) from error
    scores = _of_rows(reader, values, kept, done)
    if reader.unreadable and (unreadable == "error" or not len(scores)):
        raise reader.error(scores if len(scores) else None)
    return scores


def _score_elsewhere(engine: Any, task: Any, pool: Any, acquisition: Any, **options: Any) -> Scores:
    """Return the scores that an engine makes, once what it would refuse late is checked."""
    from altasks.scoring.by_ray import engine_of

    if options.pop("keep_in") is not None:
        raise invalid("keep_in", "None with an engine", "a folder")
    if isinstance(acquisition, str):
        get_acquisition(acquisition)
    scores: Scores = engine_of(engine).score(task, pool, acquisition, **options)
    return scores


def _calibrate_for(task: Any, calibration: Any, round: int) -> Calibrate | None:
    """Return what calibrates predictions; a fit of it draws as the round does."""
    check_calibration(calibration)
    if calibration is not None and provides(task, StartsRounds):
        task.start_round(round)
    return calibrate_for(task, calibration)


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


def _resolve(
    task: Any, acquisition: str | Callable[..., Tensor] | None, round: int
) -> Callable[..., Tensor]:
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
    if not isinstance(function, type) and provides(function, FitsToTask):
        # What it measures may be drawn at random, as the round draws.
        require_whole("round", round, 0)
        if provides(task, StartsRounds):
            task.start_round(round)
        fitted: Callable[..., Tensor] = function.fit_to(task)
        return fitted
    if not callable(function):
        raise invalid("acquisition", "a function or its name", f"{acquisition!r}")
    return function


def _check_options(
    function: Callable[..., Tensor], options: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return the options; a misspelt one is refused now, and not after the first batch."""
    if options is None:
        return {}
    if not isinstance(options, Mapping):
        raise invalid(
            "acquisition_options", "a mapping of the function's arguments", f"{options!r}"
        )
    try:
        parameters = list(inspect.signature(function).parameters.values())[1:]
    except (TypeError, ValueError):  # written in C, or wrapped by something that hides it
        return dict(options)
    known = [one.name for one in parameters if one.kind is not inspect.Parameter.POSITIONAL_ONLY]
    for name in options:
        if name not in known and all(one.kind is not one.VAR_KEYWORD for one in parameters):
            raise invalid(
                "acquisition_options",
                f"arguments of {_name_of(function)}: {', '.join(known) or 'it has none'}",
                f"{name!r}",
                hint=did_you_mean(name, known),
            )
    return dict(options)


def _name_of(function: Callable[..., Any]) -> str:
    return str(getattr(function, "__name__", None) or type(function).__name__)


def _check_settings(
    keep: Collection[str],
    keep_if_there: Collection[str],
    batch_size: int,
    round: int,
    unreadable: str,
) -> None:
    _check_names("keep", keep)
    _check_names("keep_if_there", keep_if_there)
    require_whole("batch_size", batch_size, 1)
    require_whole("round", round, 0)
    if unreadable not in ("error", "skip"):
        raise invalid("unreadable", "'error' or 'skip'", f"{unreadable!r}")


def _check_names(argument: str, keep: Collection[str]) -> None:
    if isinstance(keep, str) or not set(keep) <= set(KEEPABLE):
        raise invalid(argument, f"a collection of names among {', '.join(KEEPABLE)}", f"{keep!r}")


def _there(names: Collection[str], task: Any, prediction: Prediction | None) -> set[str]:
    """Return which of `names` a batch has."""
    found = set()
    if provides(task, Embeds) or getattr(prediction, "features", None) is not None:
        found.add("embeddings")
    if isinstance(prediction, Categorical | Bernoulli):
        found.add("mean_probs")
        if not provides(task, JointDraws) or task.joint_draws:
            found.add("draws")
    if prediction is not None and provides(task, TellsObjects):
        found.add("objects")
    return found & {*names}


def _check_keep(task: Any, keep: Collection[str]) -> None:
    if "draws" in keep and provides(task, JointDraws) and not task.joint_draws:
        raise InvalidInputError(
            f"keep: the draws of {type(task).__name__} are not joint (draw k is another function "
            "in each batch), so a joint entropy over them means nothing. Use "
            "MCDropout(layers='head') or an Ensemble."
        )
    if "objects" in keep and not provides(task, TellsObjects):
        raise InvalidInputError(
            f"keep: {type(task).__name__} has no `objects`: it doesn't say what is in a sample and "
            "where (altasks.abilities.TellsObjects), as ObjectDetection does."
        )
    if provides(task, StreamingPredictor) and not {*keep} <= {"embeddings"}:
        raise InvalidInputError(
            f"keep: {type(task).__name__} streams its samples in pieces, so "
            f"{sorted({*keep} - {'embeddings'})} of a whole sample never exists; score with "
            "keep=() or keep={'embeddings'}."
        )


def _check_folder(keep_in: Path | str | None, keep: Collection[str]) -> Path | None:
    """Return the folder for what is kept; one that holds what an earlier call kept is refused.

    The arrays of those `Scores` are mapped to the files: written again, they would change.
    """
    if keep_in is None:
        return None
    folder = Path(keep_in)
    if not folder.is_dir():
        raise invalid("keep_in", "an existing folder", repr(str(folder)))
    for name in sorted(keep):
        if file_of(folder, name).exists():
            raise invalid(
                "keep_in",
                f"a folder without {file_of(folder, name).name}",
                f"one in {folder}",
                hint="It may be in use by the Scores of an earlier call. Give each call a folder "
                "of its own, or delete the file.",
            )
    return folder


def _score_batch(
    prediction: Prediction,
    batch: Sequence[Any],
    function: Callable[..., Tensor],
    options: Mapping[str, Any],
) -> Any:
    if not isinstance(prediction, Prediction):
        raise invalid("predict", "a Prediction", type(prediction).__name__)
    if len(prediction) != len(batch):
        raise invalid("predict", f"a prediction of {len(batch)} samples", f"of {len(prediction)}")
    return function(prediction, **options)


def _as_vector(scores: Any, length: int) -> np.ndarray:
    refuse_masked(scores, "acquisition")
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
        # Labelled samples are embedded by the model at rest. An average over passes that each drop
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
    if "objects" in keep:
        kept.put("objects", where, task.objects(prediction))


def _require_finite(
    values: np.ndarray, where: np.ndarray, samples: Pool, function: Callable[..., Tensor]
) -> None:
    if not np.isfinite(values).all():
        row = int(np.flatnonzero(~np.isfinite(values))[0])
        raise invalid(
            "acquisition",
            "finite scores",
            f"{values[row]} from {_name_of(function)}",
            where=f"id {samples.ids[int(where[row])]!r}",
        )

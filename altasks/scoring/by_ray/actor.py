"""What runs in Ray's actors: the task, and one call of `altasks.score` for each block of rows."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from altasks.abilities import FitsToTask, Predictor, StreamingPredictor, provides
from altasks.calibration import calibrate_for
from altasks.data import Pool
from altasks.errors import UnreadableSampleError
from altasks.registry import get_acquisition
from altasks.scoring.scores import KEEPABLE, Scores

#: The columns of what an actor returns, beside what is kept.
ID, VALUE, FOUND = "id", "value", "found"


@dataclass(frozen=True)
class Work:
    """What an actor does with rows.

    Attributes:
        id_column: with the ids.
        sample_column: with the samples; None: the row without its id.
        opened: makes a sample of what stands there; None: it is one.
        acquisition: as in `altasks.score`.
        calibration: likewise.
        options: further arguments of `altasks.score`.
        wanted: the ids to score; None: all.
    """

    id_column: str
    sample_column: str | None
    opened: Callable[[Any], Any] | None
    acquisition: Any
    calibration: Any = None
    options: Mapping[str, Any] = field(default_factory=dict)
    wanted: frozenset[str] | None = None


class ScoringActor:
    """Holds a task, and scores the rows it is given.

    Args:
        task: the task, or a function without arguments that makes it; or Ray's reference to one.
        work: what to do; or Ray's reference to it.
    """

    def __init__(self, task: Any, work: Any) -> None:
        task, self._work = (_got(one) for one in (task, work))
        self._task = task if is_task(task) else task()
        acquisition = self._work.acquisition
        if isinstance(acquisition, str):
            acquisition = get_acquisition(acquisition)
        # What is fitted to the task is fitted once, and not for every block.
        if not isinstance(acquisition, type) and provides(acquisition, FitsToTask):
            acquisition = acquisition.fit_to(self._task)
        self._acquisition = acquisition
        self._calibrate = calibrate_for(self._task, self._work.calibration)

    def __call__(self, rows: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """Return id, score and what was found of each row, and what is kept of it."""
        work = self._work
        ids = [str(one) for one in rows[work.id_column].tolist()]
        places = [
            place for place, name in enumerate(ids) if work.wanted is None or name in work.wanted
        ]
        taken = [ids[place] for place in places]
        if not taken:
            return _returned(Scores([], np.zeros(0)), [])
        # Ids that stand twice are the driver's to refuse: here they are told apart by place.
        pool = Pool([str(place) for place in places], lambda at: self._sample(rows, places[at]))
        scores = self._scored(pool)
        name_of = dict(zip(pool.ids, taken, strict=True))
        skipped = {name_of[key]: found for key, found in scores.skipped.items()}
        return _returned(scores, [name_of[key] for key in scores.ids], skipped)

    def _scored(self, pool: Pool) -> Scores:
        from altasks.scoring.score import score

        try:
            return score(
                self._task,
                pool,
                self._acquisition,
                calibration=self._calibrate,
                unreadable="skip",
                progress=False,
                **self._work.options,
            )
        except UnreadableSampleError as error:  # all of these
            return Scores([], np.zeros(0), skipped=error.skipped)

    def _sample(self, rows: Mapping[str, np.ndarray], place: int) -> Any:
        work = self._work
        if work.sample_column is None:
            others = {name: column for name, column in rows.items() if name != work.id_column}
            return {name: _plain(column[place]) for name, column in others.items()}
        value = _plain(rows[work.sample_column][place])
        return value if work.opened is None else work.opened(value)


def is_task(given: Any) -> bool:
    """Return whether something is a task, and not a function that makes one."""
    if isinstance(given, type):  # made in the actor, without arguments
        return False
    return provides(given, Predictor) or provides(given, StreamingPredictor)


def image_of(content: bytes) -> Any:
    """Return the image in the bytes of a file."""
    from PIL import Image

    return Image.open(io.BytesIO(content))


@dataclass(frozen=True)
class Box:
    """A sample of any kind: what stands in no other object, Ray would make a column of its own."""

    sample: Any


def unboxed(box: Box) -> Any:
    """Return what is in a box."""
    return box.sample


def kind_of(name: str) -> str:
    """Return the column with type and shape of what is kept under a name."""
    return f"{name}_kind"


def path_of(name: str) -> Path:
    """Return a path that travelled as text."""
    return Path(name)


def _got(one: Any) -> Any:
    import ray

    return ray.get(one) if isinstance(one, ray.ObjectRef) else one


def _plain(value: Any) -> Any:
    """Return a cell as Python has it: a number, and not NumPy's."""
    return value.item() if isinstance(value, np.generic) else value


def _returned(
    scores: Scores, ids: list[str], skipped: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return a block; rows of what can't be read have no score, and nothing of what is kept."""
    skipped = skipped or {}
    count = len(skipped)
    kept: dict[str, Any] = {}
    for name in KEEPABLE:
        if (array := getattr(scores, name)) is not None:
            # As bytes: of Ray's own columns of tensors, 2.60 can't always make arrays again.
            rows = [row.tobytes() for row in np.ascontiguousarray(array)]
            kept[name] = np.array([*rows, *[b""] * count], dtype=object)
            kind = json.dumps([array.dtype.str, array.shape[1:]])
            kept[kind_of(name)] = np.array([kind] * (len(rows) + count), dtype=object)
    return {
        ID: np.array([*ids, *skipped], dtype=object),
        VALUE: np.concatenate([scores.values, np.full(count, np.nan)]),
        FOUND: np.array([""] * len(ids) + list(skipped.values()), dtype=object),
        **kept,
    }

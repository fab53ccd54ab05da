"""What an interrupted run has scored: kept beside the queue, and used by the next run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from altasks._version import __version__
from altasks.cli.files import keep_lines
from altasks.cli.partial_arrays import are_kept_arrays, arrays_path, read_arrays, write_arrays
from altasks.cli.stamps import stamp, state_of
from altasks.errors import AltasksError, invalid

if TYPE_CHECKING:
    from altasks.cli.rankers.base import Ranker, RankRequest
    from altasks.data import Pool
    from altasks.scoring import Scores


def partial_path(out: Path) -> Path:
    """Return where the scores of an interrupted run are kept."""
    return out.with_name(out.name + ".partial")


@dataclass
class Partial:
    """The file of scores that an interrupted run leaves, and what of it this run may use.

    Each row holds, beside the score, a check: a hash of what the score depends on. That is the
    model, the options, the version of altasks, and the sample itself (its text, or the size and
    time of its file). A row is used again if its check is still right, so the pool may gain
    and lose samples between two runs. What a strategy reads beside the scores is kept in a second
    file, row by row under the same checks.

    Args:
        request: of this run.
        ranker: shows samples.
        acquisition: the name of the function that scores.
        asked: what scoring is asked to keep beside the scores, where it is there.
    """

    request: RankRequest
    ranker: Ranker
    acquisition: str
    asked: frozenset[str] = frozenset()
    _run: str = field(init=False)

    def __post_init__(self) -> None:
        self._run = _digest(
            {
                "altasks": __version__,
                "task": self.request.task,
                "model": stamp(self.request.model),
                "acquisition": self.acquisition,
                "batch_size": self.request.batch_size,
                "device": self.request.device,
                "seed": self.request.seed,
                "options": {
                    option.name: stamp(self.request.value(option))
                    for option in self.ranker.options
                    if option.name != "sheet"
                },
            }
        )

    @property
    def path(self) -> Path:
        """Where the file is."""
        return partial_path(self.request.out)

    @property
    def arrays_path(self) -> Path:
        """Where the file with what is kept beside the scores is."""
        return arrays_path(self.request.out)

    def read(self, pool: Pool) -> dict[str, float]:
        """Return the scores that still hold, by id; {} if there is no such file."""
        return {name: score for name, (score, _) in self._held(pool).items()}

    def read_scores(self, pool: Pool, needs: Collection[str] = ()) -> Scores:
        """Return what still holds of scores and of what is asked beside them, in the pool's order.

        Args:
            pool: of this run.
            needs: names that are not done without; none of the samples counts where they lack.
        """
        import numpy as np

        from altasks.scoring import Scores

        held = self._held(pool)
        fields: dict[str, Any] = {}
        kept = read_arrays(self.arrays_path, self.asked) if held and self.asked else None
        if self.asked:
            row_of = {} if kept is None or not {*needs} <= {*kept.arrays} else kept.row_of
            held = {name: one for name, one in held.items() if one[1] in row_of}
        ids = [name for name in pool.ids if name in held]
        if kept is not None and ids:
            rows = np.array([kept.row_of[held[name][1]] for name in ids])
            fields = {name: array[rows] for name, array in kept.arrays.items()}
        return Scores(ids, np.array([held[name][0] for name in ids], dtype=np.float64), **fields)

    def _held(self, pool: Pool) -> dict[str, tuple[float, str]]:
        """Return the scores and checks that still hold, by id."""
        held = {}
        for row in read_queue(self.path) or ():
            name = row["id"]
            if "check" in row and name in pool and row["check"] == self._check(name, pool[name]):
                held[name] = float(row["score"]), row["check"]
        return held

    def write(self, scores: Scores, pool: Pool) -> None:
        """Keep scores, best first, and what is kept beside them.

        Raises:
            InvalidInputError: if a file can't be written; the message says what is where.
        """
        value_of = dict(zip(scores.ids, scores.values.tolist(), strict=True))
        check_of = {name: self._check(name, pool[name]) for name in scores.ids}

        def row(place: int, name: str) -> dict[str, Any]:
            return {
                "rank": place,
                "id": name,
                "score": value_of[name],
                **self.ranker.fields(pool[name]),
                "check": check_of[name],
            }

        best = scores.top(len(scores), seed=self.request.seed)
        lines = (
            json.dumps(row(place, name), ensure_ascii=False)
            for place, name in enumerate(best, start=1)
        )
        keep_lines(self.path, lines, force=True)
        if not self.asked:
            return
        found = {name: getattr(scores, name) for name in sorted(self.asked)}
        arrays = {name: array for name, array in found.items() if array is not None}
        try:
            write_arrays(self.arrays_path, list(check_of.values()), self.asked, arrays)
        except OSError as error:
            raise invalid(
                "--out",
                "room beside it for what the strategy reads beside the scores",
                f"{str(self.arrays_path)!r} ({error})",
                hint=f"The scores are in {self.path}, for strategies that need nothing else; with "
                "this one the same command scores all samples again.",
            ) from error

    @contextmanager
    def kept_on_error(self, scores: Scores, pool: Pool) -> Iterator[None]:
        """Keep the scores if what is inside fails or is interrupted, and note where they are."""
        try:
            yield
        except (Exception, KeyboardInterrupt) as error:
            self.write(scores, pool)
            error.add_note(f"The scores are in {self.path}; the same command goes on from there.")
            raise

    def remove(self) -> None:
        """Remove the files once their queue is written, unless they are none of ours."""
        for path in (self.path, self.arrays_path):
            if is_kept(path):
                path.unlink(missing_ok=True)

    def _check(self, name: str, sample: Any) -> str:
        image = getattr(sample, "image", sample)  # of a region, its image
        state = state_of(image) if isinstance(image, Path) else None
        return _digest([self._run, name, self.ranker.fields(sample), state])[:16]


def read_queue(path: Path) -> list[Mapping[str, Any]] | None:
    """Return the rows of a queue, or of the scores kept beside one; None of any other file."""
    from altasks.data.text_files import read_json_lines

    if not path.is_file():
        return None
    try:
        rows: list[Mapping[str, Any]] = [row for _, row in read_json_lines(path)]
    except (AltasksError, OSError):
        return None
    known = all(
        isinstance(row.get("id"), str) and isinstance(row.get("score"), int | float) for row in rows
    )
    return rows if known else None


def is_kept(path: Path) -> bool:
    """Return whether a file is one that `altasks rank` wrote: a queue, or what is kept of one."""
    return read_queue(path) is not None or are_kept_arrays(path)


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()

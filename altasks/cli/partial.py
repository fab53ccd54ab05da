"""The scores of an interrupted run: kept beside the queue, and used by the next run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from altasks._version import __version__
from altasks.cli.files import keep_lines
from altasks.cli.stamps import stamp, state_of
from altasks.errors import AltasksError

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
    and lose samples between two runs.

    Args:
        request: of this run.
        ranker: shows samples.
        acquisition: the name of the function that scores.
    """

    request: RankRequest
    ranker: Ranker
    acquisition: str
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

    def read(self, pool: Pool) -> dict[str, float]:
        """Return the scores that still hold, by id; {} if there is no such file."""
        scores = {}
        for row in read_queue(self.path) or ():
            name = row["id"]
            if "check" in row and name in pool and row["check"] == self._check(name, pool[name]):
                scores[name] = float(row["score"])
        return scores

    def write(self, scores: Scores, pool: Pool) -> None:
        """Keep scores, best first.

        Raises:
            InvalidInputError: if the file can't be written; the message says where they are.
        """
        value_of = dict(zip(scores.ids, scores.values.tolist(), strict=True))

        def row(place: int, name: str) -> dict[str, Any]:
            sample = pool[name]
            return {
                "rank": place,
                "id": name,
                "score": value_of[name],
                **self.ranker.fields(sample),
                "check": self._check(name, sample),
            }

        best = scores.top(len(scores), seed=self.request.seed)
        lines = (
            json.dumps(row(place, name), ensure_ascii=False)
            for place, name in enumerate(best, start=1)
        )
        keep_lines(self.path, lines, force=True)

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
        """Remove the file once its queue is written, unless it is none of ours."""
        if read_queue(self.path) is not None:
            self.path.unlink(missing_ok=True)

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


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()

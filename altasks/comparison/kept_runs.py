"""What runs measured, kept in a folder so that a comparison goes on where it was cut off."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from altasks._internal.jsonable import dumps
from altasks.comparison.arms import Arm
from altasks.comparison.run import SHARED_FEATURES
from altasks.report.results import MEASURED, ResultRows, code_version

#: The parts whose change makes a row a row of another version.
_CODE = (
    *(f"altasks.{part}" for part in MEASURED),
    *(f"altasks.comparison.{part}" for part in ("arm_text", "arms", "problem", "run", "settings")),
)
#: Where runs that are not finished keep their stores, inside the folder of results.
_UNFINISHED = "unfinished"


class KeptRuns:
    """A row for each finished run, and a folder for each unfinished one.

    Args:
        folder: of the results; None keeps rows in memory, and nothing else.
        problem: what the problem is known by.
        settings: what the budget is known by.
    """

    def __init__(
        self, folder: Path | None, problem: Mapping[str, Any], settings: Mapping[str, Any]
    ) -> None:
        self._folder = folder
        self._problem, self._settings = dict(problem), dict(settings)
        self._code = code_version(*_CODE)
        self._file = (
            None if folder is None else ResultRows(folder / "results.jsonl", code=self._code)
        )
        self._memory: dict[str, Mapping[str, Any]] = {}

    def get(self, arm: Arm | None, seed: int) -> Mapping[str, Any] | None:
        """Return what a run measured, or None; an arm of None is the fit to all labels."""
        config = self._config(arm, seed)
        return self._memory.get(dumps(config)) if self._file is None else self._file.get(config)

    def add(self, arm: Arm | None, seed: int, values: Mapping[str, Any]) -> None:
        """Keep what a run measured."""
        config = self._config(arm, seed)
        if self._file is None:
            self._memory[dumps(config)] = values
        else:
            self._file.add(config, values)

    def work(self, arm: Arm | None, seed: int) -> Path | None:
        """Return where a run keeps its store: a folder of its own, of this version of the code."""
        if self._folder is None:
            return None
        known = dumps([self._config(arm, seed), self._code]).encode()
        return self._folder / _UNFINISHED / hashlib.blake2b(known, digest_size=8).hexdigest()

    def clear(self, arm: Arm | None, seed: int) -> None:
        """Remove what a run kept while it was unfinished."""
        work = self.work(arm, seed)
        if work is not None:
            shutil.rmtree(work, ignore_errors=True)

    def tidy(self) -> None:
        """Remove what runs shared, unless there are unfinished ones of another comparison."""
        if self._folder is None:
            return
        place = self._folder / _UNFINISHED
        if place.is_dir() and {one.name for one in place.iterdir()} <= {SHARED_FEATURES}:
            shutil.rmtree(place, ignore_errors=True)

    def _config(self, arm: Arm | None, seed: int) -> dict[str, Any]:
        """Return what a run is the result of."""
        if arm is None:
            return {"arm": "all labels", "seed": seed, "problem": self._problem}
        return {"arm": arm.recipe(), "seed": seed, "problem": self._problem, **self._settings}

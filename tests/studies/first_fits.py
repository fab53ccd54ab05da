"""A first fit that is kept: arms of a study that start with the same labels share it."""

from __future__ import annotations

from pathlib import Path
from typing import Any


class SharesFirstFit:
    """Goes before a task's class: its first fit is written to `kept`, or read from there.

    Only the first: what is asked for afterwards differs by arm.
    """

    kept: Path | None = None

    def fit(self, samples: Any, labels: Any, **options: Any) -> None:
        """Fit, or load what a fit to the same left."""
        task: Any = super()
        kept, self.kept = self.kept, None
        if kept is not None and kept.exists():
            task.load(kept)
            return
        task.fit(samples, labels, **options)
        if kept is not None:
            task.save(kept)

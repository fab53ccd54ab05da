"""Draws inputs for as long as it is told: shortly in the suite, minutes in `tests/soak/fuzz.py`.

`ALTASKS_FUZZ_SECONDS=600` keeps each test of this kind at it for so long, and each appends a line
to the file named by `ALTASKS_FUZZ_LOG`.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

SECONDS = float(os.environ.get("ALTASKS_FUZZ_SECONDS", "0"))
LOG = os.environ.get("ALTASKS_FUZZ_LOG", os.devnull)


def fuzz(run: Callable[..., Any], *strategies: st.SearchStrategy[Any], examples: int = 60) -> None:
    """Run on drawn inputs: `examples` of them, or batches of 200 until the time is up.

    Each batch has its number for seed, so that what fails fails again.

    Args:
        run: takes one value of each strategy; returns True where the input was refused, as it may.
        strategies: what to draw.
        examples: how many inputs where no time is given.
    """
    start = time.monotonic()
    batch, tried, refused = 0, 0, 0
    while not batch or time.monotonic() < start + SECONDS:

        @seed(batch)
        @settings(
            max_examples=200 if SECONDS else examples,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(st.tuples(*strategies))
        def check(drawn: tuple[Any, ...]) -> None:
            nonlocal tried, refused
            tried += 1
            refused += run(*drawn) is True

        check()
        batch += 1
    if SECONDS:
        row = {"examples": tried, "refused": refused, "seconds": round(time.monotonic() - start)}
        with Path(LOG).open("a") as log:
            log.write(json.dumps(row) + "\n")

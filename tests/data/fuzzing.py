"""Draws inputs for as long as it is told: shortly in the suite, minutes in `tests/soak/fuzz.py`.

`ALTASKS_FUZZ_SECONDS=600` keeps each test of this kind at it for so long, and each appends a line
to the file named by `ALTASKS_FUZZ_LOG`.
"""

from __future__ import annotations

import copy
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

SECONDS = float(os.environ.get("ALTASKS_FUZZ_SECONDS", "0"))
LOG = os.environ.get("ALTASKS_FUZZ_LOG", os.devnull)


def fuzz(run: Callable[..., Any], *strategies: st.SearchStrategy[Any], examples: int = 60) -> None:
    """Run on drawn inputs: `examples` of them, or batches of 50 until the time is up.

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
            max_examples=50 if SECONDS else examples,
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


@st.composite
def edited(draw: Any, base: str, pieces: Sequence[str]) -> bytes:
    """A good file with a few pieces put in and a few characters taken out, in some encoding."""
    text = base
    for _ in range(draw(st.integers(0, 3))):
        place, taken = draw(st.integers(0, len(text))), draw(st.integers(0, 4))
        text = text[:place] + draw(st.sampled_from(pieces)) + text[place + taken :]
    encoding = draw(st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "utf-16", "latin-1"]))
    return text.encode(encoding, "replace" if encoding == "latin-1" else "surrogatepass")


@st.composite
def edited_bytes(draw: Any, base: bytes) -> bytes:
    """A good file with a few bytes changed, taken out or put in."""
    content = bytearray(base)
    for _ in range(draw(st.integers(0, 2))):
        place = draw(st.integers(0, len(content)))
        content[place : place + draw(st.integers(0, 2))] = draw(st.binary(max_size=3))
    return bytes(content)


@st.composite
def edited_json(draw: Any, base: Any, values: st.SearchStrategy[Any]) -> Any:
    """A good document in which a few values are replaced, taken out, or stand there twice."""
    document = copy.deepcopy(base)
    for _ in range(draw(st.integers(0, 3))):
        places = list(_places(document))
        if not places:
            break
        inside, key = places[draw(st.integers(0, len(places) - 1))]
        action = draw(st.sampled_from(["replace", "replace", "take out", "twice"]))
        if action == "replace":
            inside[key] = copy.deepcopy(draw(values))  # `just` gives the same object each time
        elif action == "take out":
            del inside[key]
        elif isinstance(inside, list):
            inside.insert(key, copy.deepcopy(inside[key]))
    return document


def _places(document: Any) -> Iterator[tuple[Any, Any]]:
    """Yield (list or dict, index or key) of every value in a document."""
    keys = range(len(document)) if isinstance(document, list) else list(document)
    for key in keys:
        yield document, key
        if isinstance(document[key], list | dict):
            yield from _places(document[key])

"""What a query's descriptions predict, in the words of a tool that shows them to people."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from altasks.errors import AltasksError
from altasks.loop.query import Query


class Guesses(Protocol):
    """A converter, as far as predictions go."""

    def guess(self, description: Mapping[str, Any], sample: Any = None) -> Any:
        """Return the label in a description; None if there is none."""
        ...


def guesses_of(
    query: Query, converter: Guesses, written: Callable[[Any, Any], Any]
) -> dict[str, Any]:
    """Return id -> the predicted label as the tool writes it, where there is one.

    A prediction is a help to whoever labels, so one that can't be written is left out.

    Args:
        query: with the descriptions of its samples.
        converter: reads them.
        written: called with a label and its sample.
    """
    found = {}
    for name, sample in query:
        description = query.descriptions.get(name)
        if not isinstance(description, Mapping):
            continue
        try:
            guess = converter.guess(description, sample)
            if guess is not None:
                found[name] = written(guess, sample)
        except AltasksError:
            continue
    return found

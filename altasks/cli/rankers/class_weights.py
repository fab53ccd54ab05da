"""How the shell tells which classes weigh more."""

from __future__ import annotations

from collections.abc import Sequence

#: How many classes a summary names.
_NAMED = 12


def weights_line(labels: Sequence[str], weights: Sequence[float]) -> str:
    """Return a line with the classes' weights, for a summary.

    Example:
        >>> weights_line(["cat", "dog"], [1.375, 5.5])
        'Weights by what is labelled, rarest first: dog 5.5, cat 1.38.'
    """
    pairs = sorted(zip(labels, weights, strict=True), key=lambda pair: -pair[1])
    shown = ", ".join(f"{name} {weight:.3g}" for name, weight in pairs[:_NAMED])
    return f"Weights by what is labelled, rarest first: {shown}."

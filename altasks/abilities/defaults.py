"""What a task may say is to be used where nobody names anything."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class DefaultAcquisition(Protocol):
    """Scoring and loops need no `acquisition=`."""

    @property
    def default_acquisition(self) -> str:
        """The name of the acquisition function used when none is named."""
        ...


@runtime_checkable
class DefaultStrategy(Protocol):
    """Loops use this strategy instead of `"top_k"` where none is named."""

    @property
    def default_strategy(self) -> str:
        """The name of the strategy used when none is named."""
        ...


@runtime_checkable
class DefaultColdStart(Protocol):
    """Loops make the first asks, before any fit, by this strategy instead of `"random"`."""

    @property
    def default_cold_start(self) -> str:
        """The name of the strategy used before the first fit when none is named."""
        ...

"""What an ensemble asks of tasks that are its members."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from altasks.predictions import Prediction


@runtime_checkable
class JoinsMembers(Protocol):
    """An ensemble of models that see different units (detectors) has them matched first."""

    def join(self, parts: Sequence[Prediction]) -> Prediction:
        """Return one prediction of K members from K predictions of the same samples."""
        ...


@runtime_checkable
class OrdersUnits(Protocol):
    """An ensemble of streaming tasks puts their pieces side by side, however long each is."""

    @property
    def unit_order(self) -> Any:
        """A value that fixes the order in which `iter_predict` gives the units of a sample.

        Members for which it is equal give them in the same order.
        """
        ...


@runtime_checkable
class NamesClasses(Protocol):
    """An ensemble refuses members that mean different classes by the same column."""

    @property
    def labels(self) -> Sequence[Any]:
        """The classes, in the order of the prediction's columns."""
        ...

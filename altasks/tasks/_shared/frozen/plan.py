"""How the frozen part of a network is led past, once that has been tried."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from altasks.tasks._shared.frozen.batch import Field
from altasks.tasks._shared.frozen.detour import Detour, like, nothing, tensors_of


class Unfit(Exception):  # noqa: N818 - it is answered by the usual way, not shown
    """A network whose lower part can't be led past, and why."""


@dataclass(frozen=True, eq=False)
class Answer:
    """An output of a module: how it is built, and the shape of each tensor in it.

    Attributes:
        output: with tensors of one row.
        shapes: of each tensor; `"rows"` and `"columns"` stand for those of the batch.
    """

    output: Any
    shapes: dict[Any, tuple[int | str, ...]]

    @classmethod
    def of(cls, output: Any, rows: int, columns: int | None) -> Answer:
        """Return how an output for so many rows and columns is built."""
        tensors = {name: one.detach() for name, one in tensors_of(output).items()}
        shapes = {name: _sides(one, rows, columns) for name, one in tensors.items()}
        return cls(like(output, {name: one[:1].clone() for name, one in tensors.items()}), shapes)

    def made(
        self,
        rows: int,
        columns: int | None,
        kept: Mapping[Any, Tensor] | None = None,
        value: float = 0.0,
    ) -> Any:
        """Return an output for so many rows, of kept tensors and of `value` in place of others."""
        sizes: dict[int | str, int] = {"rows": rows, "columns": columns or 0}
        tensors = tensors_of(self.output)
        filled = {
            name: nothing(
                [side if isinstance(side, int) else sizes[side] for side in shape],
                tensors[name],
                value,
            )
            for name, shape in self.shapes.items()
        }
        return like(self.output, {**filled, **(kept or {})})


@dataclass(frozen=True, eq=False)
class Plan:
    """How the frozen part of a network is led past.

    Attributes:
        end: its last module.
        answers: of each module that need not run, `end` among them.
        fields: what is kept of the output of `end`.
        unpad: whether padding changes nothing in it, so that rows may be kept without.
        reads: the parameters that its output depends on.
        names: the inputs of the network.
        ignored: those among what it is called with that it doesn't look at.
        tickets: whether its one input may be a ticket, whose shape nothing looks at.
    """

    end: nn.Module
    answers: dict[nn.Module, Answer]
    fields: list[Field]
    unpad: bool
    reads: list[nn.Parameter]
    names: frozenset[str]
    ignored: frozenset[str]
    tickets: bool = False

    def filler(
        self, rows: int, columns: int | None, value: float = 0.0
    ) -> Callable[[nn.Module], Any]:
        """Return what makes the answer of a module that is skipped and that nothing reads."""
        return lambda module: self.answers[module].made(rows, columns, value=value)

    def detour(self) -> Detour:
        """Return what stands in for the modules."""
        return Detour(self.end, [module for module in self.answers if module is not self.end])


def _sides(values: Tensor, rows: int, columns: int | None) -> tuple[int | str, ...]:
    shape: list[int | str] = list(values.shape)
    if not shape or shape[0] != rows:
        raise Unfit("an output without a row for each sample")
    shape[0] = "rows"
    if columns is not None and len(shape) > 1 and shape[1] == columns:
        shape[1] = "columns"
    return tuple(shape)

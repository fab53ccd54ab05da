"""Predictions of several members that come in pieces, put side by side piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from altasks.committees._join import join_fields
from altasks.errors import CommitteeError
from altasks.predictions import Prediction, Ragged

Stream = Iterator[tuple[int, Prediction]]


@dataclass
class _Waiting:
    """Predictions of one member that wait for those of another.

    Attributes:
        pieces: sample -> its next units and their fields, in order.
        given: how many units have come in all.
        done: whether there are no more.
    """

    pieces: dict[int, list[tuple[Prediction, Mapping[str, Any]]]] = field(default_factory=dict)
    given: int = 0
    done: bool = False


def join_streams(
    streams: Sequence[Stream], join: Callable[[Sequence[Prediction]], Prediction], *, recut: bool
) -> Stream:
    """Yield the predictions of all members about the same units, as they come.

    What waits in memory is what one member's pieces are longer than another's.

    Args:
        streams: of each member, over the same samples.
        join: puts the members' predictions of the same units side by side.
        recut: whether pieces of different lengths may be cut to fit: only where the units of a
            sample come in the same order from all members.

    Raises:
        CommitteeError: if the members' pieces are not of the same units.
    """
    waiting = [_Waiting() for _ in streams]
    while not all(one.done for one in waiting):
        behind = min(
            (k for k, one in enumerate(waiting) if not one.done), key=lambda k: waiting[k].given
        )
        piece = next(streams[behind], None)
        if piece is None:
            waiting[behind].done = True
            continue
        index, prediction = piece
        opened = isinstance(prediction, Ragged)
        units = prediction.units if isinstance(prediction, Ragged) else prediction
        fields = prediction.fields if isinstance(prediction, Ragged) else {}
        if not len(units):
            continue
        waiting[behind].given += len(units)
        waiting[behind].pieces.setdefault(index, []).append((units, fields))
        while all(one.pieces.get(index) for one in waiting):
            parts = _next_parts(index, waiting, recut=recut)
            joined = join([part for part, _ in parts])
            if opened:
                extras = join_fields([extra for _, extra in parts])
                joined = Ragged(joined, [len(joined)], extras)
            yield index, joined
    for k, one in enumerate(waiting):
        for index, pieces in one.pieces.items():
            if pieces:
                raise CommitteeError(
                    f"Member {k} sees more units in sample {index} of the batch than another: "
                    f"{sum(len(units) for units, _ in pieces)} are left over. Members that are "
                    "predicted in pieces have to see the same units of every sample."
                )


def _next_parts(
    index: int, waiting: Sequence[_Waiting], *, recut: bool
) -> list[tuple[Prediction, Mapping[str, Any]]]:
    """Take from each member as many units of a sample as all of them have."""
    lengths = [len(one.pieces[index][0][0]) for one in waiting]
    if not recut and len(set(lengths)) > 1:
        raise CommitteeError(
            f"The members cut sample {index} of the batch into different pieces (of {lengths} "
            "units), and don't say that its units come in the same order. Give all members the "
            "same settings; a task whose units always come in one order may say so by "
            "`unit_order`."
        )
    count = min(lengths)
    parts = []
    for one in waiting:
        units, fields = one.pieces[index].pop(0)
        if len(units) > count:
            rest = {name: values[count:] for name, values in fields.items()}
            one.pieces[index].insert(0, (units[count:], rest))
            units, fields = units[:count], {name: rows[:count] for name, rows in fields.items()}
        parts.append((units, fields))
    return parts

"""Labels of boxes, validated: `[{"label": "cat", "box": [x1, y1, x2, y2]}, ...]`."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from typing import Any

from altasks._internal.arrays import as_list
from altasks.errors import invalid

#: Keys that an entry may have beside label and box: those of `describe`.
_SHOWN = ("probability", "runner_up", "conf")


class BoxLabels:
    """The classes of a detector, and the checks of labels in them.

    Args:
        names: the classes.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = list(names)
        self.index = {name: place for place, name in enumerate(self.names)}

    def check(
        self, label: Any, size: tuple[int, int] | None = None, *, where: str = ""
    ) -> list[dict[str, Any]]:
        """Return the label as the store keeps it: plain names and floats.

        Args:
            label: a list of mappings with `label` and `box`; empty for an image without any.
            size: (width, height) of the image, if it is at hand.
            where: which label it is, for the error.

        Raises:
            InvalidInputError: naming the box and what is wrong with it.
        """
        label = as_list(label)
        if isinstance(label, str | Mapping) or not isinstance(label, Sequence):
            raise invalid(
                "label",
                'a list of {"label": name, "box": [x1, y1, x2, y2]}, empty for no object',
                repr(label)[:80],
                where=where,
            )
        return [self._entry(entry, size, place, where) for place, entry in enumerate(label)]

    def _entry(
        self, entry: Any, size: tuple[int, int] | None, place: int, where: str
    ) -> dict[str, Any]:
        at = f"{where}, box {place}" if where else f"box {place}"
        if not isinstance(entry, Mapping) or not {"label", "box"} <= set(entry):
            raise invalid("label", "a mapping with 'label' and 'box'", repr(entry)[:80], where=at)
        strange = sorted(str(key) for key in set(entry) - {"label", "box", *_SHOWN})
        if strange:
            raise invalid("label", "'label' and 'box'", f"also {strange[0]!r}", where=at)
        name = entry["label"]
        if not isinstance(name, str) or name not in self.index:
            close = difflib.get_close_matches(str(name), self.names, n=1, cutoff=0.5)
            shown = ", ".join(map(repr, self.names[:20]))
            raise invalid(
                "label",
                f"one of the classes {shown}" + (" ..." if len(self.names) > 20 else ""),
                repr(name),
                where=at,
                hint=f"Did you mean {close[0]!r}?" if close else "",
            )
        return {"label": name, "box": check_box(entry["box"], size, at)}

    def yolo_line(self, entry: Mapping[str, Any], size: tuple[int, int]) -> str:
        """Return a checked box as a line of a YOLO file: class, centre and size, as shares."""
        x1, y1, x2, y2 = entry["box"]
        width, height = size
        shares = [(x1 + x2) / 2 / width, (y1 + y2) / 2 / height]
        shares += [(x2 - x1) / width, (y2 - y1) / height]
        return " ".join([str(self.index[entry["label"]]), *(f"{share:.9g}" for share in shares)])

    def counts(self, labels: Sequence[Sequence[Mapping[str, Any]]]) -> list[int]:
        """Return how many boxes of each class there are."""
        counts = [0] * len(self.names)
        for label in labels:
            for entry in label:
                counts[self.index[entry["label"]]] += 1
        return counts


def check_box(box: Any, size: tuple[int, int] | None, where: str) -> list[float]:
    """Return a box as four floats, cut at the border where it is out by less than a pixel.

    Raises:
        InvalidInputError: unless x1 < x2 and y1 < y2, within the image if its size is given.
    """
    expected = "[x1, y1, x2, y2] in pixels, x1 < x2 and y1 < y2"
    try:
        corners = [float(value) for value in box]
    except (OverflowError, TypeError, ValueError):
        raise invalid("label", expected, repr(box)[:80], where=where) from None
    if isinstance(box, str) or len(corners) != 4 or not all(map(math.isfinite, corners)):
        raise invalid("label", expected, repr(box)[:80], where=where)
    x1, y1, x2, y2 = corners
    if x1 >= x2 or y1 >= y2:
        raise invalid("label", expected, f"{corners}", where=where)
    width, height = (math.inf, math.inf) if size is None else size
    inside = [max(0.0, x1), max(0.0, y1), min(float(width), x2), min(float(height), y2)]
    out = max(-x1, -y1, x2 - width, y2 - height)
    if out >= 1 or inside[0] >= inside[2] or inside[1] >= inside[3]:
        image = "" if size is None else f" of {size[0]} x {size[1]}"
        raise invalid("label", f"a box inside its image{image}", f"{corners}", where=where)
    return inside

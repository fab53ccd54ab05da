"""Masks: outlines with holes there, a class for every pixel here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from altasks.data.kili.base import Converter
from altasks.data.kili.vertices import known_size, rings_of, shares_of, turn_of
from altasks.data.masks.masks import decode_mask, encode_mask
from altasks.data.masks.outlines import pieces
from altasks.data.masks.polygons import fill_polygon
from altasks.data.shown import predicted_mask, size_of_sample
from altasks.errors import invalid


class MaskConverter(Converter):
    """OBJECT_DETECTION, `semantic` and `polygon`: masks, as `altasks.encode_mask` writes them.

    Annotations are painted in the order in which they stand, later ones over earlier ones. An
    outline covers the pixels whose centres lie in it. Of its further rings, those that lie on what
    is covered so far are holes; others add to it: an island in a hole, a second piece.

    Args:
        labels: the classes; 0 is the first.
        void: the number of pixels without a label.
        unpainted: what pixels are that nobody painted: `"ground"`, class 0, or `"void"`.
        tool: what labels are made with, for predictions. People may use both.
        job: the name of the job.

    Example:
        >>> from altasks.data import decode_mask
        >>> converter = MaskConverter(["ground", "cat"])
        >>> mask = np.array([[0, 0, 1], [1, 1, 1]])
        >>> response = converter.response(mask)
        >>> image = np.zeros((2, 3, 3), np.uint8)
        >>> decode_mask(converter.label(response, image)).tolist()
        [[0, 0, 1], [1, 1, 1]]
    """

    ml_task = "OBJECT_DETECTION"
    tools = ("semantic", "polygon")

    def __init__(
        self,
        labels: Sequence[Any],
        *,
        void: int = 255,
        unpainted: Literal["ground", "void"] = "ground",
        tool: Literal["semantic", "polygon"] = "semantic",
        job: str = "JOB_0",
    ) -> None:
        super().__init__(labels, job=job)
        if unpainted not in ("ground", "void"):
            raise invalid("unpainted", "'ground' or 'void'", repr(unpainted))
        if tool not in self.tools:
            raise invalid("tool", "'semantic' or 'polygon'", repr(tool))
        self.names = list(self.codes.values())
        self.void = void
        self.unpainted = unpainted
        self.tool = tool
        if unpainted == "ground":
            self.lacking = tuple(self.names[:1])

    def attached(self, interface: Mapping[str, Any], *, job: str | None = None) -> MaskConverter:
        """Return this converter for a project; predictions are made with a tool that it has."""
        other = super().attached(interface, job=job)
        there = interface["jobs"][other.job].get("tools") or ()
        if other.tool not in there:
            other.tool = "polygon" if other.tool == "semantic" else "semantic"
        return other

    def label(self, response: Any, sample: Any = None) -> dict[str, Any]:
        """Return the mask, as run lengths."""
        given = self.annotations(response, *self.tools)
        size, turn = known_size(sample), turn_of(response)
        ground = 0 if self.unpainted == "ground" else self.void
        canvas = np.full((size[1], size[0]), ground, np.int32)
        for one in given:
            number = self.names.index(self.one_class(one))
            canvas[_covered(rings_of(one, size, turn), size)] = number
        return encode_mask(canvas)

    def value(self, label: Any, sample: Any = None) -> dict[str, Any]:
        """Return an annotation for each piece of each class, unpainted ones left out."""
        mask = decode_mask(label)
        size = mask.shape[1], mask.shape[0]
        known = size_of_sample(sample)
        if known not in (None, size):
            raise invalid("label", f"a mask of {known}", f"one of {size}", where="width, height")
        found: list[dict[str, Any]] = []
        for number in (int(one) for one in np.unique(mask) if one != self.void):
            if number >= len(self.names):
                raise invalid("label", f"classes 0 to {len(self.names) - 1}", f"{number}")
            if number == 0 and self.unpainted == "ground":
                continue
            categories = self.categories([self.names[number]])
            for outer, holes in pieces(mask == number):
                rings = [{"normalizedVertices": shares_of(one, size)} for one in (outer, *holes)]
                found.append(
                    {
                        "boundingPoly": rings,
                        "categories": categories,
                        "mid": f"altasks-{len(found) + 1}",
                        "type": self.tool,
                    }
                )
        return {"annotations": found}

    def guess(self, description: Mapping[str, Any], sample: Any = None) -> Any:
        """Return the predicted mask, at the size of the image."""
        return predicted_mask(description, sample)


def _covered(rings: Sequence[np.ndarray], size: tuple[int, int]) -> np.ndarray:
    """Return which pixels an outline with holes covers, `[H, W]` bool."""
    found = np.zeros((size[1], size[0]), bool)
    for corners in rings:
        if len(corners) < 3:
            raise invalid("boundingPoly", "outlines of 3 corners or more", f"{len(corners)}")
        ring = np.zeros_like(found)
        fill_polygon(ring, corners, 1)
        if (ring & found).any():
            found &= ~ring
        else:
            found |= ring
    return found

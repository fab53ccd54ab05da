"""Masks: brush strokes and polygons there, a class for every pixel here."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from altasks.data.label_studio.base import Converter, image_size_of
from altasks.data.label_studio.brush import decode_brush, encode_brush
from altasks.data.label_studio.config import (
    Control,
    check_values,
    controls_of,
    find_control,
    texts_of,
    view_of,
    written,
)
from altasks.data.masks.masks import decode_mask, encode_mask
from altasks.data.masks.outlines import outlines
from altasks.data.masks.polygons import fill_polygon
from altasks.data.shown import predicted_mask
from altasks.errors import invalid


class MaskConverter(Converter):
    """Masks, as `altasks.encode_mask` writes them: a class number for every pixel.

    Regions are painted in the order in which they stand, later ones over earlier ones. A polygon
    covers the pixels whose centres lie in it by the even-odd rule, so a cut walked there and back
    makes a hole; so does a region of the ground painted on top.

    Args:
        labels: the classes; 0 is the first.
        void: the number of pixels without a label.
        unpainted: what pixels are that nobody painted: `"ground"`, class 0, or `"void"`.
        shape: what labels become, for predictions: brush strokes or polygons. People may use both.

    Example:
        >>> from altasks.data import decode_mask
        >>> converter = MaskConverter(["ground", "cat"])
        >>> mask = np.array([[0, 0, 1], [1, 1, 1]])
        >>> result = converter.result(mask)
        >>> result[0]["type"], decode_mask(converter.label(result)).tolist()
        ('brushlabels', [[0, 0, 1], [1, 1, 1]])
    """

    tags = ("BrushLabels", "PolygonLabels")

    def __init__(
        self,
        labels: Sequence[Any],
        *,
        void: int = 255,
        unpainted: Literal["ground", "void"] = "ground",
        shape: Literal["brush", "polygon"] = "brush",
    ) -> None:
        texts = texts_of(labels)
        if unpainted not in ("ground", "void"):
            raise invalid("unpainted", "'ground' or 'void'", repr(unpainted))
        self.brush: Control | None = self._control("BrushLabels", "label", texts)
        self.polygon: Control | None = self._control("PolygonLabels", "outline", texts)
        super().__init__(self.brush if shape == "brush" else self.polygon, texts)
        self.numbers = {text: number for number, text in enumerate(texts)}
        self.void = void
        self.unpainted = unpainted
        if unpainted == "ground":
            self.lacking = (next(iter(texts)),)

    @staticmethod
    def _control(tag: str, name: str, texts: Mapping[str, Any]) -> Control:
        return Control(tag, name, "sample", "Image", "image", tuple(texts))

    def config(self) -> str:
        """Return the labelling interface, XML: a brush and a polygon for each class."""
        parts = [written(one) for one in (self.brush, self.polygon) if one is not None]
        return view_of(self.control, *parts, attributes='zoom="true" zoomControl="true"')

    def attached(self, config: str, *, control: str | None = None) -> MaskConverter:
        """Return this converter for a project with a brush, polygons, or one of each."""
        there = [
            one
            for one in controls_of(config)
            if one.tag in self.tags and one.sample_tag == "Image" and control in (None, one.name)
        ]
        if len({one.tag for one in there}) != len(there) or not there:
            there = [find_control(config, self.tags, "Image", name=control)]
        for one in there:
            check_values(one, self.texts, may_lack=self.lacking)
        by_tag = {one.tag: one for one in there}
        other = copy.copy(self)
        other.brush, other.polygon = map(by_tag.get, self.tags)
        other.control = by_tag.get(self.control.tag, there[0])
        return other

    def label(self, result: Any, sample: Any = None) -> dict[str, Any]:
        """Return the mask, as run lengths."""
        controls = [one for one in (self.brush, self.polygon) if one is not None]
        regions = self.regions(result, *(one.name for one in controls))
        size = image_size_of(regions, sample)
        if size is None:
            raise invalid("original_width", "the size of the image", "none", hint="Give sample=.")
        ground = 0 if self.unpainted == "ground" else self.void
        canvas = np.full((size[1], size[0]), ground, np.int32)
        for one in regions:
            brush = self.brush is not None and one.get("from_name") == self.brush.name
            painted_by = self.brush if brush else self.polygon
            number = self.numbers[str(self.one_class(one, painted_by))]
            if brush:
                if one["value"].get("format") != "rle":
                    raise invalid("format", "'rle'", repr(one["value"].get("format"))[:80])
                canvas[decode_brush(one["value"].get("rle"), size)] = number
            else:
                fill_polygon(canvas, _corners(one["value"].get("points"), size), number)
        return encode_mask(canvas)

    def result(self, label: Any, sample: Any = None) -> list[dict[str, Any]]:
        """Return a region for each class that is there, unpainted ones left out."""
        mask = decode_mask(label)
        size = mask.shape[1], mask.shape[0]
        image_size_of([{"original_width": size[0], "original_height": size[1]}], sample)
        found: list[dict[str, Any]] = []
        known = [int(number) for number in np.unique(mask) if number != self.void]
        texts = list(self.texts)
        for number in known:
            if number >= len(texts):
                raise invalid("label", f"classes 0 to {len(texts) - 1}", f"{number}")
            if number == 0 and self.unpainted == "ground":
                continue
            named = {self.control.kind: [texts[number]]}
            frame = {"original_width": size[0], "original_height": size[1], "image_rotation": 0}
            if self.control.tag == "BrushLabels":
                values: list[dict[str, Any]] = [
                    {"format": "rle", "rle": encode_brush(mask == number)}
                ]
            else:
                share = 100 / np.array(size, float)
                values = [
                    {"points": (corners * share).tolist(), "closed": True}
                    for corners in outlines(mask == number)
                ]
            found += [
                self.region(value | named, len(found) + place, **frame)
                for place, value in enumerate(values, 1)
            ]
        return found

    def guess(self, description: Mapping[str, Any], sample: Any = None) -> Any:
        """Return the predicted mask, at the size of the image."""
        return predicted_mask(description, sample)


def _corners(points: Any, size: tuple[int, int]) -> np.ndarray:
    """Return points in percent as corners in pixels `[n, 2]`."""
    try:
        corners = np.array(points, float).reshape(-1, 2)
    except (TypeError, ValueError):
        raise invalid("points", "a list of [x, y] in percent", repr(points)[:80]) from None
    if len(corners) < 3 or not np.isfinite(corners).all() or (np.abs(corners) > 1e6).any():
        raise invalid("points", "three or more finite [x, y] in percent", repr(points)[:80])
    # To a millionth of a pixel, so that a corner on the grid is on it again.
    pixels: np.ndarray = np.round(corners * np.array(size, float) / 100, 6)
    return pixels

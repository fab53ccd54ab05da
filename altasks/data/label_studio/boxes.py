"""Rectangles: percent of the image's sides there, pixels here."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from altasks.data.label_studio.base import Converter, image_size_of
from altasks.data.label_studio.config import Control, texts_of, view_of, written
from altasks.data.shown import predicted_boxes
from altasks.errors import invalid

#: Pixels are rounded to a millionth: the way through percent costs the last digits of a float.
DIGITS = 6


class BoxConverter(Converter):
    """Boxes: `[{"label": name, "box": [x1, y1, x2, y2]}, ...]` in pixels of the upright image.

    A rotated rectangle becomes the smallest upright box around it, cut at the image's border: a
    loss, since no label of altasks is turned.

    Args:
        labels: the classes.

    Example:
        >>> import numpy as np
        >>> converter, image = BoxConverter(["cat"]), np.zeros((100, 200, 3), np.uint8)
        >>> result = converter.result([{"label": "cat", "box": [20, 10, 60, 50]}], image)
        >>> value = result[0]["value"]
        >>> value["x"], value["y"], value["width"], value["height"]
        (10.0, 10.0, 20.0, 40.0)
        >>> converter.label(result, image)
        [{'label': 'cat', 'box': [20.0, 10.0, 60.0, 50.0]}]
    """

    tags = ("RectangleLabels",)

    def __init__(self, labels: Sequence[Any]) -> None:
        texts = texts_of(labels)
        control = Control("RectangleLabels", "label", "sample", "Image", "image", tuple(texts))
        super().__init__(control, texts)

    def config(self) -> str:
        """Return the labelling interface, XML."""
        return view_of(self.control, written(self.control), attributes='zoom="true"')

    def label(self, result: Any, sample: Any = None) -> list[dict[str, Any]]:
        """Return the boxes, in the order in which they stand."""
        regions = self.regions(result)
        if not regions:
            return []
        size = image_size_of(regions, sample)
        if size is None:
            raise invalid("original_width", "the size of the image", "none", hint="Give sample=.")
        return [
            {"label": self.one_class(one), "box": pixel_box(one["value"], size)} for one in regions
        ]

    def result(self, label: Any, sample: Any = None) -> list[dict[str, Any]]:
        """Return a region for each box."""
        if not label:
            return []
        size = image_size_of([], sample)
        if size is None:
            raise invalid("sample", "the image, for its size", "none")
        return [
            self.region(
                percent_box(one["box"], size)
                | {self.control.kind: [self.text_in_config(one["label"])]},
                number,
                original_width=size[0],
                original_height=size[1],
                image_rotation=0,
            )
            for number, one in enumerate(label, 1)
        ]

    def guess(self, description: Mapping[str, Any], sample: Any = None) -> Any:
        """Return the predicted boxes."""
        del sample
        return predicted_boxes(description)


def percent_box(box: Sequence[float], size: tuple[int, int]) -> dict[str, Any]:
    """Return `[x1, y1, x2, y2]` in pixels as Label Studio's percent of `size` (width, height)."""
    x1, y1, x2, y2 = map(float, box)
    width, height = size
    return {
        "x": 100 * x1 / width,
        "y": 100 * y1 / height,
        "width": 100 * (x2 - x1) / width,
        "height": 100 * (y2 - y1) / height,
        "rotation": 0,
    }


def pixel_box(value: Mapping[str, Any], size: tuple[int, int]) -> list[float]:
    """Return a rectangle in percent as `[x1, y1, x2, y2]` in pixels, the frame of a rotated one.

    Label Studio turns a rectangle clockwise about its upper left corner, by degrees, in pixels: in
    percent the turned sides would no longer be at right angles where the image isn't square.

    Raises:
        InvalidInputError: for numbers that are missing or not finite.

    Example:
        >>> value = {"x": 50, "y": 0, "width": 10, "height": 20, "rotation": 90}
        >>> pixel_box(value, (200, 100))
        [80.0, 0.0, 100.0, 20.0]
    """
    x, y, width, height = (_number(value, name) for name in ("x", "y", "width", "height"))
    x, width = x * size[0] / 100, width * size[0] / 100
    y, height = y * size[1] / 100, height * size[1] / 100
    turn = math.radians(_number(value, "rotation") if value.get("rotation") else 0.0)
    if not turn:
        return [round(edge, DIGITS) for edge in (x, y, x + width, y + height)]
    corners = [(0.0, 0.0), (width, 0.0), (width, height), (0.0, height)]
    cos, sin = math.cos(turn), math.sin(turn)
    xs = [x + right * cos - down * sin for right, down in corners]
    ys = [y + right * sin + down * cos for right, down in corners]
    frame = (
        max(0.0, min(xs)), max(0.0, min(ys)), min(float(size[0]), max(xs)),
        min(float(size[1]), max(ys)),
    )  # fmt: skip
    return [round(edge, DIGITS) for edge in frame]


def _number(value: Mapping[str, Any], name: str) -> float:
    found = value.get(name)
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise invalid(name, "a number", repr(found)[:80])
    if not math.isfinite(found) or abs(found) > 1e9:
        raise invalid(name, "a finite number of percent", repr(found)[:80])
    return float(found)

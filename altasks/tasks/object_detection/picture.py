"""Boxes drawn on an image."""

from __future__ import annotations

import colorsys
from collections.abc import Mapping, Sequence
from typing import Any

from altasks._internal.extras import require
from altasks.data.images import open_image

#: Small images are enlarged to this, so that letters can be read on them.
_LEAST = 320


def picture(sample: Any, description: Mapping[str, Any], *, classes: Sequence[str] = ()) -> Any:
    """Return the image with the boxes of `ObjectDetection.describe` drawn on it, a PIL image.

    Args:
        sample: an image, or its path.
        description: with `boxes`, each with `label` and `box`.
        classes: all classes, so that each keeps its colour from image to image; by default those
            that are on this one.
    """
    boxes = description["boxes"]
    names = list(classes) or sorted({entry["label"] for entry in boxes})
    return draw_boxes(open_image(sample), boxes, names)


def draw_boxes(image: Any, boxes: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Any:
    """Return a copy of a PIL image with boxes, classes and probabilities on it.

    Args:
        image: the picture.
        boxes: entries of `ObjectDetection.describe`; the last are drawn first.
        names: the classes, which decide the colours.
    """
    drawing = require("PIL.ImageDraw", "vision", "Drawing boxes")
    factor = max(1, -(-_LEAST // max(image.size)))
    canvas = image.convert("RGB").resize((image.width * factor, image.height * factor))
    pen = drawing.Draw(canvas)
    width = max(2, round(max(canvas.size) / 300))
    for entry in reversed(boxes):
        place = names.index(entry["label"]) if entry["label"] in names else 0
        colour = _colour(place, len(names))
        x1, y1, x2, y2 = (value * factor for value in entry["box"])
        pen.rectangle((x1, y1, max(x1, x2), max(y1, y2)), outline=colour, width=width)
        text = str(entry["label"])
        if "probability" in entry:
            text += f" {entry['probability']:.2f}"
        left, top = max(0.0, x1), max(0.0, y1 - 11)
        pen.rectangle(pen.textbbox((left, top), text), fill=colour)
        pen.text((left, top), text, fill="white")
    return canvas


def _colour(place: int, count: int) -> tuple[int, int, int]:
    red, green, blue = colorsys.hsv_to_rgb(place / max(1, count), 0.9, 0.75)
    return round(red * 255), round(green * 255), round(blue * 255)

"""Bars of class probabilities, drawn below an image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from altasks._internal.drawing import font, shortened
from altasks._internal.extras import require
from altasks._internal.text import one_line

#: The height of the letters, as a share of the picture's width.
LETTERS = 0.075
#: How many classes are written below a picture.
WRITTEN = 3


def with_classes(image: Any, description: Mapping[str, Any]) -> Any:
    """Return the image with its likeliest classes and their probabilities on bars below it.

    Args:
        image: a PIL image, which is left as it is. A small one is shown bigger.
        description: with `classes`, likeliest first.
    """
    pil = require("PIL.Image", "vision", "Drawing pictures")
    draw = require("PIL.ImageDraw", "vision", "Drawing pictures")
    picture = image.convert("RGB")
    if max(picture.size) < 160:
        times = -(-160 // max(picture.size))
        picture = picture.resize((picture.width * times, picture.height * times), resample=0)
    width = max(picture.width, 120)
    face = font(width * LETTERS)
    line = round(1.35 * face.size)
    classes = description["classes"][:WRITTEN]
    sheet = pil.new("RGB", (width, picture.height + line * len(classes)), "white")
    sheet.paste(picture, ((width - picture.width) // 2, 0))
    pen = draw.Draw(sheet)
    for place, entry in enumerate(classes):
        top = picture.height + place * line
        share = min(1.0, max(0.0, float(entry["probability"])))
        pen.rectangle((0, top, round(share * (width - 1)), top + line - 2), fill=(190, 215, 245))
        number = f"{share:.2f}"
        end = width - face.getlength(number) - 3
        pen.text((end, top), number, fill="black", font=face)
        label = shortened(one_line(str(entry["label"])), face, end - 8)
        pen.text((3, top), label, fill="black", font=face)
    return sheet

"""Letters on pictures: a font, and texts cut to a width."""

from __future__ import annotations

from typing import Any

from altasks._internal.extras import require


def font(size: float) -> Any:
    """Return DejaVu Sans, which has most alphabets, where it is installed, else PIL's own font."""
    fonts = require("PIL.ImageFont", "vision", "Drawing pictures")
    legible = max(size, 9)
    try:
        return fonts.truetype("DejaVuSans.ttf", legible)
    except OSError:
        return fonts.load_default(legible)


def shortened(text: str, face: Any, width: float) -> str:
    """Return `text`, cut in its middle so that it is at most `width` pixels long."""
    if face.getlength(text) <= width:
        return text
    low, high = 0, len(text)
    while low < high:  # the most characters that fit
        middle = (low + high + 1) // 2
        if face.getlength(_cut(text, middle)) <= width:
            low = middle
        else:
            high = middle - 1
    return _cut(text, low)


def _cut(text: str, left: int) -> str:
    front = left // 3
    return f"{text[:front]}...{text[len(text) - (left - front) :]}"

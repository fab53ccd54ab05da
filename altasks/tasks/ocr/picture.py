"""A line of text with what its readers read, for people."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from altasks._internal.extras import require
from altasks.tasks.ocr.lines import open_lines

if TYPE_CHECKING:
    from PIL.Image import Image

#: The height at which the line is shown, the size of the letters, and the space around.
_LINE, _LETTERS, _SPACE = 48, 20, 6
_INK, _DIFFERENT, _PAPER = (20, 20, 20), (190, 20, 20), (255, 255, 255)


def picture(sample: Any, description: Mapping[str, Any], *, classes: Sequence[str] = ()) -> Any:
    """Return the line with the readings under it, what differs from the consensus coloured.

    Args:
        sample: an image of a line, or its path.
        description: what `OCR.describe` gave.
        classes: not used: readings are of no class.
    """
    del classes
    return draw_readings(open_lines([sample])[0], description)


def draw_readings(line: Image, description: Mapping[str, Any]) -> Image:
    """Return the line, its consensus, and each reading with its differences from that in red.

    Where a reading lacks characters that the consensus has, a red bar stands.

    Args:
        line: the image of the line.
        description: what `OCR.describe` gave.
    """
    from rapidfuzz.distance import Levenshtein

    pil = require("PIL.Image", "vision", "Drawing")
    draw_on = require("PIL.ImageDraw", "vision", "Drawing").Draw
    font = _font()
    consensus = str(description["predicted"])
    rows = [[(_shown(consensus), False)]]
    for reading in map(str, description["readings"]):
        parts: list[tuple[str, bool]] = []
        for step in Levenshtein.opcodes(consensus, reading):
            text = _shown(reading[step.dest_start : step.dest_end])
            parts.append((text or "|", step.tag != "equal"))
        rows.append(parts or [("", False)])
    scaled = line.convert("RGB").resize((max(1, line.width * _LINE // line.height), _LINE))
    pitch = _LETTERS + _SPACE
    texts = ["".join(text for text, _ in row) for row in rows]
    width = max([scaled.width, *(int(font.getlength(text)) for text in texts)]) + 2 * _SPACE
    picture = pil.new("RGB", (width, _LINE + 3 * _SPACE + pitch * len(rows)), _PAPER)
    picture.paste(scaled, (_SPACE, _SPACE))
    draw = draw_on(picture)
    for number, row in enumerate(rows):
        x, y = float(_SPACE), _LINE + 2 * _SPACE + number * pitch
        for text, different in row:
            draw.text((x, y), text, font=font, fill=_DIFFERENT if different else _INK)
            x += font.getlength(text)
        if number == 0:
            draw.line((_SPACE, y + pitch - 2, width - _SPACE, y + pitch - 2), fill=_INK)
    result: Image = picture
    return result


def _shown(text: str) -> str:
    """Return a text with a mark for each character that no font draws.

    A reading may have a line break, at which Pillow refuses to measure the text.
    """
    return "".join(
        "\ufffd" if unicodedata.category(one) in ("Cc", "Cs", "Zl", "Zp") else one for one in text
    )


def _font() -> Any:
    """Return DejaVu Sans from matplotlib, which knows most letters, else PIL's own."""
    fonts = require("PIL.ImageFont", "vision", "Drawing")
    try:
        import matplotlib as mpl
    except ImportError:
        return fonts.load_default(_LETTERS)
    return fonts.truetype(
        str(Path(mpl.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")), _LETTERS
    )

"""Made-up text lines, rendered from the fonts that come with matplotlib, worn and askew."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from altasks._internal.extras import require
from altasks._internal.random import derive_rng
from altasks.data.pool import Pool
from altasks.data.samples.sentences import made_up_entities
from altasks.errors import invalid

if TYPE_CHECKING:
    from PIL.Image import Image

#: Which face, and how it is printed.
Face = Literal["sans", "serif", "mono"]
_FILES = {"sans": "DejaVuSans.ttf", "serif": "DejaVuSerif.ttf", "mono": "DejaVuSansMono.ttf"}
_HEIGHT, _LETTERS, _SPACE = 48, 30, 6


def rendered_lines(
    count: int,
    *,
    seed: int,
    face: Face = "serif",
    wear: float = 1.0,
    longest: int = 24,
) -> Pool:
    """Return made-up text lines as grey images 48 pixels high, with their texts as labels.

    Each line is askew by up to 1.5 degrees, its ink is worn off in places and runs in others, and
    the paper is grey and noisy, the more so the larger `wear`. Lines differ in how worn they are,
    as pages do. Nobody wrote the texts; they show that a script runs, not what is saved on real
    lines.

    Args:
        count: how many.
        seed: of texts and wear.
        face: `"sans"`, `"serif"` or `"mono"`, all DejaVu.
        wear: 0 is clean.
        longest: the most characters a line has.

    Raises:
        InvalidInputError: for a face there isn't.
        MissingExtraError: if matplotlib, which brings the fonts, is not installed.

    Example:
        >>> lines = rendered_lines(2, seed=0)
        >>> lines["0"].height, len(lines.labels)
        (48, 2)
    """
    if face not in get_args(Face):
        raise invalid("face", "'sans', 'serif' or 'mono'", repr(face))
    folder = Path(require("matplotlib", "plots", "Fonts to render lines with").get_data_path())
    fonts = require("PIL.ImageFont", "vision", "Rendering lines")
    font = fonts.truetype(str(folder / "fonts" / "ttf" / _FILES[face]), _LETTERS)
    sentences = made_up_entities(count, seed=seed, part="pool").tokens
    texts = [_cut(" ".join(words), longest) for words in sentences]
    images = [
        _printed(text, font, wear, derive_rng(seed, "line", face, row))
        for row, text in enumerate(texts)
    ]
    ids = [str(row) for row in range(count)]
    return Pool(ids, images.__getitem__, labels=dict(zip(ids, texts, strict=True)))


def _cut(text: str, longest: int) -> str:
    """Return the beginning of a text, cut between words where it has any."""
    return (
        text if len(text) <= longest else text[: longest + 1].rpartition(" ")[0] or text[:longest]
    )


def _printed(text: str, font: object, wear: float, rng: np.random.Generator) -> Image:
    pil = require("PIL.Image", "vision", "Rendering lines")
    draw_on = require("PIL.ImageDraw", "vision", "Rendering lines").Draw
    filters = require("PIL.ImageFilter", "vision", "Rendering lines")
    width = int(font.getlength(text)) + 2 * _SPACE  # type: ignore[attr-defined]
    page = pil.new("L", (width, _HEIGHT), 255)
    draw_on(page).text((_SPACE, _HEIGHT // 2), text, font=font, fill=0, anchor="lm")
    wear *= rng.uniform(0.3, 1.3)
    if wear:
        angle = wear * rng.uniform(-1.5, 1.5)
        page = page.rotate(angle, resample=pil.Resampling.BICUBIC, fillcolor=255)
        page = page.filter(filters.GaussianBlur(0.8 * wear))
    ink = 1 - np.asarray(page, dtype=np.float64) / 255  # H x W
    # Blots and bare spots are a few pixels wide: noise of a coarse grid, made smooth.
    coarse = rng.normal(size=(_HEIGHT // 6, -(-width // 6)))
    grid = pil.fromarray(np.float32(coarse)).resize((width, _HEIGHT), pil.Resampling.BICUBIC)
    worn = ink * np.clip(1 - 0.9 * wear * np.maximum(0, np.asarray(grid) - 0.4), 0, 1)
    paper = 235 - 200 * worn * (1 - 0.2 * wear) + 18 * wear * rng.normal(size=ink.shape)
    result: Image = pil.fromarray(np.clip(paper, 0, 255).astype(np.uint8))
    return result

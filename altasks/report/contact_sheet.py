"""A contact sheet: the pictures of a query in a grid, to be looked at before paying for labels."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from altasks._internal.drawing import font, shortened
from altasks._internal.extras import require
from altasks._internal.numbers import require_whole
from altasks._internal.text import one_line
from altasks.abilities import DrawsPictures, provides
from altasks.data.images import open_image
from altasks.errors import UnreadableSampleError, invalid
from altasks.registry import get_picture

#: The most pictures on a sheet; what is further down a queue is not looked at on one page.
MOST = 200
GAP = 10
_GREY, _INK, _FAINT = (232, 232, 232), (20, 20, 20), (110, 110, 110)


@dataclass(frozen=True)
class _Tile:
    """One sample of the sheet.

    Attributes:
        sample: whatever `open_image` reads.
        description: what the task predicted for it, or None.
        lines: the caption.
    """

    sample: Any
    description: Mapping[str, Any] | None
    lines: list[str]


def contact_sheet(
    query: Any,
    task: Any = None,
    path: Path | str = "sheet.png",
    *,
    pool: Any = None,
    columns: int = 5,
    tile: int = 220,
    most: int = MOST,
    classes: Sequence[str] = (),
) -> Path:
    """Save the pictures of a query in a grid, each with its rank, score and id, as a PNG.

    What the model sees is drawn on each picture by the task's `picture(sample, description)`, if
    it has one; else the predicted classes stand below it. A sample that can't be read is a grey
    tile that says why.

    Args:
        query: a `Query` of a loop, or rows of a queue that `altasks rank` wrote: mappings with
            `id`, `rank`, `score`, `prediction` and, unless there is a pool, `path`.
        task: draws what it sees; or the name of a registered picture, such as
            `"object-detection"`, which needs no model; None shows the plain pictures.
        path: where to write; the folder is made.
        pool: id -> sample, for rows whose samples are no files.
        columns: how many pictures in a row of the grid.
        tile: how wide and high a picture may be, in pixels.
        most: how many pictures at most; the others are counted below the sheet.
        classes: all classes, for a picture by name: each keeps its colour from sheet to sheet.

    Returns:
        The path that was written.

    Raises:
        UnknownNameError: for the name of a picture that isn't registered.
        InvalidInputError: for an empty query, rows without an image, or a size out of range.
        MissingExtraError: if Pillow is not installed.

    Example:
        >>> import tempfile, numpy as np
        >>> rows = [{"id": "a", "rank": 1, "score": 0.5}, {"id": "b", "rank": 2, "score": 0.25}]
        >>> pool = {"a": np.zeros((8, 8)), "b": np.ones((8, 8))}
        >>> contact_sheet(rows, path=f"{tempfile.mkdtemp()}/sheet.png", pool=pool).name
        'sheet.png'
    """
    for name, value, top in (("columns", columns, 50), ("tile", tile, 2000), ("most", most, 5000)):
        require_whole(name, value, 1, top)
    if tile < 40:
        raise invalid("tile", "at least 40 pixels", f"{tile}")
    draws = _drawing(task, classes)
    tiles, count = _tiles_of(query, pool, most, drawn=draws is not None)
    if not tiles:
        raise invalid("query", "at least one sample", "none")

    pil = require("PIL.Image", "vision", "A contact sheet")
    face = font(min(18, max(11, tile / 17)))
    line = round(1.3 * face.size)
    lines = max(len(one.lines) for one in tiles)
    across = min(columns, len(tiles))
    pictures = [_looked(one, draws, tile) for one in tiles]
    # A row is as high as its highest picture: lines of text are wide and flat.
    heights = [
        max(
            tile if isinstance(one, str) else one.height for one in pictures[start : start + across]
        )
        for start in range(0, len(pictures), across)
    ]
    bottoms = list(itertools.accumulate(height + GAP + lines * line for height in heights))
    note = f"and {count - len(tiles):,} more" if count > len(tiles) else ""
    size = (GAP + across * (tile + GAP), GAP + bottoms[-1] + (line if note else 0))
    sheet = pil.new("RGB", size, "white")
    pen = require("PIL.ImageDraw", "vision", "A contact sheet").Draw(sheet)
    for place, (one, picture) in enumerate(zip(tiles, pictures, strict=True)):
        row = place // across
        left, below = GAP + place % across * (tile + GAP), bottoms[row] - lines * line
        if isinstance(picture, str):
            pen.rectangle((left, below - tile, left + tile - 1, below - 1), fill=_GREY)
            notice = ["can't be read:", picture]
            _write(pen, face, notice, (left + 4, below - tile + 4), tile - 8, line)
        else:
            sheet.paste(picture, (left + (tile - picture.width) // 2, below - picture.height))
        _write(pen, face, one.lines, (left, below + 2), tile, line)
    if note:
        pen.text((GAP, GAP + bottoms[-1]), note, fill=_FAINT, font=face)
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        sheet.save(temporary, format="PNG")
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return target


def _drawing(task: Any, classes: Sequence[str]) -> Any:
    """Return what draws a sample with its description, or None."""
    if isinstance(task, str):
        return partial(get_picture(task), classes=classes)
    return task.picture if provides(task, DrawsPictures) else None


def _tiles_of(query: Any, pool: Any, most: int, *, drawn: bool) -> tuple[list[_Tile], int]:
    """Return the first tiles and how many there would be; `drawn`: classes are on them already."""
    if hasattr(query, "descriptions") and hasattr(query, "samples"):
        ranked = [
            (rank, name, score, sample, query.descriptions.get(name))
            for rank, (name, score, sample) in enumerate(
                zip(query.ids, query.scores, query.samples, strict=True), start=1
            )
        ]
    elif isinstance(query, Iterable) and not isinstance(query, str | bytes | Mapping):
        ranked = [_of_row(row, place, pool) for place, row in enumerate(query, start=1)]
    else:
        raise invalid("query", "a Query, or rows of a queue", type(query).__name__)
    tiles = []
    for rank, name, score, sample, description in ranked[:most]:
        head = f"{rank}" if score is None else f"{rank}   score {score:.4g}"
        lines = [head, str(name)]
        if not drawn and (classes := _classes(description)):
            lines.append(classes)
        tiles.append(_Tile(sample, description, lines))
    return tiles, len(ranked)


def _of_row(row: Any, place: int, pool: Any) -> tuple[Any, ...]:
    if not isinstance(row, Mapping) or "id" not in row:
        raise invalid("query", "rows with an id", repr(row)[:80], where=f"row {place - 1}")
    if pool is not None:
        sample = pool[row["id"]]
    elif "path" in row:
        sample = row["path"]
    else:
        raise invalid(
            "query",
            "rows with a path, or the pool",
            f"one with {', '.join(map(repr, row))}",
            where=f"row {place - 1}",
        )
    return row.get("rank", place), row["id"], row.get("score"), sample, row.get("prediction")


def _classes(description: Mapping[str, Any] | None) -> str:
    """Return the predicted classes of a description, if it names any."""
    predicted = (description or {}).get("predicted")
    if isinstance(predicted, list | tuple):
        return ", ".join(map(str, predicted)) or "no class"
    return "" if predicted is None else str(predicted)


def _looked(one: _Tile, draws: Any, side: int) -> Any:
    """Return the picture of a tile, or why there is none."""
    try:
        if draws is None or one.description is None:
            return _fit(open_image(one.sample), side)
        return _fit(draws(one.sample, one.description), side)
    except UnreadableSampleError as error:
        return next(iter(error.rows.values()), str(error))


def _fit(picture: Any, side: int) -> Any:
    """Return a picture no bigger than `side`, and a small one in whole multiples of its pixels."""
    picture = picture.convert("RGB")
    longest = max(picture.size)
    if longest > side:
        width, height = (max(1, round(edge * side / longest)) for edge in picture.size)
        return picture.resize((width, height), resample=2, reducing_gap=2.0)
    times = side // longest
    return picture.resize((picture.width * times, picture.height * times), resample=0)


def _write(
    pen: Any, face: Any, lines: list[str], at: tuple[int, int], width: int, line: int
) -> None:
    for place, text in enumerate(lines):
        shown = shortened(one_line(text), face, width)
        pen.text((at[0], at[1] + place * line), shown, fill=_FAINT if place else _INK, font=face)

"""Images of text lines and their transcripts, from the files people have."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from altasks.data.images import IMAGE_SUFFIXES
from altasks.data.pool import Pool, as_pool, ids_of
from altasks.data.text_files import fault, read_lines
from altasks.errors import InvalidInputError, invalid

#: What stands behind a line's name in the name of its transcript, in the order they are tried.
TEXT_SUFFIXES = (".gt.txt", ".txt")
#: The column of a table's transcripts, unless another is named.
TEXT_COLUMN = "text"


def read_line_folder(
    folder: str | PathLike[str],
    *,
    text_suffixes: Sequence[str] = TEXT_SUFFIXES,
    encoding: str = "utf-8",
) -> Pool:
    """Return the lines of a folder: `NAME.png` with its transcript in `NAME.gt.txt` or `NAME.txt`.

    Samples are paths, ids are relative paths with `/`, and `labels` has the transcripts of the
    lines that have one; the others are to be labelled. Each transcript is one line; what ends it
    is no part of it.

    Args:
        folder: with folders inside, perhaps.
        text_suffixes: what replaces the image's suffix, or its last two, in the order tried.
        encoding: of the transcripts.

    Raises:
        InvalidInputError: for no image, a transcript of several lines, one that can't be read, or
            a `NAME.gt.txt` without its image (a `NAME.txt` may be a note), naming the file.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as name:
        ...     for file in ("a.png", "b.bin.png"):
        ...         Path(name, file).touch()
        ...     _ = Path(name, "b.gt.txt").write_text("the text")
        ...     read_line_folder(name).labels
        {'b.bin.png': 'the text'}
    """
    if isinstance(text_suffixes, str):  # its letters would pass for suffixes
        raise invalid("text_suffixes", "a list", repr(text_suffixes), hint="Use [...].")
    root = Path(folder)
    if not root.is_dir():
        raise invalid("folder", "an existing folder", repr(str(root)))
    pool = as_pool(root, suffixes=IMAGE_SUFFIXES)
    labels = {}
    known: set[str] = set()
    for name in pool.ids:
        # OCRopus writes 0001.bin.png and 0001.nrm.png beside 0001.gt.txt.
        stems = [(root / name).with_suffix("")]
        stems += [stems[0].with_suffix("")] if stems[0].suffix in (".bin", ".nrm") else []
        known.update(map(str, stems))
        for path in (Path(f"{stem}{suffix}") for stem in stems for suffix in text_suffixes):
            if path.is_file():
                _require_inside(path, root)
                labels[name] = _one_line(path, encoding)
                break
    for suffix in text_suffixes:
        for path in sorted(root.rglob(f"*{suffix}")) if suffix.count(".") > 1 else []:
            hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
            if not hidden and str(path).removesuffix(suffix) not in known:
                raise fault(path, None, "the image of this transcript beside it", "none")
    return Pool(pool.ids, pool.at, labels=labels)


def read_line_table(
    path: str | PathLike[str],
    *,
    image_column: str = "image",
    text_column: str = TEXT_COLUMN,
    id_column: str | None = None,
    encoding: str = "utf-8",
) -> Pool:
    """Return the lines of a CSV file with the paths of their images, and texts where there are any.

    Paths are relative to the file's folder, and may not lead out of it.

    Args:
        path: a `.csv`, or a `.tsv` with tabs; its first row names the columns.
        image_column: the column with the paths.
        text_column: the column with the transcripts; an empty cell means none yet, and so does a
            table without the column `text`.
        id_column: the column with the ids; by default the paths.
        encoding: of the file.

    Raises:
        InvalidInputError: for a missing column, a row of another number of cells, a quote that is
            not closed, a text of several lines, a path that leads out of the folder or to no
            file, or an id twice, naming the line.
    """
    where = Path(path)
    text = "\n".join(line for _, line in read_lines(where, encoding))
    tab = "\t" if where.suffix.lower() == ".tsv" else ","
    # Strict: else a quote that nothing closes takes the lines after it into one text.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=tab, strict=True)
    rows = _rows(where, reader)
    columns = next(rows, [])
    if len(set(columns)) < len(columns):
        raise fault(where, None, "distinct column names", f"{columns}")
    # Without texts a table is one to label; a name that was given and isn't there is a slip.
    texts = None if text_column == TEXT_COLUMN else text_column
    for column in filter(None, (image_column, texts, id_column)):
        if column not in columns:
            listed = ", ".join(map(repr, columns)) or "none"
            raise fault(where, None, f"a column {column!r}", f"the columns {listed}")
    images: dict[str, Path] = {}
    labels: dict[str, str] = {}
    for cells in rows:
        if len(cells) != len(columns):
            raise fault(
                where, reader.line_num, f"{len(columns)} cells", f"{len(cells)}",
                "Quote cells that hold the delimiter.",
            )  # fmt: skip
        row = dict(zip(columns, cells, strict=True))
        name = row[id_column or image_column].strip()
        if not name or name in images:
            found = repr(name) + " twice" if name else "an empty cell"
            raise fault(where, reader.line_num, "a name for each line, once", found)
        image = where.parent / row[image_column].strip()
        if not image.is_file():
            raise fault(where, reader.line_num, "the path of an image", repr(row[image_column]))
        _require_inside(image, where.parent)
        images[name] = image
        if transcript := row.get(text_column):
            if "\n" in transcript:
                raise fault(where, reader.line_num, "one line of text", repr(transcript[:80]))
            labels[name] = transcript
    if not images:
        raise fault(where, None, "at least one line", "none")
    ids = list(images)
    return Pool(ids, lambda i: images[ids[i]], labels=labels)


def lines_from_dataset(
    dataset: Any,
    *,
    image_column: str = "image",
    text_column: str | None = "text",
    id_column: str | None = None,
) -> Pool:
    """Return the lines of a Hugging Face `Dataset` with a column of images.

    Args:
        dataset: one split.
        image_column: the column of images.
        text_column: the column of transcripts, None or empty where there is none yet; None: there
            is no such column.
        id_column: the column of the ids; by default positions.

    Raises:
        InvalidInputError: for a missing column (those there are are listed), or an id that is
            missing or there twice.
    """
    columns = list(getattr(dataset, "column_names", None) or [])
    for argument, column in (("image_column", image_column), ("text_column", text_column),
                             ("id_column", id_column)):  # fmt: skip
        if column is not None and column not in columns:
            raise invalid(argument, f"one of {', '.join(map(repr, columns))}", repr(column))
    ids = [str(i) for i in range(len(dataset))]
    if id_column is not None:
        ids = ids_of(dataset[id_column], id_column)
    texts = [None] * len(ids) if text_column is None else dataset[text_column]
    labels = {name: str(text) for name, text in zip(ids, texts, strict=True) if text}
    return Pool(
        ids, lambda i: dataset[i][image_column], positional=id_column is None, labels=labels
    )


def _rows(path: Path, reader: Any) -> Iterator[list[str]]:
    """Yield the rows of a CSV file that aren't blank."""
    try:
        yield from filter(None, reader)
    except csv.Error as error:
        raise fault(
            path, reader.line_num, "cells that are quoted as in CSV", str(error),
            'A cell with a quote in it is quoted itself, and the quote doubled: "a ""b"" c".',
        ) from error  # fmt: skip


def _one_line(path: Path, encoding: str) -> str:
    lines = [(number, line) for number, line in read_lines(path, encoding) if line.strip()]
    if len(lines) > 1:
        raise fault(path, lines[1][0], "one line of text", "another")
    return lines[0][1] if lines else ""


def _require_inside(path: Path, folder: Path) -> None:
    if not path.resolve().is_relative_to(folder.resolve()):
        raise InvalidInputError(f"{path} leads out of the folder {folder}; copy the file in.")

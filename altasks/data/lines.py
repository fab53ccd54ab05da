"""Images of text lines and their transcripts, from the files people have."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from altasks._internal.frames import frame_columns, is_frame
from altasks._internal.names import did_you_mean
from altasks.data.boxes.paths import plain_path
from altasks.data.columns import ids_of, unknown_column
from altasks.data.images import IMAGE_SUFFIXES
from altasks.data.label_cells import is_missing
from altasks.data.near_names import look_alike, look_alike_of
from altasks.data.pool import Pool, as_pool
from altasks.data.tables import column_names, read_cells
from altasks.data.text_files import file_error, read_lines
from altasks.errors import InvalidInputError, invalid

#: Endings of a transcript's name behind that of its line, in the order they are tried.
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
        text_suffixes: what replaces the image's suffix, or its last two, in the order tried; in
            upper or lower case.
        encoding: of the transcripts.

    Raises:
        InvalidInputError: for no image, a transcript of several lines, one that can't be read, or
            a `NAME.gt.txt` without its image (a `NAME.txt` may be a note), or two transcripts
            whose names differ in case only, naming the file.

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
    transcripts = _transcripts(root, text_suffixes)
    labels = {}
    known: set[Path] = set()
    for name in pool.ids:
        # OCRopus writes 0001.bin.png and 0001.nrm.png beside 0001.gt.txt.
        stems = [(root / name).with_suffix("")]
        stems += [stems[0].with_suffix("")] if stems[0].suffix in (".bin", ".nrm") else []
        known.update(stems)
        keys = [(stem, suffix) for stem in stems for suffix in text_suffixes]
        path = next((transcripts[key] for key in keys if key in transcripts), None)
        if path is not None:
            _require_inside(path, root)
            labels[name] = _one_line(path, encoding)
    for (stem, suffix), path in transcripts.items():
        if suffix.count(".") > 1 and stem not in known:
            hint = look_alike(stem.name, (one.name for one in known if one.parent == stem.parent))
            raise file_error(path, None, "the image of this transcript beside it", "none", hint)
    taken = {path.relative_to(root).as_posix() for path in transcripts.values()}
    others = {name: why for name, why in pool.passed_over.items() if name not in taken}
    return Pool(pool.ids, pool.at, labels=labels, passed_over=others)


def _transcripts(root: Path, suffixes: Sequence[str]) -> dict[tuple[Path, str], Path]:
    """Return (path without suffix, suffix) -> transcript."""
    found: dict[tuple[Path, str], Path] = {}
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            for suffix in suffixes:
                if name.startswith(".") or not name.lower().endswith(suffix.lower()):
                    continue
                key = Path(folder, name[: len(name) - len(suffix)]), suffix
                if key in found:
                    raise file_error(
                        found[key], None, "one transcript for a line", f"{name} beside it",
                        "Remove one of them.",
                    )  # fmt: skip
                found[key] = Path(folder, name)
    return found


def read_line_table(
    path: str | PathLike[str],
    *,
    image_column: str = "image",
    text_column: str = TEXT_COLUMN,
    id_column: str | None = None,
    encoding: str = "utf-8",
    quoting: str | None = None,
) -> Pool:
    r"""Return the lines of a CSV file: the paths of their images, and texts where there are any.

    Paths are relative to the file's folder, with `/` or `\`, and may not lead out of it.

    Args:
        path: a `.csv`, or a `.tsv` with tabs; its first row names the columns.
        image_column: the column with the paths.
        text_column: the column with the transcripts; an empty cell means none yet, and so does a
            table without the column `text`.
        id_column: the column with the ids; by default the paths.
        encoding: of the file.
        quoting: how quotation marks are read, see `altasks.data.tables.read_cells`.

    Raises:
        InvalidInputError: for a missing column, a row of another number of cells, a quote that is
            not closed, a text of several lines, a path that leads out of the folder or to no
            file, an id twice, or an image twice without `id_column`, naming the line.
    """
    where = Path(path)
    rows = read_cells(where, encoding=encoding, quoting=quoting)
    columns = column_names(where, rows[0][1])
    # Without texts a table is one to label; a name that was given and isn't there is a slip.
    texts = None if text_column == TEXT_COLUMN else text_column
    for column in filter(None, (image_column, texts, id_column)):
        if column not in columns:
            listed = ", ".join(map(repr, columns)) or "none"
            hint = did_you_mean(column, columns)
            raise file_error(where, None, f"a column {column!r}", f"the columns {listed}", hint)
    images: dict[str, Path] = {}
    owners: dict[str, str] = {}  # path -> the first id of it
    labels: dict[str, str] = {}
    for line, cells in rows[1:]:
        row = dict(zip(columns, cells, strict=True))
        name = row[id_column or image_column].strip()
        if not name or name in images:
            found = repr(name) + " twice" if name else "an empty cell"
            raise file_error(where, line, "a name for each line, once", found)
        written = row[image_column].strip()
        image = where.parent / written
        if not image.is_file():  # made under Windows, perhaps
            image = where.parent / written.replace("\\", "/")
        if not image.is_file():
            hint = look_alike_of(image)
            raise file_error(where, line, "the path of an image", repr(row[image_column]), hint)
        _require_inside(image, where.parent)
        owner = owners.setdefault(plain_path(image), name)
        if id_column is None and owner != name:
            raise file_error(where, line, "an image of its own", f"{name!r}, which is {owner!r}")
        images[name] = image
        if transcript := row.get(text_column):
            if "\n" in transcript or "\r" in transcript:
                raise file_error(where, line, "one line of text", repr(transcript[:80]))
            labels[name] = transcript
    if not images:
        raise file_error(where, None, "at least one line", "none")
    ids = list(images)
    return Pool(ids, lambda i: images[ids[i]], labels=labels)


def lines_from_dataset(
    dataset: Any,
    *,
    image_column: str = "image",
    text_column: str | None = "text",
    id_column: str | None = None,
) -> Pool:
    """Return the lines of a Hugging Face `Dataset`, or a data frame, with a column of images.

    Args:
        dataset: one split, or a data frame.
        image_column: the column of images.
        text_column: the column of transcripts, None, NaN or empty where there is none yet; None:
            there is no such column.
        id_column: the column of the ids; by default positions.

    Raises:
        InvalidInputError: for a missing column (those there are are listed), an id that is
            missing or there twice, or a transcript that is no text.
    """
    frame = frame_columns(dataset, "dataset") if is_frame(dataset) else None
    listed = frame or getattr(dataset, "column_names", None)
    if not listed or (frame is None and isinstance(listed, Mapping)):
        raise invalid(
            "dataset", "a Hugging Face Dataset or a data frame", type(dataset).__name__,
            hint='Of several splits, choose one: dataset["train"].' if listed else "",
        )  # fmt: skip
    for argument, column in (("image_column", image_column), ("text_column", text_column),
                             ("id_column", id_column)):  # fmt: skip
        if column is not None and column not in listed:
            raise unknown_column(argument, column, listed)
    columns: Any = dataset if frame is None else frame
    ids = [str(i) for i in range(len(dataset))]
    if id_column is not None:
        ids = ids_of(columns[id_column], id_column)
    labels = {}
    for row, text in enumerate([] if text_column is None else columns[text_column]):
        if text == "" or (not isinstance(text, str) and is_missing(text)):
            continue
        if not isinstance(text, str | int) or isinstance(text, bool):
            raise invalid(
                str(text_column), "a text or none in every row", repr(text), where=f"row {row}"
            )
        labels[ids[row]] = str(text)

    def fetch(position: int) -> Any:
        return dataset[position][image_column] if frame is None else frame[image_column][position]

    return Pool(ids, fetch, positional=id_column is None, labels=labels)


def _one_line(path: Path, encoding: str) -> str:
    lines = [(number, line) for number, line in read_lines(path, encoding) if line.strip()]
    if len(lines) > 1:
        raise file_error(path, lines[1][0], "one line of text", "another")
    if lines and "\r" in lines[0][1].strip("\r"):  # a line end among those of another kind
        raise file_error(path, lines[0][0], "one line of text", repr(lines[0][1][:80]))
    return lines[0][1] if lines else ""


def _require_inside(path: Path, folder: Path) -> None:
    if not path.resolve().is_relative_to(folder.resolve()):
        raise InvalidInputError(f"{path} leads out of the folder {folder}; copy the file in.")

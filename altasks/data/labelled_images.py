"""Images with one label each: a folder for each class, or a table with a column of paths."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from altasks.data.images import IMAGE_SUFFIXES
from altasks.data.lines import read_line_table
from altasks.data.pool import Pool, as_pool
from altasks.errors import invalid


def read_class_folders(folder: str | PathLike[str]) -> Pool:
    """Return the images of a folder of folders, each labelled by the folder it lies in.

    The label is the first folder below `folder`, so what is sorted further within a class stays
    one class. An image beside the folders has no label: it is there to be labelled.

    Args:
        folder: with a folder for each class. Ids are relative paths with `/`.

    Raises:
        InvalidInputError: for a folder that isn't there, or one without images, or without
            folders that have some.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as name:
        ...     for file in ("cat/1.png", "dog/old/2.png"):
        ...         Path(name, file).parent.mkdir(parents=True)
        ...         Path(name, file).touch()
        ...     read_class_folders(name).labels
        {'cat/1.png': 'cat', 'dog/old/2.png': 'dog'}
    """
    root = Path(folder)
    if not root.is_dir():
        raise invalid("folder", "an existing folder", repr(str(root)))
    pool = as_pool(root, suffixes=IMAGE_SUFFIXES)
    labels = {name: name.partition("/")[0] for name in pool.ids if "/" in name}
    if not labels:
        raise invalid(
            "folder", "a folder of images for each class", f"images alone in {str(root)!r}",
            hint="Sort them into folders, or write a table of paths and labels.",
        )  # fmt: skip
    return Pool(
        pool.ids, pool.at, labels=labels, in_memory=pool.in_memory, passed_over=pool.passed_over
    )


def read_image_table(
    path: str | PathLike[str],
    *,
    image_column: str = "image",
    label_column: str = "label",
    id_column: str | None = None,
    encoding: str = "utf-8",
    quoting: str | None = None,
) -> Pool:
    """Return the images of a CSV file: their paths, and labels where there are any.

    Args:
        path: a `.csv`, or a `.tsv` with tabs; its first row names the columns.
        image_column: the column with the paths, relative to the file's folder.
        label_column: the column with the labels, as text; an empty cell means none yet.
        id_column: the column with the ids; by default the paths.
        encoding: of the file.
        quoting: how quotation marks are read, see `altasks.data.tables.read_cells`.

    Raises:
        InvalidInputError: as `read_line_table`.
    """
    return read_line_table(
        path,
        image_column=image_column,
        text_column=label_column,
        id_column=id_column,
        encoding=encoding,
        quoting=quoting,
    )

"""A pool is anything with ids: the one view of the user's data that everything else takes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from altasks.data.tables import read_table
from altasks.errors import InvalidInputError, UnknownNameError, invalid


class Pool:
    """N samples, each reached by its id (a string).

    Made by `as_pool`; samples are fetched when asked for, so a pool of a million images is a
    list of paths.

    Args:
        ids: N distinct strings.
        fetch: the sample at a position.
        positional: whether the ids are nothing but positions in a list. A store then keeps a
            hash of each sample's content, since a position says nothing about what is there.
        labels: id -> label, where the source had them.
    """

    def __init__(
        self,
        ids: Sequence[str],
        fetch: Callable[[int], Any],
        *,
        positional: bool = False,
        labels: Mapping[str, Any] | None = None,
    ) -> None:
        self.ids = list(ids)
        self.positional = positional
        self.labels: dict[str, Any] = dict(labels or {})
        self._fetch = fetch
        # Built on demand: scoring a pool in order never needs it.
        self._positions: dict[str, int] | None = None

    def __len__(self) -> int:
        """Return N, the number of samples."""
        return len(self.ids)

    def __iter__(self) -> Iterator[str]:
        return iter(self.ids)

    def position(self, name: str) -> int:
        """Return where the sample `name` stands in the pool.

        Raises:
            UnknownNameError: if there is no such id.
        """
        if self._positions is None:
            self._positions = {one: i for i, one in enumerate(self.ids)}
        try:
            return self._positions[name]
        except (KeyError, TypeError):
            raise UnknownNameError(self._unknown(name)) from None

    def _unknown(self, name: Any) -> str:
        if not isinstance(name, str):
            return f"id: expected a string, found {type(name).__name__} {name!r}."
        sample = ", ".join(repr(one) for one in self.ids[:3])
        return f"id: {name!r} is not in the pool of {len(self)} samples (ids: {sample}, ...)."

    def __contains__(self, name: object) -> bool:
        try:
            self.position(name)  # type: ignore[arg-type]
        except UnknownNameError:
            return False
        return True

    def __getitem__(self, name: str) -> Any:
        """Return the sample with the id `name`."""
        return self._fetch(self.position(name))

    def at(self, position: int) -> Any:
        """Return the sample at a position."""
        return self._fetch(position)

    def subset(self, ids: Sequence[str]) -> Pool:
        """Return the pool of some ids, in the order given; samples are still fetched lazily."""
        positions = [self.position(name) for name in ids]
        labels = {name: self.labels[name] for name in ids if name in self.labels}
        return Pool(
            ids, lambda i: self._fetch(positions[i]), positional=self.positional, labels=labels
        )


def as_pool(
    source: Any,
    *,
    text_column: str | None = None,
    id_column: str | None = None,
    label_column: str | None = None,
    suffixes: Sequence[str] | None = None,
) -> Pool:
    """Return `source` as a `Pool`.

    Args:
        source: one of
            a `Pool`, returned as it is;
            a dict from id to sample;
            the path of a `.csv`, `.tsv` or `.jsonl` file: one sample a row, its text;
            the path of a folder: one sample a file (a `Path`), ids are relative paths with `/`;
            a Hugging Face `Dataset`: one sample a row, or the text column if named;
            a pandas `DataFrame`: one sample a row, a dict from column to value;
            any other sequence: ids are its positions.
        text_column: of a table or a `Dataset`: the column with the sample; by default `text`.
        id_column: of those: the column with the ids; by default, of a table, `id` if there is
            one, else the row numbers from 0.
        label_column: of those: fills `Pool.labels` where the cell isn't empty.
        suffixes: of a folder: which files count, such as `(".png", ".jpg")`; by default all.

    Raises:
        InvalidInputError: for an empty source, repeated or non-string ids, a missing column (the
            message lists those there are), a column of what has none to name, or something in the
            folder that can't be read or that links out of it.

    Example:
        >>> pool = as_pool(["first text", "second text"])
        >>> pool.ids, pool["1"]
        (['0', '1'], 'second text')
    """
    columns = {"text_column": text_column, "id_column": id_column, "label_column": label_column}
    if isinstance(source, Pool):
        _refuse_columns(columns, "a Pool")
        pool = source
    elif hasattr(source, "column_names") and (
        isinstance(source, Mapping) or not hasattr(source, "__len__")
    ):
        # Splits of a data set are a mapping: its names would pass for ids.
        raise invalid(
            "pool", "one Dataset, whose length is known", type(source).__name__,
            hint='Of several splits, choose one: dataset["train"].'
            if isinstance(source, Mapping)
            else "Load it without streaming.",
        )  # fmt: skip
    elif isinstance(source, Mapping):
        _refuse_columns(columns, "a dict")
        pool = _from_mapping(source)
    elif isinstance(source, str | os.PathLike):
        if not os.fspath(source):
            # An unset variable; as a path it would be the working folder and all that is in it.
            raise invalid("pool", "the path of a file or folder", "an empty path")
        path = Path(source)
        if path.is_dir():
            _refuse_columns(columns, "a folder")
            pool = _from_folder(path, suffixes)
        else:
            table = read_table(path)
            pool = _from_columns(table.columns, len(table), text_column, id_column, label_column)
    elif hasattr(source, "column_names") and hasattr(source, "features"):
        pool = _from_dataset(source, text_column, id_column, label_column)
    elif hasattr(source, "__len__") and hasattr(source, "__getitem__"):
        _refuse_columns(columns, type(source).__name__)
        pool = _from_sequence(source)
    else:
        raise invalid(
            "pool",
            "a list, a dict, a folder, a CSV or JSONL file, or a Hugging Face Dataset",
            type(source).__name__,
        )
    if not len(pool):
        raise invalid("pool", "at least one sample", "an empty pool")
    _require_unicode(pool.ids)
    return pool


def _refuse_columns(columns: Mapping[str, str | None], kind: str) -> None:
    """Refuse a column of what has none: ids and labels that were meant would be missing."""
    for argument, name in columns.items():
        if name is not None:
            raise invalid(
                argument,
                f"None for {kind}: only tables and Datasets have columns to name",
                repr(name),
                hint="Give a dict from id to sample, or Pool(ids, fetch, labels=...).",
            )


def _from_sequence(source: Any) -> Pool:
    fetch = source.__getitem__
    if hasattr(source, "iloc") and hasattr(source, "columns"):  # pandas: a mapping a row
        fetch = _row_of_frame(source)
    elif hasattr(source, "iloc"):  # by position, not by label
        fetch = source.iloc.__getitem__
    return Pool([str(i) for i in range(len(source))], fetch, positional=True)


def _row_of_frame(frame: Any) -> Callable[[int], Any]:
    # Plain values: a Series has no content hash, and its types are those of all columns together.
    return lambda i: {str(name): frame[name].iloc[i] for name in frame.columns}


def _require_unicode(ids: Sequence[str]) -> None:
    """Refuse ids that no file and no database can hold, before any work is done."""
    for row, name in enumerate(ids):
        if name.isascii():
            continue
        try:
            name.encode()
        except UnicodeEncodeError as error:
            raise invalid(
                "pool",
                "ids of valid Unicode",
                f"{name!r}",
                where=f"row {row}",
                hint="A file's name in another encoding than UTF-8 has to be renamed; half of a "
                "surrogate pair is a text that was cut in the middle.",
            ) from error


def _from_mapping(source: Mapping[Any, Any]) -> Pool:
    ids = list(source)
    for name in ids:
        if not isinstance(name, str):
            raise invalid(
                "pool", "ids that are strings", f"{type(name).__name__} {name!r}",
                hint="Use {str(key): sample ...}.",
            )  # fmt: skip
    return Pool(ids, lambda i: source[ids[i]])


def _from_folder(folder: Path, suffixes: Sequence[str] | None) -> Pool:
    if isinstance(suffixes, str):  # its letters would pass for suffixes
        raise invalid("suffixes", "a list of suffixes", repr(suffixes), hint="Use [...].")
    wanted = None if suffixes is None else {suffix.lower() for suffix in suffixes}
    root = folder.resolve()
    ids = []
    for here, folders, files in os.walk(folder, followlinks=False, onerror=_raise):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in folders:
            if Path(here, name).is_symlink():
                raise InvalidInputError(
                    f"pool: {Path(here, name)} links to a folder, which would be left out; copy "
                    "the folder in, remove the link, or make a pool of where it leads."
                )
        for name in files:
            path = Path(here, name)
            if name.startswith(".") or (wanted is not None and path.suffix.lower() not in wanted):
                continue
            if not path.is_file():
                raise InvalidInputError(
                    f"pool: expected files in the folder {folder}, found {path}, which is a "
                    "broken link, a pipe or a device. Remove it."
                )
            if path.is_symlink() and not path.resolve().is_relative_to(root):
                raise InvalidInputError(
                    f"pool: {path} links to a file outside the folder {folder}; copy it in or "
                    "remove the link."
                )
            ids.append(path.relative_to(folder).as_posix())
    ids.sort()
    if not ids:
        kinds = "" if wanted is None else f" with suffix {', '.join(sorted(wanted))}"
        raise invalid("pool", f"a folder with files{kinds}", f"none in {folder}")
    return Pool(ids, lambda i: folder / ids[i])


def _raise(error: OSError) -> None:
    # What can't be listed would otherwise be left out without a word.
    raise InvalidInputError(f"pool: {error.filename} can't be listed: {error}.") from error


def _from_columns(
    columns: Mapping[str, Sequence[Any]],
    rows: int,
    text_column: str | None,
    id_column: str | None,
    label_column: str | None,
) -> Pool:
    texts = _column(columns, "text_column", text_column or "text")
    if id_column is None and "id" in columns:
        id_column = "id"
    positional = id_column is None
    if id_column is None:
        ids = [str(i) for i in range(rows)]
    else:
        ids = ids_of(_column(columns, "id_column", id_column), id_column)
    labels = {}
    if label_column is not None:
        labels = _labels_of(ids, _column(columns, "label_column", label_column))
    return Pool(ids, texts.__getitem__, positional=positional, labels=labels)


def ids_of(cells: Iterable[Any], column: str) -> list[str]:
    """Return a column's cells as ids.

    Raises:
        InvalidInputError: for one that is none, or that occurs twice, naming the row.
    """
    first: dict[str, int] = {}
    for row, cell in enumerate(cells):
        value = cell.item() if hasattr(cell, "item") else cell  # NumPy's numbers
        # A row without an id, or with a list of them, is a slip, not an id "None".
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise invalid(
                column,
                "an id (a string or a number) in every row",
                "none" if value is None else f"{value!r}",
                where=f"row {row}",
            )
        name = str(value)
        if not name:
            raise invalid(column, "an id in every row", "an empty one", where=f"row {row}")
        if first.setdefault(name, row) != row:
            raise invalid(column, "distinct ids", f"{name!r} in rows {first[name]} and {row}")
    return list(first)


def _labels_of(ids: Sequence[str], cells: Iterable[Any]) -> dict[str, Any]:
    """Return the labels there are: an empty cell is a sample that has none yet."""
    return {
        name: cell
        for name, cell in zip(ids, cells, strict=True)
        if cell is not None and not (isinstance(cell, str) and not cell)
    }


def _column(columns: Mapping[str, Sequence[Any]], argument: str, name: str) -> Sequence[Any]:
    if name not in columns:
        raise invalid(
            argument,
            f"one of the columns {', '.join(repr(column) for column in columns)}",
            repr(name),
        )
    return columns[name]


def _from_dataset(
    dataset: Any, text_column: str | None, id_column: str | None, label_column: str | None
) -> Pool:
    names = list(dataset.column_names)
    if text_column is None and "text" in names:
        text_column = "text"
    for argument, name in (
        ("text_column", text_column),
        ("id_column", id_column),
        ("label_column", label_column),
    ):
        if name is not None and name not in names:
            raise invalid(argument, f"one of the columns {', '.join(map(repr, names))}", repr(name))
    ids = [str(i) for i in range(len(dataset))]
    if id_column is not None:
        ids = ids_of(dataset[id_column], id_column)
    labels = {}
    if label_column is not None:
        labels = _labels_of(ids, dataset[label_column])

    def fetch(position: int) -> Any:
        row = dataset[position]
        return row if text_column is None else row[text_column]

    return Pool(ids, fetch, positional=id_column is None, labels=labels)

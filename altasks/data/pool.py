"""A pool is anything with ids: the one view of the user's data that everything else takes."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from altasks._internal.arrays import refuse_masked
from altasks._internal.frames import is_frame, is_series, labels_by_id
from altasks.data.columns import (
    ColumnNames,
    ParquetTable,
    Rows,
    from_dataset,
    from_frame,
    from_series,
    from_table,
)
from altasks.data.folders import IMAGE_SUFFIXES, list_folder, passed_over_line
from altasks.data.label_cells import row_place
from altasks.data.parquet import from_parquet, is_parquet
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
        labels: id -> label, where the source had them; or a pandas Series whose index holds ids.
        in_memory: whether fetching a sample costs nothing: it is in memory, or a path.
        passed_over: what of the source is no sample -> why, such as the other files of a folder.
        concurrent: whether several threads may fetch samples at once. Otherwise those that read
            ahead take turns.

    Raises:
        InvalidInputError: for a Series with an id twice or one that is not in `ids`.

    Example:
        >>> Pool(["a", "b"], ["first", "second"].__getitem__)
        Pool(2 samples: 'a', 'b')
    """

    def __init__(
        self,
        ids: Sequence[str],
        fetch: Callable[[int], Any],
        *,
        positional: bool = False,
        labels: Mapping[str, Any] | None = None,
        in_memory: bool = False,
        passed_over: Mapping[str, str] | None = None,
        concurrent: bool = False,
        table: ParquetTable | None = None,
    ) -> None:
        self.ids = list(ids)
        self.table = table
        self.in_memory = in_memory
        self.concurrent = concurrent
        self.positional = positional
        by_id = {} if labels is None else labels_by_id(labels, "labels")
        if by_id and by_id is not labels and (strangers := by_id.keys() - set(self.ids)):
            # Positions and an index of numbers look alike: what isn't there shows the mistake.
            raise invalid("labels", "an index of ids of the pool", repr(min(strangers)))
        self.labels: dict[str, Any] = dict(by_id)
        self.passed_over: dict[str, str] = dict(passed_over or {})
        self._fetch = fetch
        # Built on demand: scoring a pool in order never needs it.
        self._positions: dict[str, int] | None = None

    def __len__(self) -> int:
        """Return N, the number of samples."""
        return len(self.ids)

    def __iter__(self) -> Iterator[str]:
        return iter(self.ids)

    def __repr__(self) -> str:
        shown = ", ".join(repr(name) for name in self.ids[:3]) + (", ..." if len(self) > 3 else "")
        labelled = f", {len(self.labels)} labelled" if self.labels else ""
        return f"Pool({len(self)} samples{labelled}: {shown})"

    def position(self, name: str) -> int:
        """Return where the sample `name` stands in the pool.

        Raises:
            UnknownNameError: if there is no such id.
        """
        try:
            return self._places()[name]
        except (KeyError, TypeError):
            raise UnknownNameError(self._unknown(name)) from None

    def _places(self) -> dict[str, int]:
        if self._positions is None:
            self._positions = dict(zip(self.ids, range(len(self.ids)), strict=True))
        return self._positions

    def first_missing(self, names: Iterable[Any]) -> Any:
        """Return the first of some names that is no id of the pool; None if all are.

        Example:
            >>> Pool(["a", "b"], ["first", "second"].__getitem__).first_missing(["b", "c"])
            'c'
        """
        places = self._places()
        for name in names:
            try:
                if name not in places:
                    return name
            except TypeError:  # a list, say, which can't be a key
                return name
        return None

    def _unknown(self, name: Any) -> str:
        if not isinstance(name, str):
            return f"id: expected a string, found {type(name).__name__} {name!r}."
        wanted = unicodedata.normalize("NFC", name)
        for one in self.ids:  # the same to the eye: an accent with its letter, or behind it
            if not one.isascii() and unicodedata.normalize("NFC", one) == wanted:
                return (
                    f"id: {name!a} is not in the pool, and {one!a}, which looks the "
                    f"same, is. Use that one, or unicodedata.normalize on both."
                )
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
            ids,
            lambda i: self._fetch(positions[i]),
            positional=self.positional,
            labels=labels,
            in_memory=self.in_memory,
            concurrent=self.concurrent,
            table=self.table,
        )


def as_pool(
    source: Any,
    *,
    text_column: str | None = None,
    id_column: str | None = None,
    label_column: str | None = None,
    suffixes: Sequence[str] | None = None,
    no_label: Sequence[Any] | None = None,
    quoting: str | None = None,
) -> Pool:
    """Return `source` as a `Pool`.

    Args:
        source: one of
            a `Pool`, returned as it is;
            a dict from id to sample;
            the path of a `.csv`, `.tsv` or `.jsonl` file: one sample a row, its text;
            the path of a `.parquet` file, or of a folder of them with such a name: one sample a
            row, its text if there is such a column, read as it is fetched (needs pyarrow);
            the path of a folder: one sample a file (a `Path`), ids are relative paths with `/`;
            a Hugging Face `Dataset`: one sample a row, or the text column if named;
            a data frame (pandas, polars) or a pyarrow table: one sample a row, a dict from column
            to value without the columns of ids and labels, or the text column if named;
            any other sequence: ids are its positions.
        text_column: of a table or a `Dataset`: the column with the sample; by default `text`.
        id_column: of those: the column with the ids; by default, of a file, `id` if there is
            one, else the row numbers from 0. Of a pandas frame or Series also the name of its
            index, `index` if that has none.
        label_column: of those: fills `Pool.labels` where the cell isn't empty; see
            `altasks.data.label_cells` for what else is no label.
        suffixes: of a folder: which files count, such as `(".png", ".jpg")`; by default all.
            What a system leaves behind never counts; `Pool.passed_over` names what was left out.
        no_label: cells of the label column that mean "no label", such as `[-1]`; by default the
            empty ones alone, and what may be a class or no label is refused.
        quoting: of a `.csv` or `.tsv`: `"none"` if quotation marks are characters like any other,
            `"csv"` if they are not; by default as the file shows.

    Raises:
        InvalidInputError: for an empty source, repeated or non-string ids, a missing column (the
            message lists those there are), a column of what has none to name, or something in the
            folder that can't be read or that links out of it.

    Example:
        >>> pool = as_pool(["first text", "second text"])
        >>> pool.ids, pool["1"]
        (['0', '1'], 'second text')
    """
    chosen = ColumnNames(text_column, id_column, label_column, no_label)
    rows = _rows_of(source, chosen, quoting)
    if rows is not None:
        pool = Pool(
            rows.ids,
            rows.fetch,
            positional=rows.positional,
            labels=rows.labels,
            in_memory=rows.cheap,
            concurrent=rows.table is None,
            table=rows.table,
        )
    else:
        pool = _without_columns(source, chosen, suffixes)
    if not len(pool):
        raise invalid("pool", "at least one sample", "an empty pool")
    require_unicode(pool.ids, row_place if rows is None else rows.place)
    return pool


def _rows_of(source: Any, chosen: ColumnNames, quoting: str | None) -> Rows | None:
    """Return the rows of what has columns: a Dataset, a data frame or Series, a file."""
    if isinstance(source, str | os.PathLike):
        if not os.fspath(source):
            # An unset variable; as a path it would be the working folder and all that is in it.
            raise invalid("pool", "the path of a file or folder", "an empty path")
        return _rows_of_file(Path(source), chosen, quoting)
    if is_frame(source):
        return from_frame(source, chosen)
    if is_series(source):
        _refuse_columns(chosen._replace(id=None), "a Series")
        return from_series(source, chosen)
    if not hasattr(source, "column_names"):
        return None
    if isinstance(source, Mapping) or not hasattr(source, "__len__"):
        # Splits of a data set are a mapping: its names would pass for ids.
        raise invalid(
            "pool", "one Dataset, whose length is known", type(source).__name__,
            hint='Of several splits, choose one: dataset["train"].'
            if isinstance(source, Mapping)
            else "Load it without streaming.",
        )  # fmt: skip
    return from_dataset(source, chosen) if hasattr(source, "features") else None


def _rows_of_file(path: Path, chosen: ColumnNames, quoting: str | None) -> Rows | None:
    """Return the rows of a table; None of a folder."""
    if is_parquet(path):
        return from_parquet(path, chosen)
    if path.is_dir():
        return None
    table = read_table(path, quoting=quoting)
    try:
        return from_table(table, chosen)
    except InvalidInputError as error:
        raise InvalidInputError(f"{error} The file is {path}.") from error


def _without_columns(source: Any, chosen: ColumnNames, suffixes: Sequence[str] | None) -> Pool:
    if isinstance(source, Pool):
        _refuse_columns(chosen, "a Pool")
        return source
    if isinstance(source, Mapping):
        _refuse_columns(chosen, "a dict")
        return _from_mapping(source)
    if isinstance(source, str | os.PathLike):
        _refuse_columns(chosen, "a folder")
        return _from_folder(Path(source), suffixes)
    listed = hasattr(source, "__len__") and hasattr(source, "__getitem__")
    dims: Any = getattr(source, "ndim", 1)
    if listed and dims and not isinstance(source, type):
        _refuse_columns(chosen, type(source).__name__)
        return _from_sequence(source)
    raise invalid(
        "pool",
        "a list, a dict, a folder, a CSV or JSONL file, a data frame or a Hugging Face Dataset",
        type(source).__name__,
    )


def _refuse_columns(chosen: ColumnNames, kind: str) -> None:
    """Refuse a column of what has none: ids and labels that were meant would be missing."""
    for argument, name in zip(("text_column", "id_column", "label_column"), chosen, strict=False):
        if name is not None:
            raise invalid(
                argument,
                f"None for {kind}: only tables and Datasets have columns to name",
                repr(name),
                hint="Give a dict from id to sample, or Pool(ids, fetch, labels=...).",
            )


def _from_sequence(source: Any) -> Pool:
    refuse_masked(source, "pool")
    # Another kind of sequence may read or decode a sample each time it is fetched.
    held = type(source) in (list, tuple, range, np.ndarray)
    return Pool(
        [str(i) for i in range(len(source))],
        source.__getitem__,
        positional=True,
        in_memory=held,
    )


def require_unicode(ids: Sequence[str], place: Callable[[int], str] = row_place) -> None:
    """Refuse ids that no file and no database can hold, before any work is done.

    Args:
        ids: to check.
        place: says where a row is, for errors.

    Raises:
        InvalidInputError: naming the id and its row.
    """
    if "".join(ids).isascii():  # by far the most common, and a million at once
        return
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
                where=place(row),
                hint="A file's name in another encoding than UTF-8 has to be renamed; half of a "
                "surrogate pair is a text that was cut in the middle.",
            ) from error


def _from_mapping(source: Mapping[Any, Any]) -> Pool:
    ids = list(source)
    if set(map(type, ids)) != {str}:  # of a million, one look is cheaper than one each
        for name in ids:
            if not isinstance(name, str):
                raise invalid(
                    "pool", "ids that are strings", f"{type(name).__name__} {name!r}",
                    hint="Use {str(key): sample ...}.",
                )  # fmt: skip
    return Pool(ids, lambda i: source[ids[i]], in_memory=type(source) is dict)


def _from_folder(folder: Path, suffixes: Sequence[str] | None) -> Pool:
    if isinstance(suffixes, str):  # its letters would pass for suffixes
        raise invalid("suffixes", "a list of suffixes", repr(suffixes), hint="Use [...].")
    listing = list_folder(folder, suffixes)
    files = list(listing.files.values())
    if not files:
        others = passed_over_line(listing.passed_over)
        raise invalid("pool", _files_with(suffixes), f"none in {folder}", hint=others)
    return Pool(
        list(listing.files), files.__getitem__, in_memory=True, passed_over=listing.passed_over
    )


def _files_with(suffixes: Sequence[str] | None) -> str:
    """Return what a folder should have had, without a list of two dozen suffixes."""
    if suffixes is None:
        return "a folder with files"
    if {*IMAGE_SUFFIXES} <= {suffix.lower() for suffix in suffixes}:
        return "a folder with images (.jpg, .png, .tif, .webp and others that Pillow reads)"
    return f"a folder with files with suffix {', '.join(sorted(suffixes))}"

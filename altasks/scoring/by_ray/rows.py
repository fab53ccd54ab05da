"""The rows that Ray reads: of a file or folder by its own readers, else as they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from altasks.data import Pool, as_pool
from altasks.data.folders import IMAGE_SUFFIXES, list_folder
from altasks.errors import invalid
from altasks.scoring.by_ray.actor import Box, image_of, path_of, unboxed

#: Samples of a pool in memory that travel together.
_TOGETHER = 1000
_JSON = (".jsonl", ".ndjson")


@dataclass(frozen=True)
class Source:
    """Rows for the actors.

    Attributes:
        dataset: Ray's.
        id_column: with what is known of a row's id.
        sample_column: with the samples; None: the rest of the row.
        opened: makes a sample of what stands there; None: it is one.
        ids: all ids, in order; None: not known before they are read.
        id_of: what stands in the column of ids -> the id; None: it is one.
        wanted: the ids to score; None: all.
    """

    dataset: Any
    id_column: str
    sample_column: str | None
    opened: Callable[[Any], Any] | None = None
    ids: list[str] | None = None
    id_of: Callable[[str], str] | None = None
    wanted: frozenset[str] | None = None


def source_of(
    ray: Any, pool: Any, id_column: str | None, text_column: str | None, blocks: int
) -> Source:
    """Return the rows of what is given as a pool.

    Args:
        ray: the library.
        pool: as `altasks.score` takes it, or a path.
        id_column: of a table.
        text_column: likewise.
        blocks: at least so many of a pool in memory, so that every actor has some.

    Raises:
        InvalidInputError: for a pool that only one process can read, or a table without ids.
    """
    if isinstance(pool, Pool) and pool.table is not None:
        found = pool.table
        rows = _table(ray, str(found.path), found.id_column, found.text_column)
        wanted = None if len(pool) == found.rows else frozenset(pool.ids)
        return replace(rows, ids=pool.ids, wanted=wanted)
    if isinstance(pool, str | Path):
        name = str(pool)
        if "://" in name or Path(name).suffix.lower() in (".parquet", *_JSON):
            if Path(name.rstrip("/")).suffix.lower() in (".parquet", *_JSON):
                return _table(ray, name, id_column, text_column)
            return _remote_folder(ray, name)
        if Path(name).is_dir():
            return _folder(ray, Path(name))
    if id_column is not None or text_column is not None:
        raise invalid(
            "id_column" if id_column is not None else "text_column",
            "None for a pool that is no .parquet or .jsonl file",
            repr(id_column or text_column),
        )
    return _in_memory(ray, as_pool(pool), blocks)


def _table(ray: Any, name: str, id_column: str | None, text_column: str | None) -> Source:
    if "://" not in name and not Path(name).exists():
        raise invalid("pool", "an existing file or folder", repr(name))
    parquet = Path(name.rstrip("/")).suffix.lower() == ".parquet"
    dataset = ray.data.read_parquet(name) if parquet else ray.data.read_json(name, lines=True)
    names = list(dataset.schema().names)
    column = "id" if id_column is None else id_column
    if column not in names:
        raise invalid(
            "id_column", f"one of the columns {', '.join(map(repr, names))}", repr(column),
            where=name,
            hint="Ray reads rows in no order, so a row number says nothing: write a column of ids.",
        )  # fmt: skip
    sample = text_column or ("text" if "text" in names else None)
    if sample is not None and sample not in names:
        raise invalid(
            "text_column", f"one of the columns {', '.join(map(repr, names))}", repr(sample),
            where=name,
        )  # fmt: skip
    if sample is not None:
        dataset = dataset.select_columns([column, sample])
    return Source(dataset, column, sample)


def _folder(ray: Any, folder: Path) -> Source:
    files = list_folder(folder, IMAGE_SUFFIXES).files
    if not files:
        raise invalid("pool", "a folder with images", f"none in {folder}")
    name_of: Mapping[str, str] = {str(path.resolve()): name for name, path in files.items()}
    dataset = ray.data.read_binary_files(list(name_of), include_paths=True)
    return Source(dataset, "path", "bytes", image_of, list(files), name_of.__getitem__)


def _remote_folder(ray: Any, name: str) -> Source:
    dataset = ray.data.read_binary_files(
        name, include_paths=True, file_extensions=[suffix[1:] for suffix in IMAGE_SUFFIXES]
    )
    folder = name.partition("://")[2].rstrip("/") + "/"
    return Source(
        dataset, "path", "bytes", image_of, None, lambda path: path.partition(folder)[2] or path
    )


def _in_memory(ray: Any, pool: Pool, blocks: int) -> Source:
    if not pool.in_memory:
        raise invalid(
            "pool",
            "what Ray can read by itself: a .parquet or .jsonl file, or a folder",
            "a pool that reads its samples as they are fetched, here and nowhere else",
            hint="Write it to a .parquet file, or give the paths of its samples.",
        )
    samples = [pool.at(row) for row in range(len(pool))]
    opened: Callable[[Any], Any] | None = None
    if all(isinstance(sample, Path) for sample in samples):
        samples, opened = [str(sample.resolve()) for sample in samples], path_of
    elif not all(isinstance(sample, str) for sample in samples):
        samples, opened = [Box(sample) for sample in samples], unboxed
    rows = [{"id": name, "sample": sample} for name, sample in zip(pool.ids, samples, strict=True)]
    blocks = min(len(rows), max(blocks, -(-len(rows) // _TOGETHER)))
    dataset = ray.data.from_items(rows, override_num_blocks=blocks)
    return Source(dataset, "id", "sample", opened, pool.ids)

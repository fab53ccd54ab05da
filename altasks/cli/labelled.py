"""What is labelled already, left out of the ranking and read as data: `--labelled`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from altasks.errors import AltasksError, InvalidInputError, invalid

if TYPE_CHECKING:
    from altasks.cli.rankers.base import Ranker, RankRequest
    from altasks.data import Pool

_TABLES = (".csv", ".tsv", ".jsonl", ".ndjson")
#: The column of labels in a table that has ids and labels but no samples.
_LABEL = "label"


@dataclass(frozen=True)
class Labelled:
    """What is labelled already.

    Attributes:
        left: the pool without it.
        inside: the ids of the pool that are labelled.
        strangers: further ids that the file has.
        named: whether the file's ids are those of samples, and not row numbers.
        unfit: why the file says nothing of the pool, if so.
    """

    left: Pool
    inside: Sequence[str] = ()
    strangers: Sequence[str] = ()
    named: bool = True
    unfit: InvalidInputError | None = None


@dataclass(frozen=True)
class LabelledData:
    """Labelled samples that a strategy may read.

    Attributes:
        pool: the whole pool, and after it the labelled samples that are not in it.
        ids: of the labelled samples.
        labels: id -> label, of those whose labels are known.
    """

    pool: Pool
    ids: Collection[str] = ()
    labels: Mapping[str, Any] = field(default_factory=dict)


def leave_out_labelled(pool: Pool, request: RankRequest, ranker: Ranker) -> Labelled:
    """Return the pool without what `--labelled` names.

    That is the ids of a table or a list, or of a folder's samples those that lie in the pool's.

    Raises:
        InvalidInputError: for a file that can't be read, a folder beside a pool that is a file, or
            if no sample is left.
    """
    path = request.labelled
    if path is None:
        return Labelled(pool)
    named = True
    unfit: InvalidInputError | None = None
    if path.is_dir() and not request.pool.is_dir():
        hint = f"A folder can be labelled beside a folder; {str(request.pool)!r} is a file."
        raise invalid("--labelled", "an existing file", f"the folder {str(path)!r}", hint=hint)
    if path.is_dir():
        read = ranker.read(replace(request, pool=path))
        names = _names_in(path, read, pool, request.pool)
        done = list(names.values())
        unfit = _unfit(pool, f"a folder with none of its samples, {str(path)!r}")
    elif _is_table(path) and _id_column(path, request.id_column) is None:
        done, named, unfit = [], False, _no_ids(path, request.id_column)
    else:
        done = read_ids(path, request.id_column)
        named = _is_table(path)
        if done:  # an empty list leaves out nothing
            found = f"{len(done)} ids that are not in it, such as {done[0]!r}"
            unfit = _unfit(pool, found, "Name the column that holds the ids with --id-column.")
    known = set(pool.ids)
    inside = [name for name in done if name in known]
    strangers = [name for name in done if name not in known]
    gone = set(inside)
    left = [name for name in pool.ids if name not in gone]
    if not left:
        raise invalid("--pool", "a sample that isn't labelled yet", "none: every id is labelled")
    return Labelled(pool.subset(left), inside, strangers, named, None if inside else unfit)


def read_as_data(
    labelled: Labelled,
    pool: Pool,
    request: RankRequest,
    ranker: Ranker,
    wanted: Collection[str],
    show: Callable[[str], None],
) -> LabelledData:
    """Return the labelled samples as data, for a strategy that reads them.

    Samples that are not in the pool count as well, where the ranker can read them in the file;
    labels are known where it can read those.

    Args:
        labelled: as `leave_out_labelled` returned it.
        pool: the whole of it.
        request: with the file.
        ranker: reads samples and labels.
        wanted: the fields of `Candidates` that the strategy reads of what is labelled.
        show: prints one line.

    Raises:
        InvalidInputError: if nothing in the file is of use.
    """
    path = request.labelled
    if path is None:
        return LabelledData(pool)
    lists_ids = not path.is_dir() and not _is_table(path) and labelled.inside
    beside = labelled.strangers or labelled.unfit is not None
    found = None
    if wanted and not lists_ids and (beside or any("held_out" in name for name in wanted)):
        found = read_samples(path, request, ranker)
    if found is None:
        if labelled.unfit is not None:
            raise labelled.unfit
        if labelled.strangers:
            show(_strangers_line(labelled, path))
        labels = _labels_beside_ids(path, request, wanted)
        return LabelledData(pool, labelled.inside, _of(labels, labelled.inside))
    if path.is_dir():
        name_of = _names_in(path, found, pool, request.pool)
    elif found.positional or not labelled.named:
        name_of = _apart(path, found.ids, pool)
    else:
        name_of = {name: name for name in found.ids}
    known = set(pool.ids)
    more = {name: own for own, name in name_of.items() if name not in known}
    labels = {name_of[own]: label for own, label in found.labels.items()}
    ids = [*labelled.inside, *more]
    if more:
        there = sum(name in labels for name in ids)
        beside_them = f", beside {len(labelled.inside):,} that are" if labelled.inside else ""
        show(
            f"{len(more):,} samples in {path} are not in the pool: they count as labelled"
            f"{beside_them}. Labels are known of {there:,}."
        )
        if not labelled.inside:
            show("None of the pool's samples is left out: none of its ids is in that file.")
    return LabelledData(_joined(pool, found, more), ids, _of(labels, ids))


def read_samples(path: Path, request: RankRequest, ranker: Ranker) -> Pool | None:
    """Return the samples of a file or folder, with labels if it has them; None if it has none."""
    from altasks.cli.rankers.base import CompareRequest, RankRequest

    column = request.id_column
    if _is_table(path):
        column = _id_column(path, request.id_column)
    asked = replace(request, pool=path, id_column=column)
    given = {one.name: getattr(asked, one.name) for one in fields(RankRequest)}
    to_compare = CompareRequest(**given)

    def with_labels() -> Pool:
        return ranker.read_labelled(to_compare, path).pool

    def without() -> Pool:
        return ranker.read(asked)

    # Whether it holds samples, and labels, shows only when they are read.
    for read in (with_labels, without):
        try:
            found = read()
        except (AltasksError, OSError):
            continue
        if len(found):
            return found
    return None


def _labels_beside_ids(
    path: Path, request: RankRequest, wanted: Collection[str]
) -> Mapping[str, Any]:
    """Return the labels of a table with a column of them beside its ids."""
    from altasks.data.label_cells import labels_of
    from altasks.data.tables import read_table

    if not _is_table(path) or not any("held_out" in name for name in wanted):
        return {}
    table = read_table(path)
    columns = table.columns
    column = _id_column(path, request.id_column)
    if column is None or _LABEL not in columns:
        return {}
    return labels_of(
        [str(cell) for cell in columns[column]],
        columns[_LABEL],
        _LABEL,
        place=lambda row: f"{path}, {table.place(row)}",
    )


def _of(labels: Mapping[str, Any], ids: Collection[str]) -> dict[str, Any]:
    return {name: labels[name] for name in ids if name in labels}


def _joined(pool: Pool, others: Pool, more: Mapping[str, str]) -> Pool:
    """Return a pool with further samples behind its own: new id -> id in `others`."""
    from altasks.data import Pool

    count, rows = len(pool), [others.position(own) for own in more.values()]

    def at(row: int) -> Any:
        return pool.at(row) if row < count else others.at(rows[row - count])

    return Pool([*pool.ids, *more], at)


def _apart(path: Path, names: Sequence[str], pool: Pool) -> dict[str, str]:
    """Return ids for samples that have none of their own, none of which is in the pool."""
    mark = path.name
    while any(f"{mark}:{name}" in pool for name in names):
        mark += "+"
    return {name: f"{mark}:{name}" for name in names}


def _names_in(path: Path, found: Pool, pool: Pool, folder: Path) -> dict[str, str]:
    """Return what the samples of a folder are called in the pool, if it lies in the pool's."""
    inner, outer = path.resolve(), folder.resolve()
    if inner == outer or outer in inner.parents:
        below = inner.relative_to(outer).as_posix()
        return {name: name if below == "." else f"{below}/{name}" for name in found.ids}
    return _apart(path, found.ids, pool)


def _strangers_line(labelled: Labelled, path: Path) -> str:
    names = labelled.strangers
    shown = ", ".join(map(repr, names[:3])) + (", ..." if len(names) > 3 else "")
    return (
        f"Note: {len(names)} of {len(names) + len(labelled.inside)} ids in {path} are not in the "
        f"pool: {shown}"
    )


def _unfit(pool: Pool, found: str, hint: str = "") -> InvalidInputError:
    return invalid("--labelled", f"ids of the pool, such as {pool.ids[0]!r}", found, hint=hint)


def _no_ids(path: Path, id_column: str | None) -> InvalidInputError:
    from altasks.data.tables import read_table

    columns = read_table(path).columns
    wanted = dict.fromkeys([id_column or "id", "id"])
    return invalid(
        "--labelled",
        f"a column {' or '.join(map(repr, wanted))} with the ids",
        f"the columns {', '.join(map(repr, columns))}" if columns else "none",
        where=str(path),
        hint="Name the column with --id-column.",
    )


def _is_table(path: Path) -> bool:
    return path.suffix.lower() in _TABLES


def _id_column(path: Path, id_column: str | None) -> str | None:
    """Return the column of a table with the ids; None if it has none.

    That is `id_column`, or else `id`, where a queue has them whatever the pool calls them.
    """
    from altasks.data.tables import read_table

    if not path.is_file():
        raise invalid("--labelled", "an existing file", repr(str(path)))
    columns = read_table(path).columns
    return next((name for name in (id_column or "id", "id") if name in columns), None)


def read_ids(path: Path, id_column: str | None) -> list[str]:
    """Return the ids of a table or a list, each once.

    Of a table, they are those in `id_column`. Where it has no such column but one called `id`, it
    is a queue, whose ids stand there whatever the pool calls them.

    Raises:
        InvalidInputError: naming the file and what it lacks.
    """
    from altasks.data.tables import read_table
    from altasks.data.text_files import read_lines

    if not path.is_file():
        raise invalid("--labelled", "an existing file", repr(str(path)))
    if not _is_table(path):
        # Not str.splitlines, which also breaks inside ids that are the names of files.
        return list(dict.fromkeys(line.strip() for _, line in read_lines(path) if line.strip()))
    column = _id_column(path, id_column)
    if column is None:
        raise _no_ids(path, id_column)
    table = read_table(path)
    cells = table.columns[column]
    for row, cell in enumerate(cells):
        if cell is None or cell == "":
            raise invalid(
                "--labelled", "an id in every row", "none", where=f"{path}, {table.place(row)}"
            )
    return list(dict.fromkeys(str(cell) for cell in cells))

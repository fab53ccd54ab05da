"""Leaving out what is labelled already: `--labelled`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from altasks.errors import invalid

if TYPE_CHECKING:
    from altasks.cli.rankers.base import RankRequest
    from altasks.data import Pool

_TABLES = (".csv", ".tsv", ".jsonl", ".ndjson")


def leave_out_labelled(
    pool: Pool, request: RankRequest, show: Callable[[str], None]
) -> tuple[Pool, list[str]]:
    """Return the pool without the ids of `--labelled`, and those of them that are in it.

    Raises:
        InvalidInputError: if none of the ids is in the pool, or if no sample is left.
    """
    if request.labelled is None:
        return pool, []
    done = read_ids(request.labelled, request.id_column)
    known = set(pool.ids)
    strangers = [name for name in done if name not in known]
    if done and len(strangers) == len(done):
        raise invalid(
            "--labelled",
            f"ids of the pool, such as {pool.ids[0]!r}",
            f"{len(done)} ids that are not in it, such as {done[0]!r}",
            hint="Name the column that holds the ids with --id-column.",
        )
    if strangers:
        shown = ", ".join(map(repr, strangers[:3])) + (", ..." if len(strangers) > 3 else "")
        show(
            f"Note: {len(strangers)} of {len(done)} ids in {request.labelled} are not in the "
            f"pool: {shown}"
        )
    gone = set(done)
    left = [name for name in pool.ids if name not in gone]
    if not left:
        raise invalid("--pool", "a sample that isn't labelled yet", "none: every id is labelled")
    return pool.subset(left), [name for name in done if name in known]


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
    if path.suffix.lower() not in _TABLES:
        # Not str.splitlines, which also breaks inside ids that are the names of files.
        return list(dict.fromkeys(line.strip() for _, line in read_lines(path) if line.strip()))
    columns = read_table(path).columns
    wanted = list(dict.fromkeys([id_column or "id", "id"]))
    found = next((name for name in wanted if name in columns), None)
    if found is None:
        raise invalid(
            "--labelled",
            f"a column {' or '.join(map(repr, wanted))} with the ids",
            f"the columns {', '.join(map(repr, columns))}" if columns else "none",
            where=str(path),
            hint="Name the column with --id-column.",
        )
    cells = list(columns[found])
    for row, cell in enumerate(cells):
        if cell is None or cell == "":
            raise invalid("--labelled", "an id in every row", "none", where=f"{path}, row {row}")
    return list(dict.fromkeys(str(cell) for cell in cells))

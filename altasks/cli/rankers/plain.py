"""A ranker for any task that has none of its own: a table or a folder in, JSON lines out."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from altasks.abilities import Loads, provides
from altasks.cli.rankers.base import (
    CompareRequest,
    Ranker,
    RankOption,
    RankRequest,
    refuse_training,
)
from altasks.cli.rankers.labelled_files import TABLES, class_names, formats_of
from altasks.errors import invalid

if TYPE_CHECKING:
    from altasks.data import LabelledPool, Pool
    from altasks.data.tables import Table

#: How many entries of a description a reason shows.
_SHOWN = 3

_COLUMN: RankOption[str | None] = RankOption(
    "--text-column",
    str,
    "The column of a table with the sample; by default 'text', or the whole row where there is"
    " no such column.",
    None,
)


class PlainRanker(Ranker):
    """Ranks for a registered task without knowing what its samples are.

    The task's class is made with `--model` as its `model`, if it has such a parameter. If it has
    not, it is made without arguments and `--model` goes to its `load`.

    Args:
        task: its registered name.
    """

    options: tuple[RankOption[Any], ...] = (_COLUMN,)
    compare_options = (_COLUMN,)

    def __init__(self, task: str) -> None:
        self.task = task

    def check(self, request: RankRequest) -> None:
        """Refuse nothing: whether a model is needed depends on the task's class."""

    def check_compare(self, request: CompareRequest) -> None:
        """Refuse nothing: whether a model is needed depends on the task's class."""

    def read(self, request: RankRequest) -> Pool:
        """Return the rows of a table, or the files of a folder."""
        from altasks.data import as_pool
        from altasks.data.tables import read_table

        if request.pool.is_dir():
            return as_pool(request.pool)
        column = request.value(_COLUMN)
        if column is None:
            table = read_table(request.pool)
            if "text" not in table.columns:
                return rows_of_table(table, request)
        return as_pool(request.pool, text_column=column, id_column=request.id_column)

    def build(self, request: RankRequest) -> Any:
        """Return the task with the model in it.

        Raises:
            InvalidInputError: if its class can't be made from what the shell has.
        """
        return self._made(request, {})

    def _made(self, request: RankRequest, given: dict[str, Any]) -> Any:
        """Return the task, made with what is given and what the options say."""
        from altasks.registry import get_task

        made_by = get_task(self.task)
        parameters = inspect.signature(made_by).parameters
        if request.device is not None:
            if "device" not in parameters:
                raise invalid("--device", f"not to be given: {self.task} has no such setting", "it")
            given["device"] = request.device
        if request.batch_size is not None and "batch_size" in parameters:
            given["batch_size"] = request.batch_size
        needed = [
            name
            for name, one in parameters.items()
            if one.default is one.empty and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
        ]
        if request.model is not None and "model" in parameters:
            given["model"] = request.model
        missing = [name for name in needed if name not in given]
        if missing == ["model"]:
            raise invalid("--model", f"the model of {self.task}", "none")
        if missing:
            raise invalid(
                "--task",
                "a task that can be made from --model alone",
                f"{self.task!r}, which needs {', '.join(missing)}",
                hint="Register a ranker for it (entry-point group 'altasks.rankers'), or rank "
                f'from Python: al.score(al.get_task("{self.task}")(...), pool).',
            )
        task = made_by(**given)
        if request.model is not None and "model" not in parameters:
            if not provides(task, Loads):
                raise invalid(
                    "--model", f"not to be given: {self.task} loads no model", repr(request.model)
                )
            if not Path(request.model).exists():
                raise invalid("--model", "an existing folder or file", repr(request.model))
            task.load(request.model)
        return task

    def read_labelled(self, request: CompareRequest, path: Path) -> LabelledPool:
        """Return labelled samples by the task's reader; without one, the rows of a table."""
        if request.format is not None or formats_of(self.task) or path.suffix not in TABLES:
            return super().read_labelled(request, path)
        from altasks.data import LabelledPool, Pool
        from altasks.data.columns import unknown_column
        from altasks.data.label_cells import labels_of
        from altasks.data.tables import read_table

        table = read_table(path)
        columns = table.columns
        column = request.label_column or "label"
        if column not in columns:
            raise unknown_column("--label-column", column, columns, where=str(path))
        text = request.value(_COLUMN) or ("text" if "text" in columns else None)
        rows = rows_of_table(table.without([column]), replace(request, pool=path))
        if text is not None and text not in columns:
            raise unknown_column("--text-column", text, columns, where=str(path))
        labels = labels_of(
            rows.ids, columns[column], column, place=lambda row: f"{path}, {table.place(row)}"
        )
        at = rows.at if text is None else columns[text].__getitem__
        return LabelledPool(Pool(rows.ids, at, positional=rows.positional, labels=labels))

    def build_to_train(
        self, request: CompareRequest, data: LabelledPool, committee: Any = None
    ) -> Any:
        """Return the task, given the classes, committee and training arguments that it takes.

        Raises:
            InvalidInputError: if its class can't be made from what the shell has.
        """
        from altasks.registry import get_task

        parameters = inspect.signature(get_task(self.task)).parameters
        given: dict[str, Any] = {}
        if "labels" in parameters and (classes := class_names(data)):
            given["labels"] = classes
        if committee is not None and "committee" in parameters:
            given["committee"], committee = committee, None
        if request.training_args and "training_args" in parameters:
            given["training_args"] = request.training_args
            request = replace(request, training_args={})
        refuse_training(request, committee)
        return self._made(request, given)

    def fields(self, sample: Any) -> dict[str, Any]:
        """Return the text, the path or the row; nothing of a sample that is no JSON."""
        from altasks._internal.jsonable import to_json
        from altasks.errors import InvalidInputError

        if isinstance(sample, Path):
            return {"path": str(sample)}
        if isinstance(sample, str):
            return {"text": sample}
        try:
            return {"sample": to_json(sample, "sample")}
        except InvalidInputError:
            return {}

    def classes(self, description: Mapping[str, Any]) -> list[str]:
        """Return what `predicted` names, if it is a class or a list of them."""
        predicted = description.get("predicted")
        found = predicted if isinstance(predicted, list) else [predicted]
        return [one for one in found if isinstance(one, str)]

    def reason(self, description: Mapping[str, Any]) -> str:
        """Return the first entries of the description."""
        return ", ".join(
            f"{name} {_short(value)}" for name, value in list(description.items())[:_SHOWN]
        )


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    text = str(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def rows_of_table(table: Table, request: RankRequest) -> Pool:
    """Return a pool of whole rows, each a mapping from column to cell, without the ids.

    Raises:
        InvalidInputError: for an empty table, or a column of ids that isn't there.
    """
    from altasks.data import Pool
    from altasks.data.columns import ids_of, unknown_column

    columns = table.columns
    if not len(table):
        raise invalid("--pool", "at least one row", "none", where=str(request.pool))
    column = request.id_column or ("id" if "id" in columns else None)
    if column is not None and column not in columns:
        raise unknown_column("--id-column", column, columns, where=str(request.pool))
    ids = [str(row) for row in range(len(table))]
    if column is not None:
        path = request.pool
        ids = ids_of(columns[column], column, lambda row: f"{path}, {table.place(row)}")
    names = [name for name in columns if name != column]
    return Pool(
        ids,
        lambda row: {name: columns[name][row] for name in names},
        positional=column is None,
    )

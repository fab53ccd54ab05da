"""Ranking rows of numbers, texts or images for regression: means and variances out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from altasks.cli.rankers.base import Ranker, RankOption, RankRequest
from altasks.cli.rankers.image_folder import image_fields, read_image_folder
from altasks.cli.rankers.options import (
    DROPOUT,
    DROPOUT_LAYERS,
    FEW_PASSES,
    SHEET,
    TEXT_COLUMN,
    TRUNCATE,
    check_dropout,
    mc_dropout,
)
from altasks.cli.rankers.plain import rows_of_table
from altasks.cli.rankers.saved import settings_of
from altasks.cli.rankers.text_classification import read_texts, text_fields
from altasks.errors import invalid

if TYPE_CHECKING:
    from altasks.data import Pool

_WEIGHTS = "model.safetensors"


class RegressionRanker(Ranker):
    """Ranks what the model reads: the rows of a table, its texts, or the images of a folder."""

    options: tuple[RankOption[Any], ...] = (
        TEXT_COLUMN, TRUNCATE, FEW_PASSES, DROPOUT, DROPOUT_LAYERS, SHEET,
    )  # fmt: skip

    def check(self, request: RankRequest) -> None:
        """Refuse dropout without passes, and a sheet of what has no pictures."""
        super().check(request)
        check_dropout(request, FEW_PASSES)
        if request.value(SHEET) is not None and not request.pool.is_dir():
            raise invalid("--sheet", "a folder of images as --pool", repr(str(request.pool)))
        if request.value(TEXT_COLUMN) is not None and _is_of_table(Path(request.checkpoint)):
            raise invalid("--text-column", "not to be given: the model reads numbers", "it")

    def read(self, request: RankRequest) -> Pool:
        """Return rows of numbers for a network of a table, else images or texts."""
        if request.pool.is_dir():
            return read_image_folder(request)
        folder = Path(request.checkpoint)
        if not _is_of_table(folder):
            return read_texts(request)
        return _read_numbers(request, _saved(_first(folder)).get("columns"))

    def build(self, request: RankRequest) -> Any:
        """Return the task with its weights and the constants of its scaling.

        Raises:
            InvalidInputError: for a checkpoint that was not fine-tuned for regression.
        """
        from altasks.committees import Ensemble
        from altasks.tasks.regression.task import Regression

        folder = Path(request.checkpoint)
        first = _first(folder)
        settings = _saved(first)
        committee = mc_dropout(request, FEW_PASSES)
        if first != folder:
            if committee is not None:
                raise invalid("--passes", "not to be given: the model is an ensemble", "it")
            committee = Ensemble(len(list(folder.glob("member-*"))))
        options: dict[str, Any] = {
            "committee": committee,
            "device": request.device,
            "batch_size": request.batch_size,
            "too_long": "truncate" if request.value(TRUNCATE) else "error",
        }
        if _is_of_table(folder):
            task = Regression(
                features=settings["columns"] or settings["features"],
                targets=settings["targets"],
                hidden=_hidden_widths(first / _WEIGHTS),
                dropout=request.value(DROPOUT) or 0.0,
                **options,
            )
        else:
            # Without settings of ours, there are as many targets as its outputs are for.
            targets = settings.get("targets") or _targets_of(first)
            task = Regression(request.checkpoint if first == folder else first, targets=targets,
                              **options)  # fmt: skip
        if settings:
            task.load(folder)
        return task

    def fields(self, sample: Any) -> dict[str, Any]:
        """Return the row, the text or the path."""
        if isinstance(sample, Mapping):
            return {"row": dict(sample)}
        return image_fields(sample) if isinstance(sample, Path) else text_fields(sample)

    def reason(self, description: Mapping[str, Any]) -> str:
        """Return each target's mean and interval, for the first few."""
        targets = description["targets"][:3]
        return ", ".join(
            f"{_named(one, len(targets))}{one['mean']:.4g} (90%: {one['interval_90'][0]:.4g} to "
            f"{one['interval_90'][1]:.4g})"
            for one in targets
        )


def _named(target: Mapping[str, Any], count: int) -> str:
    name = str(target["target"])
    return "" if count == 1 and name == "0" else f"{name} "


def _first(folder: Path) -> Path:
    """Return where the settings are: of an ensemble, those of its first member."""
    member = folder / "member-0"
    return member if member.is_dir() else folder


def _saved(folder: Path) -> dict[str, Any]:
    return settings_of(folder, "regression", "Regression")


def _is_of_table(folder: Path) -> bool:
    """Return whether the checkpoint is a network over the columns of a table."""
    first = _first(folder)
    return "features" in _saved(first) and not (first / "config.json").is_file()


def _targets_of(folder: Path) -> int:
    """Return for how many targets a checkpoint has a mean and a variance each.

    Raises:
        InvalidInputError: if it was fine-tuned for something else.
    """
    from altasks._internal.settings import read_settings

    if not (folder / "config.json").is_file():
        return 1
    config = read_settings(folder / "config.json")
    outputs = len(config.get("id2label") or {}) or int(config.get("num_labels", 2))
    if config.get("problem_type") != "regression" or outputs % 2:
        raise invalid(
            "--model",
            "a checkpoint fine-tuned for regression, with a mean and a variance for each target",
            f"one of {outputs} outputs for {config.get('problem_type') or 'another task'}",
            where=str(folder),
            hint="Fine-tune it first (ActiveLoop.fit), or take a folder that Regression.save "
            "wrote.",
        )
    return outputs // 2


def _hidden_widths(weights: Path) -> list[int]:
    """Return how many units each hidden layer of a saved network has."""
    from altasks._internal.extras import require

    safetensors = require("safetensors", "text", "Reading saved weights")
    if not weights.is_file():
        raise invalid("--model", f"a folder with {weights.name}", "none", where=str(weights.parent))
    with safetensors.safe_open(weights, "pt") as file:
        names = list(file.keys())
        shapes = {name: file.get_slice(name).get_shape() for name in names}
    layers = sorted(
        (int(name.split(".")[1]), shape[0])
        for name, shape in shapes.items()
        if name.startswith("net.") and name.endswith(".weight")
    )
    return [width for _, width in layers[:-1]]


def _read_numbers(request: RankRequest, names: list[str] | None) -> Pool:
    """Return the rows of a table as mappings from column to number, checked.

    Raises:
        InvalidInputError: naming the row and column of a cell that is no number.
    """
    from altasks.data import Pool
    from altasks.data.tables import read_table

    columns = read_table(request.pool).columns
    missing = [name for name in names or () if name not in columns]
    if missing:
        raise invalid(
            "--pool",
            f"the columns the model was trained on, {', '.join(map(repr, names or ()))}",
            f"no {missing[0]!r}",
            where=str(request.pool),
        )
    rows = rows_of_table(columns, request)
    kept = names or list(rows.at(0))
    numbers = {name: _numbers(name, columns[name], request.pool) for name in kept}
    return Pool(
        rows.ids,
        lambda place: {name: numbers[name][place] for name in kept},
        positional=rows.positional,
    )


def _numbers(name: str, cells: list[Any], path: Path) -> list[float]:
    values = []
    for row, cell in enumerate(cells):
        try:
            # A CSV has nothing but text.
            value = float("nan") if cell is None or isinstance(cell, bool) else float(cell)
        except (TypeError, ValueError):
            value = float("nan")
        if not math.isfinite(value):
            raise invalid(
                "--pool",
                "a finite number in every cell that the model reads",
                "an empty one" if cell in (None, "") else repr(cell),
                where=f"{path}, row {row}, column {name!r}",
                hint="Fill it in, or leave the row out.",
            )
        values.append(value)
    return values

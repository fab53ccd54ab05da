"""Ranking rows of numbers, texts or images for regression: means and variances out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from altasks.cli.rankers.base import CompareRequest, Ranker, RankOption, RankRequest
from altasks.cli.rankers.image_folder import image_fields, read_image_folder
from altasks.cli.rankers.measurements import read_measurements, read_numbers
from altasks.cli.rankers.options import (
    DROPOUT,
    DROPOUT_LAYERS,
    FEW_PASSES,
    FROZEN_LAYERS,
    HEAD_DROPOUT,
    PASSES,
    READER_OPTION,
    SHEET,
    TEXT_COLUMN,
    TRUNCATE,
    check_dropout,
    committee_for,
    frozen_layers,
    mc_dropout,
)
from altasks.cli.rankers.saved import settings_of
from altasks.cli.rankers.text_classification import read_texts, text_fields
from altasks.errors import invalid

if TYPE_CHECKING:
    from altasks.data import LabelledPool, Pool

_WEIGHTS = "model.safetensors"

HIDDEN: RankOption[Sequence[str]] = RankOption(
    "--hidden", list[str], "Without --model: units of a hidden layer, once for each; 50.", ()
)


class RegressionRanker(Ranker):
    """Ranks what the model reads: the rows of a table, its texts, or the images of a folder."""

    options: tuple[RankOption[Any], ...] = (
        TEXT_COLUMN, READER_OPTION, TRUNCATE, FEW_PASSES, DROPOUT, DROPOUT_LAYERS, SHEET,
    )  # fmt: skip
    compare_options = (
        TEXT_COLUMN, TRUNCATE, HIDDEN, PASSES, DROPOUT, HEAD_DROPOUT, FROZEN_LAYERS,
    )  # fmt: skip
    predicts = ("Normal",)

    def check_compare(self, request: CompareRequest) -> None:
        """Refuse widths that are none, and layers of a network that is given."""
        for width in request.value(HIDDEN):
            if not width.isdecimal() or int(width) < 1:
                raise invalid("--hidden", "a whole number of at least 1", repr(width))
            if request.model is not None:
                raise invalid("--hidden", "not to be given: --model has its layers", "it")

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
        from altasks.data.tables import read_table

        if request.pool.is_dir():
            return read_image_folder(request)
        folder = Path(request.checkpoint)
        if not _is_of_table(folder):
            return read_texts(request)
        return read_numbers(
            read_table(request.pool), request, _saved(_first(folder)).get("columns")
        )

    def read_open(self, request: CompareRequest) -> Pool:
        """Return images, texts for a language model, or the rows of a table without its labels."""
        from altasks.data.tables import read_table

        if request.pool.is_dir():
            return read_image_folder(request)
        if request.model is not None or request.value(TEXT_COLUMN) is not None:
            return read_texts(request)
        labels = list(request.label_columns) or ["label"]
        return read_numbers(read_table(request.pool).without(labels), request, None)

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

    def read_labelled(self, request: CompareRequest, path: Path) -> LabelledPool:
        """Return the rows of a table, or its texts for a language model, with numbers as labels."""
        column = request.value(TEXT_COLUMN)
        texts = column is not None or request.model is not None
        return read_measurements(path, request, column, texts=texts)

    def build_to_train(
        self, request: CompareRequest, data: LabelledPool, committee: Any = None
    ) -> Any:
        """Return a network over the columns of a table, or the task around a checkpoint."""
        from altasks.tasks.regression.task import Regression

        targets = list(request.label_columns)
        options: dict[str, Any] = {
            "targets": targets if len(targets) > 1 else 1,
            "committee": committee_for(request, committee, PASSES),
            "device": request.device,
            "batch_size": request.batch_size,
            "training_args": request.training_args or None,
        }
        if request.model is not None:
            return Regression(
                request.model,
                too_long="truncate" if request.value(TRUNCATE) else "error",
                frozen_layers=frozen_layers(request),
                **options,
            )
        dropout = request.value(DROPOUT)
        return Regression(
            features=list(data.pool.at(0)),
            hidden=[int(width) for width in request.value(HIDDEN)] or [50],
            dropout=0.1 if dropout is None else dropout,
            **options,
        )

    def fields(self, sample: Any) -> dict[str, Any]:
        """Return the row, the text or the path."""
        if isinstance(sample, Mapping):
            return {"row": dict(sample)}
        return image_fields(sample) if isinstance(sample, Path) else text_fields(sample)

    def labelled_fields(self, sample: Any, label: Any) -> dict[str, Any]:
        """Return the cells of a row, or the text or path, and the number or numbers."""
        if isinstance(sample, Mapping):
            return {**sample, "label": label}
        return {**self.fields(sample), "label": label}

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

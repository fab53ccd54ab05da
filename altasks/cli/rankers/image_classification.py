"""Ranking images for classification: a folder of images in, classes out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from altasks.cli.rankers.base import CompareRequest, Ranker, RankOption, RankRequest
from altasks.cli.rankers.image_folder import image_fields, read_image_folder
from altasks.cli.rankers.labelled_files import TABLES, class_names, has_several, read_format
from altasks.cli.rankers.options import (
    DROPOUT,
    DROPOUT_LAYERS,
    FEW_PASSES,
    FROZEN_LAYERS,
    HEAD_DROPOUT,
    SHEET,
    check_dropout,
    committee_for,
    frozen_layers,
    mc_dropout,
)
from altasks.cli.rankers.saved import kind_of, settings_of, trained_head
from altasks.cli.rankers.text_classification import predicted_classes
from altasks.errors import InvalidInputError, invalid

if TYPE_CHECKING:
    from altasks.data import LabelledPool, Pool
    from altasks.tasks.image_classification.task import ImageClassification

VIEWS: RankOption[bool] = RankOption(
    "--views", bool, "Make the committee of ten views of each image (parts, mirrored).", False
)


class ImageClassificationRanker(Ranker):
    """Ranks the images of a folder."""

    options: tuple[RankOption[Any], ...] = (
        VIEWS, FEW_PASSES, DROPOUT, DROPOUT_LAYERS, SHEET,
    )  # fmt: skip
    compare_options = (VIEWS, FEW_PASSES, DROPOUT, HEAD_DROPOUT, FROZEN_LAYERS)
    predicts = ("Categorical", "Bernoulli")

    def check(self, request: RankRequest) -> None:
        """Refuse two committees at once, and dropout without passes."""
        super().check(request)
        if request.value(VIEWS) and request.value(FEW_PASSES):
            raise invalid("--views", "one committee", "it and --passes")
        check_dropout(request, FEW_PASSES)

    def read(self, request: RankRequest) -> Pool:
        """Return the images of a folder and those below it."""
        return read_image_folder(request)

    def build(self, request: RankRequest) -> ImageClassification:
        """Return the task around a fine-tuned checkpoint, or a network of timm that was saved.

        Raises:
            InvalidInputError: for a model that was never fine-tuned, or weights without their
                network.
        """
        from altasks.committees import Views

        options = {
            "committee": Views() if request.value(VIEWS) else mc_dropout(request, FEW_PASSES),
            "device": request.device,
            "batch_size": request.samples_at_once,
        }
        folder = Path(request.checkpoint)
        settings = settings_of(folder, "image-classification", "ImageClassification")
        if settings and not (folder / "config.json").is_file():
            return _of_timm(folder, settings, options)
        return _of_checkpoint(request.checkpoint, folder, settings, options)

    def read_labelled(self, request: CompareRequest, path: Path) -> LabelledPool:
        """Return the images of a folder for each class, or of a table of paths and labels."""
        table = path.suffix.lower() in TABLES and not path.is_dir()
        return read_format(
            path,
            request.task,
            format=request.format,
            usual="image_table" if table else "class_folders",
            options=request.reader_options,
            columns={"label_column": request.label_column, "id_column": request.id_column},
        )

    def build_to_train(
        self, request: CompareRequest, data: LabelledPool, committee: Any = None
    ) -> ImageClassification:
        """Return the task around a checkpoint, whose head is made for these classes.

        Raises:
            InvalidInputError: for a saved network of timm with other classes.
        """
        from altasks.committees import Views
        from altasks.tasks.image_classification.task import ImageClassification

        if committee is None and request.value(VIEWS):
            committee = Views()
        options: dict[str, Any] = {
            "committee": committee_for(request, committee, FEW_PASSES),
            "device": request.device,
            "batch_size": request.samples_at_once,
            "frozen_layers": frozen_layers(request),
            "training_args": request.training_args or None,
        }
        classes = class_names(data)
        folder = Path(request.checkpoint)
        settings = settings_of(folder, "image-classification", "ImageClassification")
        if settings and not (folder / "config.json").is_file():
            if list(settings["labels"]) != classes:
                raise invalid(
                    "--model", f"a network for the classes {', '.join(map(str, classes))}",
                    f"one for {', '.join(map(str, settings['labels']))}",
                )  # fmt: skip
            return _of_timm(folder, settings, options)
        return ImageClassification(
            request.checkpoint, labels=classes, multi_label=has_several(data), **options
        )

    def fields(self, sample: Any) -> dict[str, Any]:
        """Return the path."""
        return image_fields(sample)

    def labelled_fields(self, sample: Any, label: Any) -> dict[str, Any]:
        """Return path and class, as the reader `image_table` has them."""
        return {"image": str(sample), "label": label}

    def classes(self, description: Mapping[str, Any]) -> list[str]:
        """Return the class or classes that are predicted."""
        return predicted_classes(description)

    def reason(self, description: Mapping[str, Any]) -> str:
        """Return the likeliest classes, or the labels the model is least sure of."""
        classes = description["classes"]
        if isinstance(description["predicted"], list):
            unsure = sorted(classes, key=lambda one: abs(float(one["probability"]) - 0.5))[:3]
            return "unsure of " + ", ".join(_named(one) for one in unsure)
        first = " or ".join(_named(one) for one in classes[:2])
        return first + "".join(f", {_named(one)}" for one in classes[2:3])


def _of_checkpoint(
    model: str, folder: Path, settings: Mapping[str, Any], options: Mapping[str, Any]
) -> ImageClassification:
    from altasks.tasks.image_classification.task import ImageClassification

    own: dict[str, Any] = kind_of(folder)
    if settings:
        own = {"labels": settings["labels"], "multi_label": settings["multi_label"]}
        if settings["input_size"] is not None:
            own["input_size"] = tuple(settings["input_size"])
    head = "a classification head"
    with trained_head(model, "ImageClassification", "for classification", head):
        try:
            return ImageClassification(model, **own, **options)
        except InvalidInputError as error:
            if not str(error).startswith("processor:"):
                raise
            raise invalid(
                "--model",
                "a checkpoint with its image processor beside it",
                "one without preprocessor_config.json",
                where=model,
                hint="Copy that file from the model it was fine-tuned from into the folder.",
            ) from error


def _of_timm(
    folder: Path, settings: Mapping[str, Any], options: Mapping[str, Any]
) -> ImageClassification:
    """Return the task around a network of timm with the weights in the folder."""
    from altasks._internal.extras import require
    from altasks.tasks.image_classification.task import ImageClassification

    name, size = settings.get("timm"), settings["input_size"]
    if name is None or size is None:
        raise invalid(
            "--model",
            "a Hugging Face checkpoint, or a network of timm that ImageClassification.save wrote",
            "weights whose network or transform is defined elsewhere",
            where=str(folder),
            hint="Rank them from Python: al.score(task, pool).",
        )
    timm = require("timm", "vision", "This network")
    net = timm.create_model(
        name,
        num_classes=len(settings["labels"]),
        in_chans=1 if settings["channels"] == "L" else 3,
    )
    task = ImageClassification(
        net,
        labels=settings["labels"],
        multi_label=settings["multi_label"],
        input_size=tuple(size),
        **options,
    )
    task.load(folder)
    return task


def _named(entry: Mapping[str, Any]) -> str:
    return f"{entry['label']} {entry['probability']:.2f}"

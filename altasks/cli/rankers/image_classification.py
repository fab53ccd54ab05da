"""What `altasks rank` must know of image classification: a folder of images in, classes out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from altasks.cli.rank_request import kind_of, settings_of
from altasks.errors import InvalidInputError, invalid

if TYPE_CHECKING:
    from altasks.cli.rank_request import RankRequest
    from altasks.data import Pool
    from altasks.tasks.image_classification.task import ImageClassification


def build_image_classification(request: RankRequest) -> ImageClassification:
    """Return the task for the options of the shell.

    Raises:
        InvalidInputError: for a model that was never fine-tuned, weights without their network,
            or an option of texts.
    """
    from altasks.committees import MCDropout, Views

    if request.truncate:
        raise invalid("--truncate", "not to be given: images have no length", "it")
    if request.views and request.passes:
        raise invalid("--views", "one committee", "it and --passes")
    if not request.passes and (request.dropout is not None or request.dropout_layers != "all"):
        raise invalid("--dropout, --dropout-layers", "--passes beside them", "none")
    committee: Any = Views() if request.views else None
    if request.passes:
        committee = MCDropout(
            request.passes, layers=request.dropout_layers, p=request.dropout, seed=request.seed
        )
    options = {"committee": committee, "device": request.device, "batch_size": request.batch_size}
    folder = Path(request.checkpoint)
    settings = settings_of(folder, "image-classification", "ImageClassification")
    if settings and not (folder / "config.json").is_file():
        return _of_timm(folder, settings, options)
    return _of_checkpoint(request.checkpoint, folder, settings, options)


def _of_checkpoint(
    model: str, folder: Path, settings: Mapping[str, Any], options: Mapping[str, Any]
) -> ImageClassification:
    from altasks.tasks.image_classification.task import ImageClassification

    own: dict[str, Any] = kind_of(folder)
    if settings:
        own = {"labels": settings["labels"], "multi_label": settings["multi_label"]}
        if settings["input_size"] is not None:
            own["input_size"] = tuple(settings["input_size"])
    try:
        return ImageClassification(model, **own, **options)
    except InvalidInputError as error:
        if str(error).startswith("processor:"):
            raise invalid(
                "--model",
                "a checkpoint with its image processor beside it",
                "one without preprocessor_config.json",
                where=model,
                hint="Copy that file from the model it was fine-tuned from into the folder.",
            ) from error
        if not str(error).startswith("labels:"):
            raise
        # Only a checkpoint without a head lacks labels; a head drawn at random ranks at random.
        raise invalid(
            "--model",
            "a checkpoint fine-tuned for classification",
            "one without a classification head",
            where=model,
            hint="Fine-tune it first (ActiveLoop.fit), or take a folder that "
            "ImageClassification.save wrote.",
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


def read_image_folder(request: RankRequest) -> Pool:
    """Return the images of a folder and those below it, their ids the relative paths."""
    from altasks.data import as_pool
    from altasks.data.images import IMAGE_SUFFIXES

    if not request.pool.is_dir():
        raise invalid("--pool", "a folder of images", repr(str(request.pool)))
    return as_pool(request.pool, suffixes=IMAGE_SUFFIXES)


def image_fields(sample: Any) -> dict[str, Any]:
    """Return what of an image goes into its row of the queue."""
    return {"path": str(sample)}


def image_classes(description: Mapping[str, Any]) -> list[str]:
    """Return the class or classes that are predicted."""
    predicted = description["predicted"]
    return [str(name) for name in (predicted if isinstance(predicted, list) else [predicted])]


def closest_classes(description: Mapping[str, Any]) -> str:
    """Return what the model can't decide between: the likeliest classes, or unsure labels."""
    classes = description["classes"]
    if isinstance(description["predicted"], list):
        unsure = sorted(classes, key=lambda one: abs(float(one["probability"]) - 0.5))[:3]
        return "unsure of " + ", ".join(_said(one) for one in unsure)
    first = " or ".join(_said(one) for one in classes[:2])
    rest = "".join(f", {_said(one)}" for one in classes[2:3])
    return first + rest


def _said(entry: Mapping[str, Any]) -> str:
    return f"{entry['label']} {entry['probability']:.2f}"

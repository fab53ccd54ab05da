"""Ranking images for object detection: a folder of images in, boxes out."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from altasks.cli.rankers.base import CompareRequest, Ranker, RankOption, RankRequest
from altasks.cli.rankers.class_weights import weights_line
from altasks.cli.rankers.image_folder import image_fields, read_image_folder
from altasks.cli.rankers.labelled_files import read_format
from altasks.cli.rankers.options import SHEET
from altasks.errors import invalid

if TYPE_CHECKING:
    from torch import Tensor

    from altasks.data import LabelledPool, Pool
    from altasks.tasks.object_detection.task import ObjectDetection

#: How many boxes a reason names.
_NAMED = 3


class Reduce(StrEnum):
    """How the scores of boxes become their image's."""

    SUM = "sum"
    MEAN = "mean"
    MAX = "max"
    TOP_K = "top_k"


CLASS_WEIGHTS: RankOption[Path | None] = RankOption(
    "--class-weights",
    Path,
    "A folder of labels (YOLO's .txt, VOC's .xml); classes that are rare there weigh more.",
    None,
)
REDUCE: RankOption[Reduce] = RankOption(
    "--reduce", Reduce, "How the scores of boxes become their image's.", Reduce.SUM
)
CONF: RankOption[float | None] = RankOption(
    "--conf", float, "The least confidence of a box; the task's own by default.", None
)
IMAGE_SIZE: RankOption[int | None] = RankOption(
    "--image-size", int, "The longer side that the model sees; its own by default.", None
)

WEIGHTS: RankOption[Path | None] = RankOption(
    "--weights", Path, "Weights (.safetensors) to start from, for a description (.yaml).", None
)
#: Suffix of labelled images -> their format.
_FORMATS = {".yaml": "yolo", ".yml": "yolo", ".json": "coco"}


class ObjectDetectionRanker(Ranker):
    """Ranks the images of a folder by the boxes found in them."""

    options: tuple[RankOption[Any], ...] = (
        CLASS_WEIGHTS, REDUCE, CONF, IMAGE_SIZE, SHEET,
    )  # fmt: skip
    compare_options = (WEIGHTS, CONF, IMAGE_SIZE)
    predicts = ("Categorical",)
    fields_predicted = ("overlap", "conf")

    def check(self, request: RankRequest) -> None:
        """Refuse the description of a network, which has no weights."""
        if Path(request.checkpoint).suffix.lower() in (".yaml", ".yml"):
            raise invalid(
                "--model",
                "a trained detector: a .pt file, or a folder that ObjectDetection.save wrote",
                repr(request.checkpoint),
                hint="A description has no weights; drawn at random they rank at random.",
            )

    def read(self, request: RankRequest) -> Pool:
        """Return the images of a folder and those below it."""
        return read_image_folder(request)

    def build(self, request: RankRequest) -> ObjectDetection:
        """Return the task around a trained detector."""
        from altasks.tasks.object_detection.task import ObjectDetection

        conf = request.value(CONF)
        chosen: dict[str, Any] = {} if conf is None else {"conf": conf}
        return ObjectDetection(
            request.checkpoint,
            imgsz=request.value(IMAGE_SIZE),
            device=request.device,
            batch_size=request.samples_at_once,
            **chosen,
        )

    def read_labelled(self, request: CompareRequest, path: Path) -> LabelledPool:
        """Return images and boxes: of a data YAML (YOLO), a JSON (COCO), or as --format says."""
        return read_format(
            path,
            request.task,
            format=request.format,
            usual=_FORMATS.get(path.suffix.lower()),
            options=request.reader_options,
            columns={"label_column": request.label_column, "id_column": request.id_column},
        )

    def build_to_train(
        self, request: CompareRequest, data: LabelledPool, committee: Any = None
    ) -> ObjectDetection:
        """Return the task around a detector, or the description of one, for these classes."""
        from altasks.tasks.object_detection.task import ObjectDetection

        conf = request.value(CONF)
        chosen: dict[str, Any] = {} if conf is None else {"conf": conf}
        return ObjectDetection(
            request.checkpoint,
            labels=list(data.classes),
            weights=request.value(WEIGHTS),
            committee=committee,
            imgsz=request.value(IMAGE_SIZE),
            device=request.device,
            batch_size=request.samples_at_once,
            training_args=request.training_args or None,
            **chosen,
        )

    def scorer(self, request: RankRequest, task: Any) -> BoxScorer:
        """Return what scores images and counts the boxes found."""
        return BoxScorer(request, task)

    def fields(self, sample: Any) -> dict[str, Any]:
        """Return the path."""
        return image_fields(sample)

    def classes(self, description: Mapping[str, Any]) -> list[str]:
        """Return the classes of the boxes that are predicted."""
        return [entry["label"] for entry in description["boxes"]]

    def reason(self, description: Mapping[str, Any]) -> str:
        """Return how many boxes there are, and those whose two likeliest classes are closest."""
        boxes = description["boxes"]
        if not boxes:
            return "nothing found"

        def gap(entry: Mapping[str, Any]) -> float:
            return float(abs(entry["probability"] - entry["runner_up"]["probability"]))

        shown = [
            f"{entry['label']} {entry['probability']:.2f} or "
            f"{entry['runner_up']['label']} {entry['runner_up']['probability']:.2f}"
            for entry in sorted(boxes, key=gap)[:_NAMED]
        ]
        count = f"{len(boxes)} box" + ("es" if len(boxes) > 1 else "")
        return f"{count}; closest: {', '.join(shown)}"


class BoxScorer:
    """The acquisition function of a ranking, which notes what was found while it scores.

    Args:
        request: the options of the shell.
        task: the detector.
    """

    def __init__(self, request: RankRequest, task: ObjectDetection) -> None:
        from altasks.registry import get_acquisition

        name = request.acquisition or task.default_acquisition
        self._function = get_acquisition(name)
        self._labels = task.labels
        self._options: dict[str, Any] = {"reduce": str(request.value(REDUCE))}
        self.__name__ = name
        if name == "margin":
            self._options["power"] = 2
        self.weights: list[float] | None = None
        labelled = request.value(CLASS_WEIGHTS)
        if labelled is not None:
            from altasks.acquisition.class_weights import class_weights_from_counts

            if "class_weights" not in inspect.signature(self._function).parameters:
                raise invalid(
                    "--class-weights",
                    "an acquisition function that weighs classes, such as margin or entropy",
                    repr(name),
                )
            counts = count_labels(labelled, self._labels)
            self.weights = class_weights_from_counts(counts)
            self._options["class_weights"] = self.weights
        self.images = self.boxes = self.empty = 0
        self.classes: Counter[str] = Counter()

    def __call__(self, prediction: Any, **options: Any) -> Tensor:
        """Return the scores of one batch."""
        lengths = prediction.lengths
        self.images += len(lengths)
        self.boxes += int(lengths.sum())
        self.empty += int((lengths == 0).sum())
        best = prediction.units.mean_probs[:, : len(self._labels)].argmax(1).tolist()
        self.classes.update(self._labels[place] for place in best)
        scores: Tensor = self._function(prediction, **{**self._options, **options})
        return scores

    def lines(self) -> list[str]:
        """Return what was found, for the summary."""
        found = ", ".join(f"{name} {count:,}" for name, count in self.classes.most_common(12))
        lines = [
            f"Found {self.boxes:,} boxes in {self.images:,} images, none in {self.empty:,}"
            + (f": {found}" if found else "")
            + "."
        ]
        if self.images and not self.boxes:
            lines.append(
                f"Warning: no box was found in any of {self.images:,} images, so the queue is in "
                "no order. Is it the right model, and are these its images? A lower --conf keeps "
                "boxes the model is less sure of."
            )
        elif self.empty:
            lines.append("An image without a box scores 0, so it comes last.")
        if self.weights is not None:
            lines.append(weights_line(self._labels, self.weights))
        return lines


def count_labels(source: Path, labels: list[str]) -> list[int]:
    """Return how many boxes of each class a folder of labels has: YOLO's text files or VOC's XML.

    Raises:
        InvalidInputError: for another folder, or a class the model doesn't have, naming file and
            line.
    """
    from altasks.data.boxes.voc import count_voc
    from altasks.data.boxes.yolo import count_yolo
    from altasks.data.folders import list_folder

    if not source.is_dir():
        raise invalid("--class-weights", "a folder of labels", repr(str(source)))
    if list_folder(source, (".xml",), argument="--class-weights").files:
        return count_voc(source, labels)
    return count_yolo(source, labels)

"""What `altasks rank` must know of object detection: a folder of images in, boxes out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from altasks.cli.rankers.class_weights import weights_line
from altasks.errors import invalid

if TYPE_CHECKING:
    from torch import Tensor

    from altasks.cli.rank_request import RankRequest
    from altasks.tasks.object_detection.task import ObjectDetection

#: How many boxes a reason names.
_NAMED = 3


def build_object_detection(request: RankRequest) -> ObjectDetection:
    """Return the task for the options of the shell.

    Raises:
        InvalidInputError: for a model that is no trained detector, or an option of texts.
    """
    from altasks.tasks.object_detection.task import ObjectDetection

    if request.truncate:
        raise invalid("--truncate", "not to be given: images have no length", "it")
    if request.dropout is not None:
        raise invalid("--dropout", "not to be given: YOLO has no dropout", f"{request.dropout}")
    if Path(request.checkpoint).suffix.lower() in (".yaml", ".yml"):
        raise invalid(
            "--model",
            "a trained detector: a .pt file, or a folder that ObjectDetection.save wrote",
            repr(request.checkpoint),
            hint="A description has no weights; drawn at random they rank at random.",
        )
    chosen: dict[str, Any] = {} if request.conf is None else {"conf": request.conf}
    return ObjectDetection(
        request.checkpoint,
        imgsz=request.image_size,
        device=request.device,
        batch_size=request.batch_size,
        **chosen,
    )


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
        self._options: dict[str, Any] = {"reduce": request.reduce or "sum"}
        self.__name__ = name
        if name == "margin":
            self._options["power"] = 2
        self.weights: list[float] | None = None
        if request.class_weights is not None:
            from altasks.acquisition.class_weights import class_weights_from_counts

            counts = count_labels(request.class_weights, self._labels)
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
        if self.empty:
            lines.append("An image without a box scores 0, so it comes last.")
        if self.weights is not None:
            lines.append(weights_line(self._labels, self.weights))
        return lines


def count_labels(source: Path, labels: list[str]) -> list[int]:
    """Return how many boxes of each class a folder of labels has: YOLO's text files or VOC's XML.

    Raises:
        InvalidInputError: for another folder, or a class that the model hasn't, naming file and
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


def box_labels(description: Mapping[str, Any]) -> list[str]:
    """Return the classes of the boxes that are predicted."""
    return [entry["label"] for entry in description["boxes"]]


def closest_calls(description: Mapping[str, Any]) -> str:
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

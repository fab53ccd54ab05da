"""What a detection task knows of its boxes and labels, whichever network found them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from altasks.acquisition.class_weights import class_weights_from_counts
from altasks.acquisition.margin import margin
from altasks.data.images import image_size, open_image
from altasks.errors import invalid
from altasks.predictions import Prediction, Ragged
from altasks.tasks.object_detection.box_embeddings import boxes_as_rows
from altasks.tasks.object_detection.dataset_files import check_pairs
from altasks.tasks.object_detection.description import describe_boxes
from altasks.tasks.object_detection.labelled_objects import labelled_objects, quality_of_classes
from altasks.tasks.object_detection.labels import BoxLabels


class BoxTask(ABC):
    """Labels, costs, targets and pictures of boxes.

    A subclass predicts, and sets these attributes:

    Args:
        background: whether the last class of a prediction is background.
        match_iou: the least overlap at which two boxes are one object.
        batch_size: images through the network at once.
        _labels: reads labels.
        _counts: how many objects of each class the last fit had.
    """

    background: bool
    match_iou: float
    batch_size: int
    _labels: BoxLabels
    _counts: list[int]

    @abstractmethod
    def predict(self, samples: Sequence[Any]) -> Ragged:
        """Return the boxes of each sample and what class each may be."""

    @property
    def labels(self) -> list[str]:
        """The class names, in the order of the prediction's classes; background is last."""
        return list(self._labels.names)

    @property
    def class_weights(self) -> list[float]:
        """Weights of the classes by the labels of the last fit; all equal before any."""
        return class_weights_from_counts(self._counts)

    def targets(
        self, samples: Sequence[Any], labels: Sequence[Any], prediction: Prediction
    ) -> Tensor:
        """Return the column that is right for each predicted box, `[M]`, for calibration.

        From the most confident box down, each is the labelled object that it overlaps most of
        those no other box has taken, if by at least `match_iou`: its class is right then,
        whatever the box's own. Of any other box background is, or without a background nothing is
        known (-1): its probabilities are those of a class if there is an object.

        Args:
            samples: as `predict` takes them.
            labels: one for each, as `fit` takes them.
            prediction: of these samples.

        Raises:
            InvalidInputError: for a label that can't be one, or a prediction of other samples.
        """
        check_pairs(samples, labels)
        other = len(self.labels) if self.background else -1
        objects = labelled_objects(labels, prediction, self._labels, self.match_iou)
        return torch.where(objects.classes >= 0, objects.classes, other)

    def class_quality(self, samples: Sequence[Any], labels: Sequence[Any]) -> list[float]:
        """Return how well each class is found, from 0 to 1, on labelled images.

        Of each labelled object p^0.6 IoU^0.4, where p is what the box that `targets` assigns to it
        gives its class (the network's own score, with a committee the mean probability) and IoU how
        much they overlap; 0 where none is assigned. A class's quality is the mean over its objects,
        and of a class without any that of the others. For `difficulty_calibrated` (Yang, Huang and
        Crowley 2024, where it is averaged over training instead).

        Args:
            samples: as `predict` takes them, none that the task was trained on.
            labels: one for each, as `fit` takes them.

        Raises:
            InvalidInputError: for labels that can't be ones, or without any object.
        """
        check_pairs(samples, labels)
        return quality_of_classes(samples, labels, self, self._labels)

    def objects(self, prediction: Prediction, *, most: int = 32, width: int = 64) -> Tensor:
        """Return the most confident boxes of each image, `[n, most, 2 + d]`, for strategies.

        Each row has the number of the class, the confidence, and the box's embedding of at most
        `width` numbers, see `predict`; longer ones are projected by a random matrix that is always
        the same. Rows of confidence 0 are none.

        Raises:
            InvalidInputError: for a prediction without boxes.
        """
        if not isinstance(prediction, Ragged) or "embeddings" not in prediction.fields:
            raise invalid("prediction", "one that this task made", f"{prediction!r}")
        return boxes_as_rows(prediction, len(self.labels), most=most, width=width)

    def size(self, sample: Any) -> int:
        """Return the number of pixels, from the head of the file alone."""
        width, height = image_size(sample)
        return width * height

    def cost(self, sample: Any, prediction: Prediction | None = None) -> float:
        """Return how many boxes there are to draw: expected from the prediction, at least 1.

        The expected number is the sum of the boxes' confidences. Without a prediction it is 1:
        an image has to be looked at even if it is empty. Loops take `costs` and `label_cost`.
        """
        del sample
        if prediction is None:
            return 1.0
        assert isinstance(prediction, Ragged)
        return max(1.0, float(torch.as_tensor(prediction.fields["conf"]).sum()))

    def costs(self, samples: Sequence[Any]) -> list[float]:
        """Return how many boxes are expected on each image, at least 1, by the model as it is."""
        found = self.predict(samples)
        return [self.cost(sample, found[i : i + 1]) for i, sample in enumerate(samples)]

    def label_cost(self, label: Sequence[Any]) -> float:
        """Return how many boxes were drawn, at least 1."""
        return max(1.0, float(len(label)))

    def check_label(self, label: Any, sample: Any = None) -> list[dict[str, Any]]:
        """Return the label as the store keeps it, checked with its image if that is given.

        Raises:
            InvalidInputError: for an unknown class (naming the closest), or a box that is none or
                lies outside its image.
        """
        return self._labels.check(label, None if sample is None else image_size(sample))

    def weighted_margin(self, prediction: Prediction, **options: Any) -> Tensor:
        """Return the class-weighted squared margin, with the labels of the last fit as weights.

        For `al.score` and `ActiveLoop`, whose weights would go out of date: `al.margin` with
        `power=2`, `reduce="sum"` and `class_weights=task.class_weights`, unless `options` have
        others (Brust, Käding and Denzler 2018).
        """
        chosen = {"power": 2, "reduce": "sum", "class_weights": self.class_weights, **options}
        return margin(prediction, **chosen)

    def describe(self, sample: Any, prediction: Prediction) -> dict[str, Any]:
        """Return, as JSON, the boxes with their classes, most confident first.

        `probability` is that of the class among all, background included, and `runner_up` the
        next of these; `conf` is Ultralytics'. `boxes` is a valid label; boxes without an area in
        the image are left out.
        """
        del sample
        assert isinstance(prediction, Ragged)
        return describe_boxes(prediction, self.labels)

    def picture(self, sample: Any, description: Mapping[str, Any]) -> Any:
        """Return the image with the boxes of `describe` drawn on it, a PIL image."""
        from altasks.tasks.object_detection.picture import draw_boxes

        return draw_boxes(open_image(sample), description["boxes"], self.labels)

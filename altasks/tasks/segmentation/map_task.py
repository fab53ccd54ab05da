"""What a task with a class for every pixel knows of its images and masks, whatever predicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from torch import Tensor

from altasks.acquisition.bald import bald
from altasks.acquisition.class_weights import class_weights_from_counts
from altasks.data.masks.masks import MaskReader
from altasks.data.masks.regions import ImageRegion
from altasks.errors import UnreadableSampleError
from altasks.predictions import Prediction
from altasks.tasks._shared.trained_task import TrainedTask
from altasks.tasks.segmentation.picture import draw
from altasks.tasks.segmentation.pixel_targets import targets_of_pixels
from altasks.tasks.segmentation.regions import image_frame, pixel_count, shown

if TYPE_CHECKING:
    from PIL.Image import Image


class MapTask(TrainedTask):
    """Sizes, costs, labels and pictures of images, or of regions of them.

    A subclass predicts, and sets these attributes:

    Args:
        channels: of an image.
        void: the number of unlabelled pixels in masks.
        _names: of the classes.
        _reader: of masks.
        _counts: how many pixels of each class the last fit had; empty before any.
    """

    channels: int
    void: int
    _names: list[Any]
    _reader: MaskReader
    _counts: list[int]

    @property
    def labels(self) -> list[Any]:
        """The class names, in the order of the prediction's classes."""
        return list(self._names)

    @property
    def class_weights(self) -> list[float]:
        """Weights of the classes by the labelled pixels of the last fit; all equal before any."""
        return class_weights_from_counts(self._counts or [0] * len(self._names))

    def weighted_bald(self, prediction: Prediction, **options: Any) -> Tensor:
        """Return `al.bald` with `class_weights=self.class_weights`, unless `options` say otherwise.

        For `al.score` and `ActiveLoop`, whose weights would go out of date. A class with few
        pixels counts as much in an image's score as one with many.
        """
        return bald(prediction, **{"class_weights": self.class_weights, **options})

    def targets(
        self, samples: Sequence[Any], labels: Sequence[Any], prediction: Prediction
    ) -> Tensor:
        """Return the class of each pixel of `predict`, `[M]`, -1 where it is void.

        Raises:
            InvalidInputError: for a mask that can't be one, or a prediction of other samples.
        """
        return targets_of_pixels(samples, labels, prediction, self._reader, self.channels)

    def group_key(self, sample: Any) -> Any:
        """Return what samples share that are best predicted together: the image of regions."""
        return ("region", sample.of) if isinstance(sample, ImageRegion) else None

    def size(self, sample: Any) -> int:
        """Return the number of pixels (of a region, its image's); 0 for what can't be read."""
        try:
            height, width = image_frame(sample, self.channels)
        except UnreadableSampleError:
            return 0  # predict raises
        return height * width

    def cost(self, sample: Any, prediction: Prediction | None = None) -> float:
        """Return the number of pixels to label."""
        del prediction
        return float(pixel_count(sample, self.channels))

    def check_label(self, label: Any, sample: Any = None) -> Any:
        """Return a mask as the store keeps it: a path as text, any other as run lengths.

        Raises:
            InvalidInputError: for a mask of another size than its image, a class beyond the
                last, or one without a labelled pixel.

        There is a `DataWarning` where the mask of an image holds class 0 and void alone: 255 may
        be meant as a class.
        """
        size = None if sample is None else image_frame(sample, self.channels)
        return self._reader.check(label, size, whole=not isinstance(sample, ImageRegion))

    def picture(self, sample: Any, description: Mapping[str, Any]) -> Image:
        """Return the mask drawn over the image and, beside it, the disagreement as a heat map."""
        return draw(shown(sample, self.channels), description, self._names, self.void)

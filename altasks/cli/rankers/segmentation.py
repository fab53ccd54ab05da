"""What `altasks rank` must know of segmentation: images, or regions of them, in; masks out."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from altasks.abilities import StreamsItself, provides
from altasks.cli.rankers.class_weights import weights_line
from altasks.errors import invalid

if TYPE_CHECKING:
    from torch import Tensor

    from altasks.cli.rank_request import RankRequest
    from altasks.data import Pool
    from altasks.tasks.segmentation.task import Segmentation


def build_segmentation(request: RankRequest) -> Any:
    """Return the task for the options of the shell; the decoder's stages are the committee.

    Raises:
        InvalidInputError: for a folder that `Segmentation.save` did not write, or `--truncate`.
    """
    from altasks.tasks.segmentation.task import Segmentation

    if request.truncate:
        raise invalid("--truncate", "not to be given: big images are read in tiles", "it")
    return Segmentation(request.checkpoint, device=request.device)


def read_images(request: RankRequest) -> Pool:
    """Return the images of a folder, or their regions with `--regions`."""
    from altasks.data import as_pool, region_pool
    from altasks.data.images import IMAGE_SUFFIXES

    if not Path(request.pool).is_dir():
        raise invalid("--pool", "a folder of images", f"{request.pool}")
    pool = as_pool(request.pool, suffixes=IMAGE_SUFFIXES)
    return pool if request.regions is None else region_pool(pool, request.regions)


class MapScorer:
    """An acquisition function in which classes weigh more, the fewer pixels of them are labelled.

    Args:
        request: the options of the shell, with a folder of masks as `class_weights`.
        task: the model.

    Raises:
        InvalidInputError: for a function that doesn't weigh classes, another folder, or a mask
            that isn't one of the model's classes, naming the file.
    """

    def __init__(self, request: RankRequest, task: Segmentation) -> None:
        from altasks.acquisition.class_weights import class_weights_from_counts
        from altasks.registry import get_acquisition

        assert request.class_weights is not None
        name = request.acquisition or task.default_acquisition
        self._function = get_acquisition(name)
        self.__name__ = name
        if "class_weights" not in inspect.signature(self._function).parameters:
            raise invalid("--class-weights", "not to be given: it has no weight by class", name)
        self._labels = task.labels
        self._weights = class_weights_from_counts(count_pixels(request.class_weights, task))
        if provides(self._function, StreamsItself):  # it takes the pixels as they come, by itself
            self.streamed = partial(self._function.streamed, class_weights=self._weights)

    def __call__(self, prediction: Any, **options: Any) -> Tensor:
        """Return the scores of some pixels, or of images."""
        scores: Tensor = self._function(prediction, class_weights=self._weights, **options)
        return scores

    def lines(self) -> list[str]:
        """Return the weights, for the summary."""
        return [weights_line(self._labels, self._weights)]


def map_scorer(request: RankRequest, task: Segmentation) -> MapScorer | None:
    """Return what weighs the classes, if the shell was told to."""
    return None if request.class_weights is None else MapScorer(request, task)


def count_pixels(folder: Path, task: Segmentation) -> list[int]:
    """Return how many pixels of each class the masks in a folder, and below it, have."""
    from altasks.data.folders import list_images
    from altasks.data.masks.masks import MaskReader

    found = list_images(folder, "--class-weights").files if folder.is_dir() else {}
    masks = list(found.values())
    if not masks:
        raise invalid("--class-weights", "a folder with masks of class numbers", f"{folder}")
    return MaskReader(len(task.labels), task.void).counts(masks)


def image_fields(sample: Any) -> dict[str, Any]:
    """Return what of an image or a region goes into its row of the queue."""
    if hasattr(sample, "box"):
        return {"path": str(sample.image), "box": list(sample.box)}
    return {"path": str(sample)}


def mask_classes(description: Mapping[str, Any]) -> list[str]:
    """Return the classes that the predicted mask has."""
    return [str(name) for name in description["predicted"]]


def mask_reason(description: Mapping[str, Any]) -> str:
    """Return the largest classes and how much the stages disagree."""
    shares = list(description["shares"].items())[:3]
    shown = ", ".join(f"{name} {share:.0%}" for name, share in shares)
    kind = "disagreement" if "disagreement" in description else "entropy"
    doubt = description[kind]
    return f"{shown}; {kind} {doubt['mean']:.3f}, at most {doubt['max']:.2f}"

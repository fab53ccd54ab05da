"""Ranking images, or regions of them, for segmentation: images in, masks out."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from altasks.abilities import StreamsItself, provides
from altasks.cli.rankers.base import CompareRequest, Ranker, RankOption, RankRequest
from altasks.cli.rankers.class_weights import weights_line
from altasks.cli.rankers.image_folder import image_fields, read_image_folder
from altasks.cli.rankers.labelled_files import read_format
from altasks.cli.rankers.options import SHEET
from altasks.errors import invalid

if TYPE_CHECKING:
    from torch import Tensor

    from altasks.data import LabelledPool, Pool
    from altasks.tasks.segmentation.task import Segmentation

CLASS_WEIGHTS: RankOption[Path | None] = RankOption(
    "--class-weights",
    Path,
    "A folder of masks; classes with few pixels there weigh more.",
    None,
)
REGIONS: RankOption[str | None] = RankOption(
    "--regions", str, "Rank parts of images: 'grid:64' or 'slic:100'.", None
)


class SegmentationRanker(Ranker):
    """Ranks the images of a folder; the decoder's stages are the committee."""

    options: tuple[RankOption[Any], ...] = (REGIONS, CLASS_WEIGHTS, SHEET)
    predicts = ("Categorical",)
    fields_predicted = ("boundary",)

    def read(self, request: RankRequest) -> Pool:
        """Return the images of a folder, or their regions with `--regions`."""
        from altasks.data import region_pool

        pool = read_image_folder(request)
        regions = request.value(REGIONS)
        return pool if regions is None else region_pool(pool, regions)

    def build(self, request: RankRequest) -> Segmentation:
        """Return the task that `Segmentation.save` wrote.

        Raises:
            InvalidInputError: for another folder.
        """
        from altasks.tasks.segmentation.task import Segmentation

        # One window at once by default: a batch of large windows may not fit in memory.
        return Segmentation(
            request.checkpoint, device=request.device, batch_size=request.batch_size or 1
        )

    def read_labelled(self, request: CompareRequest, path: Path) -> LabelledPool:
        """Return images and masks: of folders, or of a JSON file with outlines (COCO)."""
        return read_format(
            path,
            request.task,
            format=request.format,
            usual="coco_masks" if path.suffix.lower() == ".json" else "masks",
            options=request.reader_options,
            columns={"label_column": request.label_column, "id_column": request.id_column},
        )

    def build_to_train(
        self, request: CompareRequest, data: LabelledPool, committee: Any = None
    ) -> Segmentation:
        """Return the task that `Segmentation.save` wrote, which is trained anew.

        Raises:
            InvalidInputError: if it is for other classes than the data has.
        """
        from altasks.tasks.segmentation.task import Segmentation

        task = Segmentation(
            request.checkpoint,
            committee=committee,
            void=getattr(data.source, "void", None),
            device=request.device,
            batch_size=request.batch_size or 1,
            training_args=request.training_args or None,
        )
        if data.classes and list(task.labels) != list(data.classes):
            raise invalid(
                "--model", f"a network for the classes {', '.join(data.classes)}",
                f"one for {', '.join(map(str, task.labels))}",
            )  # fmt: skip
        return task

    def scorer(self, request: RankRequest, task: Any) -> MaskScorer | None:
        """Return an acquisition function that weighs classes, if there are masks to count."""
        masks = request.value(CLASS_WEIGHTS)
        return None if masks is None else MaskScorer(request, task, masks)

    def fields(self, sample: Any) -> dict[str, Any]:
        """Return the path, and the box of a region."""
        return image_fields(sample)

    def classes(self, description: Mapping[str, Any]) -> list[str]:
        """Return the classes that the predicted mask has."""
        return [str(name) for name in description["predicted"]]

    def reason(self, description: Mapping[str, Any]) -> str:
        """Return the largest classes and how much the stages disagree."""
        shares = list(description["shares"].items())[:3]
        shown = ", ".join(f"{name} {share:.0%}" for name, share in shares)
        kind = "disagreement" if "disagreement" in description else "entropy"
        doubt = description[kind]
        return f"{shown}; {kind} {doubt['mean']:.3f}, at most {doubt['max']:.2f}"


class MaskScorer:
    """An acquisition function in which classes weigh more, the fewer pixels of them are labelled.

    Args:
        request: names the function.
        task: the model.
        masks: a folder with the masks that there are.

    Raises:
        InvalidInputError: for a function that doesn't weigh classes, another folder, or a mask
            that isn't one of the model's classes, naming the file.
    """

    def __init__(self, request: RankRequest, task: Segmentation, masks: Path) -> None:
        from altasks.acquisition.class_weights import class_weights_from_counts
        from altasks.registry import get_acquisition

        name = request.acquisition or task.default_acquisition
        self._function = get_acquisition(name)
        self.__name__ = name
        if "class_weights" not in inspect.signature(self._function).parameters:
            raise invalid("--class-weights", "not to be given: it has no weight by class", name)
        self._labels = task.labels
        self._weights = class_weights_from_counts(count_pixels(masks, task))
        if provides(self._function, StreamsItself):  # it takes the pixels as they come, by itself
            self.streamed = partial(self._function.streamed, class_weights=self._weights)

    def __call__(self, prediction: Any, **options: Any) -> Tensor:
        """Return the scores of some pixels, or of images."""
        scores: Tensor = self._function(prediction, class_weights=self._weights, **options)
        return scores

    def lines(self) -> list[str]:
        """Return the weights, for the summary."""
        return [weights_line(self._labels, self._weights)]


def count_pixels(folder: Path, task: Segmentation) -> list[int]:
    """Return how many pixels of each class the masks in a folder, and below it, have."""
    from altasks.data.folders import list_images
    from altasks.data.masks.masks import MaskReader

    found = list_images(folder, "--class-weights").files if folder.is_dir() else {}
    masks = list(found.values())
    if not masks:
        raise invalid("--class-weights", "a folder with masks of class numbers", f"{folder}")
    return MaskReader(len(task.labels), task.void).counts(masks, whole=True)

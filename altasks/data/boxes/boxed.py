"""Images with boxes, whatever files they came from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from altasks.data.images import image_size
from altasks.data.pool import Pool
from altasks.errors import InvalidInputError, UnknownNameError

#: A box as a label has it: {"label": name, "box": [x1, y1, x2, y2]} in pixels.
BoxLabel = dict[str, Any]


@dataclass(frozen=True)
class BoxedImages:
    """Image files by id, and the boxes of those that are labelled.

    Attributes:
        names: the classes.
        images: id -> file.
        labels: id -> list of `{"label": name, "box": [x1, y1, x2, y2]}`, pixels of the image. An
            image without an entry isn't labelled; an empty list means that nothing is on it.
        passed_over: what a reader left out or left unlabelled -> why.
    """

    names: list[str]
    images: dict[str, Path]
    labels: dict[str, list[BoxLabel]] = field(default_factory=dict)
    passed_over: dict[str, str] = field(default_factory=dict, repr=False, compare=False)

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.images)

    def pool(self) -> Pool:
        """Return the images as a pool, with the labels there are."""
        ids = list(self.images)
        return Pool(
            ids,
            lambda i: self.images[ids[i]],
            labels=self.labels,
            in_memory=True,
            passed_over=self.passed_over,
        )

    def pairs(self) -> tuple[list[Path], list[list[BoxLabel]]]:
        """Return the labelled images and their labels, as `fit` and `evaluate` take them."""
        ids = [name for name in self.images if name in self.labels]
        return [self.images[name] for name in ids], [self.labels[name] for name in ids]

    def counts(self) -> list[int]:
        """Return how many boxes of each class there are, in the order of the classes."""
        found = Counter(entry["label"] for label in self.labels.values() for entry in label)
        return [found[name] for name in self.names]

    def subset(self, ids: Sequence[str]) -> BoxedImages:
        """Return some of the images, in the order given.

        Raises:
            UnknownNameError: for an id that there isn't.
        """
        for name in ids:
            if name not in self.images:
                raise UnknownNameError(f"ids: {name!r} is not among the {len(self)} images.")
        return BoxedImages(
            self.names,
            {name: self.images[name] for name in ids},
            {name: self.labels[name] for name in ids if name in self.labels},
        )


def labelled_sizes(boxed: BoxedImages) -> Mapping[str, tuple[int, int]]:
    """Return (width, height) of every labelled image.

    Raises:
        InvalidInputError: for one that can't be read, naming it.
    """
    sizes = {}
    for name in boxed.labels:
        if name not in boxed.images:
            raise InvalidInputError(f"labels: {name!r} has no image.")
        sizes[name] = image_size(boxed.images[name])
    return sizes

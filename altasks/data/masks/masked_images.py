"""Images, some of which have a mask."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from altasks.data.pool import Pool


@dataclass(frozen=True, eq=False)
class MaskedImages:
    """Images, and the masks of those that have one.

    Attributes:
        images: id -> path; an id is the file's name in its folder, without suffix.
        masks: id -> mask, as a label: a path, or run lengths.
        classes: the names of the classes, in the order of their numbers.
        void: the number of unlabelled pixels.
        passed_over: file or object -> why it isn't in the masks.
    """

    images: dict[str, Path]
    masks: dict[str, Any] = field(repr=False)
    classes: list[str]
    void: int
    passed_over: dict[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return how many images there are."""
        return len(self.images)

    def pool(self) -> Pool:
        """Return all images as a pool, with the masks as its labels."""
        return Pool(list(self.images), list(self.images.values()).__getitem__, labels=self.masks)

    def pairs(self) -> tuple[list[Path], list[Any]]:
        """Return the images that have a mask, and the masks, for `fit` and `evaluate`."""
        known = [name for name in self.images if name in self.masks]
        return [self.images[name] for name in known], [self.masks[name] for name in known]

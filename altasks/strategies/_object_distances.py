"""How far images are apart, by the objects in them: each against the nearest of its class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from altasks.errors import invalid
from altasks.strategies._arrays import read_rows
from altasks.strategies.base import Array

#: Numbers in one block of products: 32 MiB of float64.
TILE = 2**22
#: The distance to an image that has no object of the class.
APART = 2.0


@dataclass(frozen=True, eq=False)
class Found:
    """The objects of some images.

    Attributes:
        count: how many images there are.
        owners: `[M]`, which image each object is in, ascending.
        classes: `[M]` whole numbers.
        weights: `[M]`, the objects' scores as shares of their image's.
        points: `[M, d]` float64, embeddings of length 1; one of zeros stays so.
    """

    count: int
    owners: np.ndarray
    classes: np.ndarray
    weights: np.ndarray
    points: np.ndarray

    def of_class(self, number: int) -> Found:
        """Return the objects of one class."""
        rows = self.classes == number
        parts = (self.owners, self.classes, self.weights, self.points)
        return Found(self.count, *(part[rows] for part in parts))

    def part(self, start: int, stop: int) -> Found:
        """Return some of the objects."""
        parts = (self.owners, self.classes, self.weights, self.points)
        return Found(self.count, *(part[start:stop] for part in parts))

    def segments(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the images that have objects, and where those of each begin."""
        starts = np.flatnonzero(np.diff(self.owners, prepend=-1))
        return self.owners[starts], starts


def read_objects(
    array: Array, argument: str, rows: np.ndarray | None = None, ids: Sequence[str] | None = None
) -> Found:
    """Return the objects of some images, or of all.

    Args:
        array: `[N, B, 2 + d]`, see `Candidates`.
        argument: how errors call it.
        rows: which images.
        ids: of all N.

    Raises:
        InvalidInputError: for numbers that aren't finite, a class that is no whole number, or a
            score below 0, naming the id.
    """
    table = read_rows(array, rows).cpu().double().numpy()
    classes, scores, points = table[:, :, 0], table[:, :, 1], table[:, :, 2:]
    with np.errstate(over="ignore"):
        lengths = np.sqrt(np.square(points).sum(2, keepdims=True))
    there = scores != 0
    bad = ~(np.isfinite(scores) & (scores >= 0))
    bad |= there & ~(np.isfinite(lengths[:, :, 0]) & (classes == np.round(classes)))
    if bad.any():
        row, place = (int(one[0]) for one in np.nonzero(bad))
        source = row if rows is None else int(rows[row])
        raise invalid(
            f"candidates.{argument}",
            "a whole number as the class, a score of at least 0, and a finite embedding",
            f"class {classes[row, place]:g}, score {scores[row, place]:g} and an embedding of "
            f"length {lengths[row, place, 0]:g}",
            where=f"{f'row {source}' if ids is None else f'id {ids[source]!r}'}, object {place}",
        )
    owners, places = np.nonzero(there)
    chosen = scores[owners, places]
    totals = np.bincount(owners, weights=chosen, minlength=len(table))
    unit = points[owners, places] / np.where(lengths > 0, lengths, 1)[owners, places]
    return Found(
        len(table), owners, classes[owners, places].astype(np.int64), chosen / totals[owners], unit
    )


def object_distances(left: Found, right: Found) -> np.ndarray:
    """Return how far images are apart, `[P, Q]` from 0 to 2.

    The distance from image a to image b is the mean over the objects of a, weighed by their scores,
    of 1 minus the cosine to the most similar object of the same class in b, or 2 where b has none;
    from that and the way back, the mean is taken. An image without objects is 2 away from any that
    has some, and 0 from another without.

    Time is the sum over classes of the products of how many objects each side has, times d; memory
    is the result and a block. Nothing is compared by its place: the first object of one image has
    nothing to do with the first of another.

    Yang, Huang and Crowley 2024, "Plug and Play Active Learning for Object Detection", CVPR
    ("category conditioned matching similarity").

    Args:
        left: the objects of P images.
        right: those of Q images. Where they are the very same (`right is left`), each image is at
            0 from itself, exactly.
    """
    found = np.full((left.count, right.count), APART)
    empty = [np.bincount(one.owners, minlength=one.count) == 0 for one in (left, right)]
    found[np.ix_(*empty)] = 0
    for number in np.intersect1d(left.classes, right.classes).tolist():
        ours, theirs = left.of_class(number), right.of_class(number)
        images, starts = theirs.segments()
        step = max(1, TILE // len(theirs.owners))
        for part in _pieces(ours, step):
            own, begins = part.segments()
            apart = np.clip(1 - part.points @ theirs.points.T, 0, APART)
            # What is nearer than nothing of the class, from here to there and back.
            there = np.minimum.reduceat(apart, starts, axis=1) - APART  # objects x images
            there = np.add.reduceat(part.weights[:, None] * there, begins, axis=0)
            back = np.minimum.reduceat(apart, begins, axis=0) - APART  # images x objects
            back = np.add.reduceat(back * theirs.weights, starts, axis=1)
            found[np.ix_(own, images)] += (there + back) / 2
    if right is left:
        found = (found + found.T) / 2
        np.fill_diagonal(found, 0)
    return np.clip(found, 0, APART, out=found)


def _pieces(found: Found, step: int) -> list[Found]:
    """Return about `step` objects at a time, no image's divided."""
    _, starts = found.segments()
    pieces, first = [], 0
    ends = [*starts[1:].tolist(), len(found.owners)]
    for place, end in enumerate(ends):
        if place + 1 == len(ends) or ends[place + 1] - first > step:
            pieces.append(found.part(first, end))
            first = end
    return pieces

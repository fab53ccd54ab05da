"""Boxes as numbers: overlap, and matching what several members found in one image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


def overlaps(one: np.ndarray, many: np.ndarray) -> np.ndarray:
    """Return the intersection over union of a box `[4]` with each of `[n, 4]`, as `[n]`.

    Boxes are x1, y1, x2, y2. A box without an area overlaps nothing.

    Example:
        >>> overlaps(np.array([0, 0, 2, 2]), np.array([[0, 0, 2, 2], [0, 0, 2, 1]])).tolist()
        [1.0, 0.5]
    """
    width = np.minimum(one[2], many[:, 2]) - np.maximum(one[0], many[:, 0])
    height = np.minimum(one[3], many[:, 3]) - np.maximum(one[1], many[:, 1])
    shared = np.clip(width, 0, None) * np.clip(height, 0, None)
    area = (many[:, 2] - many[:, 0]) * (many[:, 3] - many[:, 1])
    union = (one[2] - one[0]) * (one[3] - one[1]) + area - shared
    share: np.ndarray = np.divide(shared, union, out=np.zeros(len(many)), where=union > 0)
    return share


def assign(
    boxes: np.ndarray, confs: np.ndarray, objects: np.ndarray, iou: float
) -> tuple[np.ndarray, np.ndarray]:
    """Say which object each box is of, whatever the classes.

    From the most confident box down, each takes the object it overlaps most of those that are
    left, if by at least `iou`.

    Args:
        boxes: `[n, 4]`.
        confs: `[n]`.
        objects: `[m, 4]`, the true boxes.
        iou: the least overlap.

    Returns:
        `[n]` which object, -1 for none; and `[n]` the overlap with it, 0 for none.

    Example:
        >>> objects = np.array([[0, 0, 10, 10.0]])
        >>> boxes = np.array([[0, 0, 10, 9.0], [0, 0, 10, 10], [50, 50, 60, 60]])
        >>> assign(boxes, np.array([0.4, 0.9, 0.8]), objects, 0.5)[0].tolist()
        [-1, 0, -1]
    """
    of = np.full(len(boxes), -1)
    shares = np.zeros(len(boxes))
    left = np.ones(len(objects), dtype=bool)
    for i in np.argsort(-confs, kind="stable").tolist():
        if not left.any():
            break
        shared = np.where(left, overlaps(boxes[i], objects), -1.0)
        best = int(shared.argmax())
        if shared[best] >= iou:
            of[i], shares[i], left[best] = best, shared[best], False
    return of, shares


@dataclass(frozen=True)
class Matched:
    """The boxes of one image after matching.

    Attributes:
        rows: `[M, K]`: which of member k's boxes unit m is, -1 where it has none there.
        seeds: `[M]`: the member whose box stands for the unit.
    """

    rows: np.ndarray
    seeds: np.ndarray


def match(boxes: Sequence[np.ndarray], confs: Sequence[np.ndarray], iou: float) -> Matched:
    """Say which boxes of K members are one object.

    From the most confident box down, each joins the unit it overlaps most, if by at least `iou`
    and if that unit has none of this member's boxes yet; otherwise it starts a unit, which its
    place then stands for. Classes don't matter: members may disagree in them. The order of the
    members decides nothing but between equal confidences.

    Args:
        boxes: of each member, `[n_k, 4]`.
        confs: of each member, `[n_k]`.
        iou: the least overlap of two boxes of one object.

    Example:
        >>> first, second = np.array([[0, 0, 9, 9.0]]), np.array([[0, 0, 9, 8.0], [20, 20, 29, 29]])
        >>> match([first, second], [np.array([0.9]), np.array([0.8, 0.3])], 0.5).rows.tolist()
        [[0, 0], [-1, 1]]
    """
    members = len(boxes)
    of = np.concatenate([np.full(len(part), k) for k, part in enumerate(boxes)])
    at = np.concatenate([np.arange(len(part)) for part in boxes])
    places = np.concatenate([np.asarray(part, np.float64).reshape(-1, 4) for part in boxes])
    order = np.argsort(-np.concatenate(confs), kind="stable")
    rows = np.full((len(order), members), -1)
    seeds = np.zeros(len(order), np.int64)
    stands = np.zeros((len(order), 4))
    found = 0
    for i in order.tolist():
        k = of[i]
        if found:
            shared = overlaps(places[i], stands[:found])
            shared[rows[:found, k] >= 0] = -1
            best = int(shared.argmax())
            if shared[best] >= iou:
                rows[best, k] = at[i]
                continue
        rows[found, k], seeds[found], stands[found] = at[i], k, places[i]
        found += 1
    return Matched(rows[:found], seeds[:found])

"""Outlines of masks: polygons along the edges of pixels that cover just the same pixels again."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

Corner = tuple[int, int]


def outlines(mask: np.ndarray) -> list[np.ndarray]:
    """Return polygons `[n, 2]` of (x, y) that together cover a mask, `[H, W]` bool.

    One for each piece (pixels that share a side). A hole is reached from the outline of its piece
    by a cut that is walked there and back, so that what lies inside by the even-odd rule is the
    piece without its holes; no other piece is touched by that.

    Example:
        >>> outlines(np.ones((2, 3), bool))[0].tolist()
        [[0, 0], [3, 0], [3, 2], [0, 2]]
    """
    return [_with_holes(outer, holes) for outer, holes in pieces(mask)]


def pieces(mask: np.ndarray) -> list[tuple[np.ndarray, list[np.ndarray]]]:
    """Return each piece of a mask, `[H, W]` bool: its outline `[n, 2]`, and those of its holes.

    Example:
        >>> ring = np.ones((3, 3), bool)
        >>> ring[1, 1] = False
        >>> [(len(outer), len(holes)) for outer, holes in pieces(ring)]
        [(4, 1)]
    """
    rings = _rings(np.asarray(mask, bool))
    outer = [ring for ring in rings if _area(ring) > 0]
    holes: dict[int, list[np.ndarray]] = defaultdict(list)
    for ring in rings:
        if _area(ring) < 0:
            around = [i for i, one in enumerate(outer) if _is_inside(ring, one)]
            holes[min(around, key=lambda i: _area(outer[i]))].append(ring)
    return [(one, holes[i]) for i, one in enumerate(outer)]


def _edges(mask: np.ndarray) -> dict[Corner, list[Corner]]:
    """Return corner -> next corners along the edges, the covered pixels to the right."""
    padded = np.pad(mask, 1)
    found: dict[Corner, list[Corner]] = defaultdict(list)
    below = padded[1:, 1:-1].astype(np.int8) - padded[:-1, 1:-1]  # between rows y - 1 and y
    for y, x in np.argwhere(below).tolist():
        start, end = (x, y), (x + 1, y)
        found[start if below[y, x] > 0 else end].append(end if below[y, x] > 0 else start)
    right = padded[1:-1, 1:].astype(np.int8) - padded[1:-1, :-1]  # between columns x - 1 and x
    for y, x in np.argwhere(right).tolist():
        start, end = (x, y + 1), (x, y)
        found[start if right[y, x] > 0 else end].append(end if right[y, x] > 0 else start)
    return found


def _rings(mask: np.ndarray) -> list[np.ndarray]:
    edges = _edges(mask)
    rings = []
    # The uppermost corner left, of these the leftmost: only one edge leads away from it.
    for start in sorted(edges, key=lambda corner: (corner[1], corner[0])):
        if start not in edges:
            continue
        here, step = start, (0, 0)
        ring: list[Corner] = []
        while not ring or here != start:
            ends = edges[here]
            end = _rightmost(here, step, ends)
            ends.remove(end)
            if not ends:
                del edges[here]
            after = (end[0] - here[0], end[1] - here[1])
            if after != step:
                ring.append(here)
            here, step = end, after
        rings.append(np.array(ring))
    return rings


def _rightmost(here: Corner, step: Corner, ends: list[Corner]) -> Corner:
    """Return where to go on: to the right where pieces touch at a corner, so around one alone."""

    def turn(end: Corner) -> int:
        return step[0] * (end[1] - here[1]) - step[1] * (end[0] - here[0])

    return max(ends, key=turn)


def _area(ring: np.ndarray) -> float:
    """Return the area, above 0 for rings walked with the inside to the right (y goes down)."""
    x, y = ring[:, 0], ring[:, 1]
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


def _is_inside(ring: np.ndarray, outer: np.ndarray) -> bool:
    """Whether a hole lies in a ring, by a pixel's centre just inside its upper left corner."""
    x, y = ring[np.lexsort((ring[:, 0], ring[:, 1]))[0]] + 0.5
    one, other = outer, np.roll(outer, -1, 0)
    cut = (one[:, 1] > y) != (other[:, 1] > y)
    return bool((one[cut, 0] > x).sum() % 2)


def _with_holes(outer: np.ndarray, holes: list[np.ndarray]) -> np.ndarray:
    """Return one ring: out from its first corner to each hole, around it, and back."""
    x, y = outer[0]
    parts = [outer]
    for hole in holes:
        elbow = [[hole[0, 0], y]]  # along the grid, where no pixel's centre lies
        parts += [outer[:1], np.array(elbow), hole, hole[:1], np.array(elbow)]
    if holes:
        parts.append(np.array([[x, y]]))
    return np.concatenate(parts)

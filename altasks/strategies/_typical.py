"""How typical the members of a cluster are: mean distances to the nearest neighbours within it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from altasks.strategies._arrays import blocks, squared_distances

#: In clusters of at most this many members all pairs are visited.
ALL_PAIRS = 2_048
#: In larger ones each member is first compared with so many drawn ones,
REFERENCES = 1_024
#: and the most typical ones by that measure with all.
SHORT_LIST = 256
#: Distances in a block: 8 MiB of float32.
_TILE = 2**21
#: The mean to drawn members is over at least so many.
FEWEST = 4


def typical(points: Tensor, members: np.ndarray, free: int, neighbours: int) -> Cluster | Large:
    """Return what ranks the members of a cluster by the mean distance to their neighbours.

    Args:
        points: `[M, d]`.
        members: the rows of the cluster, in the order of the hash; those from `free` on, which
            can't be picked, come last.
        free: how many rows of `points` may be picked; they come first.
        neighbours: how many neighbours the mean is over.
    """
    kind = Cluster if len(members) <= ALL_PAIRS else Large
    return kind(points, members, free, neighbours)


class Cluster:
    """A cluster small enough to visit all pairs."""

    def __init__(self, points: Tensor, members: np.ndarray, free: int, neighbours: int) -> None:
        self.members = members
        self.free = int((members < free).sum())
        inside = points[torch.as_tensor(members, device=points.device)]
        self.points = inside - inside.mean(0)
        self.norms = (self.points * self.points).sum(1)
        self.neighbours = min(neighbours, len(members) - 1)

    def best(self) -> int:
        """Return the most typical member that may be picked, the first of equals."""
        if self.neighbours == 0:
            return int(self.members[0])
        # No sample is closer to its neighbours on average than to the nearest of them. So one
        # whose nearest is farther than the best average so far is out without sorting its row;
        # those near the middle are likely to have a good average.
        middle = self.norms[: self.free].topk(min(8, self.free), largest=False).indices
        nearest = _mean_of_nearest(self._squares(middle), self.neighbours)
        bound = float(nearest.min()) * (1 + 1e-4)
        row, least = 0, np.inf
        for part in blocks(self.free, len(self.points)):
            here = torch.arange(part.start, part.stop, device=self.points.device)
            squares = self._squares(here)
            kept = (squares.amin(1) <= bound * bound).nonzero().flatten()
            if len(kept):
                distance, place = _mean_of_nearest(squares[kept], self.neighbours).min(0)
                if float(distance) < least:
                    row, least = part.start + int(kept[place]), float(distance)
        return int(self.members[row])

    def ranking(self, without: int) -> list[int]:
        """Return the members that may be picked but one, the most typical last, to be popped."""
        distances = torch.zeros(self.free, dtype=self.points.dtype, device=self.points.device)
        if self.neighbours:
            for part in blocks(self.free, len(self.points)):
                here = torch.arange(part.start, part.stop, device=self.points.device)
                distances[part] = _mean_of_nearest(self._squares(here), self.neighbours)
        order = np.argsort(distances.cpu().numpy(), kind="stable")
        return [row for row in self.members[order][::-1].tolist() if row != without]

    def _squares(self, rows: Tensor) -> Tensor:
        """Return squared distances from some members to all, infinite to themselves."""
        squares = squared_distances(self.points[rows], self.points, self.norms)
        squares[torch.arange(len(rows), device=rows.device), rows] = torch.inf
        return squares


class Large:
    """A large cluster: drawn members say which few are compared with all.

    The mean distance to the nearest of drawn members, so many of them that they lie as near as the
    neighbours do, grows where the true one does; those of the short list are known exactly. In
    Gaussian clusters of 8,000 the best found had a mean distance of at most 1.11 times the least
    (it was among the 13 most typical) in 2 and 4 dims, 1.02 in 8, and was the very best from 32 on.
    """

    def __init__(self, points: Tensor, members: np.ndarray, free: int, neighbours: int) -> None:
        self.points, self.members = points, members
        self.free = int((members < free).sum())
        self.neighbours = min(neighbours, len(members) - 1)
        # In the order of the hash, so that evenly spaced ones are drawn ones, of the known as well.
        self.drawn = np.linspace(0, len(members) - 1, REFERENCES).round().astype(np.int64)
        drawn = self._take(self.drawn)
        self.centre = drawn.mean(0)
        self.references = drawn - self.centre
        among = round(self.neighbours * len(self.drawn) / len(members))
        self.few = min(max(among, FEWEST), self.neighbours)
        self._ordered: np.ndarray | None = None

    def best(self) -> int:
        """Return the most typical member of the short list, the first of equals."""
        return int(self._order()[0])

    def ranking(self, without: int) -> list[int]:
        """Return the members that may be picked but one, the most typical last, to be popped."""
        return [row for row in self._order()[::-1].tolist() if row != without]

    def _take(self, places: np.ndarray) -> Tensor:
        return self.points[torch.as_tensor(self.members[places], device=self.points.device)]

    def _order(self) -> np.ndarray:
        """Return the members that may be picked, the short list first, most typical first."""
        if self._ordered is None:
            rough = self._from_drawn()
            order = np.argsort(rough, kind="stable")
            short = np.sort(order[:SHORT_LIST])
            short = short[np.argsort(self._from_all(short), kind="stable")]
            self._ordered = self.members[np.concatenate([short, order[SHORT_LIST:]])]
        return self._ordered

    def _from_drawn(self) -> np.ndarray:
        """Return the mean distance of each to the nearest of the drawn members."""
        found = np.empty(self.free)
        norms = self.references.square().sum(1)
        column = np.full(len(self.members), -1)
        column[self.drawn] = np.arange(len(self.drawn))
        for part in blocks(self.free, len(self.references), _TILE):
            places = np.arange(part.start, part.stop)
            squares = squared_distances(self._take(places) - self.centre, self.references, norms)
            own = np.flatnonzero(column[places] >= 0)
            squares[own, column[places[own]]] = torch.inf
            found[part] = _mean_of_nearest(squares, self.few).cpu().numpy()
        return found

    def _from_all(self, places: np.ndarray) -> np.ndarray:
        """Return the mean distance of some to the nearest of all members."""
        some = self._take(places) - self.centre
        near = some.new_empty((len(some), 0))
        for part in blocks(len(self.members), max(some.shape), _TILE):
            others = self._take(np.arange(part.start, part.stop)) - self.centre
            squares = squared_distances(some, others)
            own = np.flatnonzero((places >= part.start) & (places < part.stop))
            squares[own, places[own] - part.start] = torch.inf
            squares = torch.cat([near, squares], 1)
            near = _nearest(squares, min(self.neighbours, squares.shape[1]))
        found: np.ndarray = near.sqrt().mean(1).cpu().numpy()
        return found


def _nearest(squares: Tensor, count: int) -> Tensor:
    """Return the `count` smallest of each row, in order: equal neighbourhoods have equal sums."""
    if squares.device.type == "cpu":
        # NumPy's partition is vectorised: several times as fast as topk on rows of hundreds.
        values = np.partition(squares.numpy(), count - 1, axis=1)[:, :count]
        values.sort(axis=1)
        return torch.from_numpy(values)
    return squares.topk(count, largest=False).values


def _mean_of_nearest(squares: Tensor, count: int) -> Tensor:
    return _nearest(squares, count).sqrt_().mean(1)

"""Core-set selection: cover the pool with balls of the smallest radius."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from altasks._internal.numbers import as_real
from altasks.errors import invalid
from altasks.strategies._arrays import BLOCK, Rows, Ties, require_finite, unit_rows
from altasks.strategies.base import Candidates, check_request

#: Squared distances that differ by less than this share are equal, and the hash decides.
EQUAL = 1e-12
#: How many of the farthest samples are looked at together, at least.
FRONT = 1024


class KCenter:
    """Pick, one after another, the sample farthest from all that is labelled, asked or picked.

    Sener and Savarese (2018), "Active Learning for Convolutional Neural Networks: A Core-Set
    Approach", algorithm 1: the greedy 2-approximation of the k-center problem (Gonzalez 1985).
    Scores are not read. With nothing labelled and nothing asked, the first pick is drawn by the
    seeded hash of the ids, so a seed decides it and the order of the pool doesn't.

    The picks are those of the plain loop over float64 distances: float32 is only used to find out
    which few distances have to be known exactly. Most samples are never compared with most
    centres, because a distance to fewer centres bounds the distance to all from above.

    With `outliers`, the share of the pool that may stay uncovered, each pick passes over that many
    farthest samples and takes the next: far-off samples, of which there are few, attract no picks.
    It stands in for the mixed-integer program of Sener and Savarese's robust variant, which does
    not scale; like the greedy heuristics for k-center with outliers (Ding, Yu and Wang 2019) it
    looks for centres just inside the farthest samples.

    Args:
        metric: `"euclidean"`, or `"cosine"`: the Euclidean distance of the rows scaled to length 1,
            in the same order as the angle; a row of zeros stays zero.
        outliers: share of the pool in [0, 1) that each pick passes over.

    Raises:
        InvalidInputError: for another metric, a share outside [0, 1), or embeddings that are not
            finite.

    Example:
        >>> import numpy as np
        >>> candidates = Candidates(
        ...     ["a", "b", "c"],
        ...     np.zeros(3),
        ...     embeddings=np.array([[0.0], [1.0], [9.0]]),
        ...     labelled_embeddings=np.array([[0.5]]),
        ...     pending_embeddings=np.empty((0, 1)),
        ... )
        >>> KCenter().select(candidates, 1, rng=np.random.default_rng(0))
        ['c']
    """

    needs: ClassVar[frozenset[str]] = frozenset(
        {"embeddings", "labelled_embeddings", "pending_embeddings"}
    )
    reads_scores: ClassVar[bool] = False

    def __init__(
        self, metric: Literal["euclidean", "cosine"] = "euclidean", outliers: float = 0.0
    ) -> None:
        if metric not in ("euclidean", "cosine"):
            raise invalid("metric", "'euclidean' or 'cosine'", f"{metric!r}")
        if not 0 <= as_real(outliers) < 1:
            raise invalid("outliers", "a share in [0, 1)", f"{outliers!r}")
        self.metric = metric
        self.outliers = float(outliers)

    def select(self, candidates: Candidates, n: int, *, rng: np.random.Generator) -> list[str]:
        """Return `n` ids in the order of the greedy algorithm."""
        n = check_request(self, candidates, n)
        ties = Ties(candidates.ids, rng)
        if n == 0:
            return []

        def rows(name: str, ids: Sequence[str] | None, device: torch.device | None) -> Rows:
            array = getattr(candidates, name)
            if self.metric == "cosine":
                return unit_rows(array, f"candidates.{name}", ids, device)
            return Rows(array, device)

        pool = rows("embeddings", candidates.ids, None)
        taken = {
            name: rows(name, None, pool.device)
            for name in ("labelled_embeddings", "pending_embeddings")
            if len(getattr(candidates, name))
        }
        cover = _Cover(pool, taken, n, int(self.outliers * len(pool)), ties)
        with torch.inference_mode():
            return [candidates.ids[row] for row in cover.greedy()]


class _Cover:
    """The greedy algorithm's state: what is known of each sample's distance to the centres.

    `near[i]` is the float32 squared distance of sample i to the nearest of the taken samples and of
    the first `seen[i]` picks, `upper[i]` bounds the true one from above: centres added later only
    bring it down. So the samples of the largest bounds, the front, are brought up to date, and the
    greedy algorithm runs in the front alone for as long as its farthest sample is farther than the
    largest bound outside.
    """

    def __init__(self, pool: Rows, taken: dict[str, Rows], n: int, passed: int, ties: Ties) -> None:
        self.pool, self.n, self.passed, self.ties = pool, n, passed, ties
        self.names, self.taken = [f"candidates.{name}" for name in taken], list(taken.values())
        size, place = len(pool), pool.device
        self.shift = pool.sample_mean()
        self.slack = (pool.width + 16) * torch.finfo(pool.dtype).eps / 2
        self.longest = 0.0  # of all shifted rows
        self.square = torch.empty(size, dtype=pool.dtype, device=place)
        self.near = torch.full_like(self.square, torch.inf)
        self.upper = torch.full_like(self.square, torch.inf)
        self.seen = torch.zeros(size, dtype=torch.int64, device=place)
        # Squared distances in float64, made only where float32 cannot tell who is farthest.
        self.exact = torch.full((size,), torch.inf, dtype=torch.float64, device=place)
        self.exact_seen = torch.full((size,), -1, dtype=torch.int64, device=place)
        self.centres = torch.empty((n, pool.width), dtype=pool.dtype, device=place)  # shifted
        # As they come. A tensor of its own: `.to` would hand back `centres` where that is float64.
        self.exact_centres = torch.empty((n, pool.width), dtype=torch.float64, device=place)
        self.centre_square = torch.empty(n, dtype=pool.dtype, device=place)
        self.picks: list[int] = []

    def greedy(self) -> list[int]:
        """Return the rows picked."""
        self._measure()
        if not self.taken:
            self._pick(self.ties.first(np.arange(len(self.pool))))
        front = FRONT
        while len(self.picks) < self.n:
            before = len(self.picks)
            self._stage(min(front + 2 * self.passed, len(self.pool)))
            gained = len(self.picks) - before
            if gained < 4:  # the front holds nothing that stays far: look at more at once
                front *= 2
            elif gained > 64:
                front = max(FRONT, front // 2)
        return self.picks

    def _measure(self) -> None:
        """Fill squared lengths and the distances to what is taken, in one pass over the pool."""
        for number, rows in enumerate(self.taken):
            for _, _, part in rows.blocks():
                require_finite(part.square().sum(1), self.names[number])
                length = (part.to(self.shift) - self.shift).square().sum(1).max().sqrt()
                self.longest = max(self.longest, float(length))
        for start, stop, part in self.pool.blocks(min(512, sum(map(len, self.taken)))):
            block = part - self.shift
            square = block.square().sum(1)
            require_finite(square, "candidates.embeddings", self.ties.ids[start:stop])
            near = torch.full_like(square, torch.inf)
            for rows in self.taken:
                for first in range(0, len(rows), 512):
                    other = rows.slice(first, min(first + 512, len(rows))).to(block) - self.shift
                    near = torch.minimum(near, _nearest(block, square, other))
            self.square[start:stop], self.near[start:stop] = square, near
        self.longest = max(self.longest, float(self.square.max().sqrt()))
        if self.taken:
            self.upper = self.near + self._error(self.square, self.near)

    def _error(self, square: Tensor, near: Tensor) -> Tensor:
        """Return a bound on the rounding of |x|^2 + |c|^2 - 2 x.c: d units of (|x| + |c|)^2."""
        length = square.sqrt()
        centre = (length + near.sqrt()).clamp_max_(self.longest)
        return self.slack * (length + centre).square_()

    def _pick(self, row: int) -> Tensor:
        """Add a sample to the centres, and return it, shifted."""
        count = len(self.picks)
        exact = self.pool.take(torch.tensor([row], device=self.pool.device), torch.float64)[0]
        self.exact_centres[count] = exact
        centre = exact.to(self.shift) - self.shift
        self.centres[count] = centre
        self.centre_square[count] = centre.square().sum()
        self.picks.append(row)
        return centre

    def _refresh(self, rows: Tensor, block: Tensor) -> None:
        """Compare `rows` (their shifted embeddings are `block`) with the centres not yet seen."""
        count = len(self.picks)
        seen = self.seen[rows]
        for level in torch.unique(seen).tolist():
            if level == count:
                continue
            late = (seen == level).nonzero()[:, 0]
            step = max(1, BLOCK // (count - level))
            for first in range(0, len(late), step):
                part = late[first : first + step]
                near = _nearest(
                    block if len(part) == len(block) else block[part],
                    self.square[rows[part]],
                    self.centres[level:count],
                    self.centre_square[level:count],
                )
                self.near[rows[part]] = torch.minimum(self.near[rows[part]], near)
        self.seen[rows] = count

    def _stage(self, size: int) -> None:
        """Bring a front of about `size` samples up to date and pick within it while it's safe."""
        if size < len(self.pool):
            top = torch.topk(self.upper, size + 1, sorted=False)
            last = int(top.values.argmin())
            outside = float(top.values[last])
            rows = torch.cat([top.indices[:last], top.indices[last + 1 :]]).sort().values
        else:
            outside = -np.inf
            rows = torch.arange(len(self.pool), device=self.pool.device)
        picked = torch.tensor(self.picks, dtype=torch.int64, device=self.pool.device)
        block = self.pool.take(rows) - self.shift
        self._refresh(rows, block)
        self.near[picked] = -torch.inf
        near, square = self.near[rows], self.square[rows]
        error = torch.nan_to_num(self._error(square, near.clamp_min(0)))
        while len(self.picks) < self.n:
            index = self._farthest(rows, near, error, outside)
            if index is None:
                break
            if index < 0:  # everything left lies on a centre: all the same, so by hash
                self.picks = self.ties.fill(self.picks, self.n)
                return
            centre = self._pick(int(rows[index]))
            far = torch.addmv(square, block, centre, alpha=-2).add_(
                self.centre_square[len(self.picks) - 1]
            )
            near = torch.minimum(near, far.clamp_min_(0))
            near[index] = -torch.inf
        self.near[rows], self.seen[rows] = near, len(self.picks)
        self.upper[rows] = near + error

    def _farthest(self, rows: Tensor, near: Tensor, error: Tensor, outside: float) -> int | None:
        """Return which of the front to pick; None if it may lie outside; -1 if none is far."""
        skip = min(self.passed, len(self.pool) - len(self.picks) - 1)
        if skip >= len(rows):
            return None
        low, high = near - error, near + error
        # The wanted sample, the (skip + 1)-th farthest, is at least `floor` and at most `ceiling`.
        if skip:
            floor, ceiling = (torch.topk(x, skip + 1, sorted=True).values[-1] for x in (low, high))
            unsure = ((high >= floor) & (low <= ceiling)).nonzero()[:, 0]
            place = skip - int((low > ceiling).sum())
        else:
            floor = low.max()
            unsure, place = (high >= floor).nonzero()[:, 0], 0
        if len(unsure) == 1 and float(floor) > outside:
            return int(unsure)
        exact = self._exactly(rows[unsure]).cpu().numpy()
        descending = np.sort(exact)[::-1]
        value = descending[place]
        if value <= outside * (1 + EQUAL):
            return None
        if value == 0 and skip == 0:
            return -1
        equal = np.flatnonzero(np.abs(exact - value) <= EQUAL * value)
        place -= int((exact > value * (1 + EQUAL)).sum())
        chosen = self.ties.order(rows[unsure[equal.tolist()]].cpu().numpy())[place]
        return int((rows == int(chosen)).nonzero()[0])

    def _exactly(self, rows: Tensor) -> Tensor:
        """Return float64 squared distances to the nearest centre, by differences."""
        count = len(self.picks)
        seen = self.exact_seen[rows]
        for level in torch.unique(seen).tolist():
            late = rows[seen == level]
            for first in range(0, len(late), 4096):
                part = late[first : first + 4096]
                block = self.pool.take(part, torch.float64)
                near = self.exact[part]
                if level < 0:
                    for other in self.taken:
                        for begin in range(0, len(other), 4096):
                            stop = min(begin + 4096, len(other))
                            centres = other.slice(begin, stop, torch.float64)
                            near = torch.minimum(near, _nearest_exact(block, centres))
                centres = self.exact_centres[max(level, 0) : count]
                near = torch.minimum(near, _nearest_exact(block, centres))
                self.exact[part] = near
        self.exact_seen[rows] = count
        return self.exact[rows]


def _nearest(
    block: Tensor, square: Tensor, centres: Tensor, centre_square: Tensor | None = None
) -> Tensor:
    """Return the squared distance of each row to the nearest centre, by the expanded square."""
    if centre_square is None:
        centre_square = centres.square().sum(1)
    cross = torch.addmm(centre_square, block, centres.T, alpha=-2)  # rows x centres
    return (cross.amin(1) + square).clamp_min_(0)


def _nearest_exact(block: Tensor, centres: Tensor) -> Tensor:
    """Return the same by sums of squared differences: equal rows give equal distances, or 0."""
    near = torch.full((len(block),), torch.inf, dtype=torch.float64, device=block.device)
    step = max(1, BLOCK // max(1, block.numel()))
    for first in range(0, len(centres), step):
        difference = block[:, None, :] - centres[None, first : first + step, :]
        near = torch.minimum(near, difference.square_().sum(2).amin(1))
    return near

"""The nearest rows of a pool to some queries: by brute force in blocks, or by faiss."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from altasks._internal.extras import require
from altasks.strategies._arrays import TILE, blocks, read_rows

#: A faiss index looks at this many of its about 4 * sqrt(N) cells.
CELLS_LOOKED_AT = 16
#: Training rows for each cell of the index; faiss warns below 39.
ROWS_PER_CELL = 64


def nearest_rows(
    queries: Tensor,
    array: Any,
    order: np.ndarray,
    k: int,
    *,
    search: Literal["exact", "faiss"] = "exact",
) -> np.ndarray:
    """Return, for each query, the places in `order` of its k nearest rows of `array`, `[Q, k]`.

    Euclidean distance. `"exact"` visits every pair: O(Q N d) time, O(Q k) memory beside a block.
    `"faiss"` builds an inverted-file index (Jegou, Douze and Schmid 2011) over the rows, so
    that each query visits a small part of them; its answers are approximate.

    Args:
        queries: `[Q, d]`.
        array: `[N, d]`, NumPy (also memory-mapped) or torch.
        order: the rows of `array` to search. Which of equally near ones is found depends on this
            order, so give it in the order of a hash.
        k: how many, at most `len(order)`.
        search: how.
    """
    if search == "faiss":
        return _by_faiss(queries, array, order, k)
    centre = queries.mean(0) if len(queries) else 0  # rounding grows with the norms
    best: list[np.ndarray] = []
    for part in blocks(len(queries), max(k, queries.shape[1]), TILE // 4):
        best.append(_by_brute_force(queries[part] - centre, array, order, k, centre))
    return np.concatenate(best) if best else np.empty((0, k), dtype=np.int64)


def _by_brute_force(
    queries: Tensor, array: Any, order: np.ndarray, k: int, centre: Tensor | int
) -> np.ndarray:
    near = torch.empty((len(queries), 0), dtype=queries.dtype, device=queries.device)
    places = torch.empty((len(queries), 0), dtype=torch.int64, device=queries.device)
    for part in blocks(len(order), max(queries.shape)):
        rows = read_rows(array, order[part]).to(queries) - centre
        # |q|^2 is the same along a row of the result, so it doesn't change the ranking.
        square = torch.addmm((rows * rows).sum(1), queries, rows.T, alpha=-2)
        here = torch.arange(part.start, part.stop, device=queries.device)
        near = torch.cat([near, square], 1)
        places = torch.cat([places, here.expand(len(queries), -1)], 1)
        near, kept = near.topk(min(k, near.shape[1]), dim=1, largest=False)
        places = places.gather(1, kept)
    return places.cpu().numpy()


def _by_faiss(queries: Tensor, array: Any, order: np.ndarray, k: int) -> np.ndarray:
    faiss: Any = require("faiss", "faiss", "search='faiss'")
    width = queries.shape[1]
    cells = max(1, min(int(4 * np.sqrt(len(order))), len(order) // ROWS_PER_CELL))

    def rows(part: slice) -> np.ndarray:
        return read_rows(array, order[part]).to("cpu", torch.float32).numpy()

    if cells == 1:
        index = faiss.IndexFlatL2(width)
    else:
        index = faiss.IndexIVFFlat(faiss.IndexFlatL2(width), width, cells)
        index.cp.seed = 1234  # in random order already; the seed fixes the start of its k-means
        index.cp.min_points_per_centroid = 1
        index.train(rows(slice(0, cells * ROWS_PER_CELL)))
        index.nprobe = CELLS_LOOKED_AT
    for part in blocks(len(order), width):
        index.add(rows(part))
    _, places = index.search(queries.to("cpu", torch.float32).numpy(), k)
    # Cells that hold fewer than k rows leave -1 behind.
    return np.asarray(places, dtype=np.int64)

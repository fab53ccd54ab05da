"""Greedy minimisation of tr(M^-1 F), sample by sample, with low-rank updates.

Every sample has an information matrix X_i' X_i with X_i of R x D, R small: one row for a
regression, one for each class in a classification. M is the sum of a prior and of the information
of what is picked; F is the information of all. By Woodbury's identity a pick changes the trace by

    tr((I +- X_i A X_i')^-1 X_i A F A X_i'),    A = M^-1,

which needs the two R x R matrices X_i A X_i' and X_i A F A X_i' of each sample. They are kept, and
a pick changes A by U U' with U of D x R, so it changes them by products with X_i U and X_i A F U:
one pass over the pool a pick, linear in its size.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

#: Numbers in one block of work: 8 MiB of float64.
_BLOCK = 2**20


class Information:
    """The matrices X_i: sqrt(w_i) h_i', or for classes sqrt(p_k) (e_k - p) (x) h_i' as row k.

    The rows of the second kind are the gradients of the cross-entropy for each label, times the
    root of the label's probability, so their sum of squares is the Fisher information of the last
    layer's weights: (diag(p) - p p') (x) h h'.

    Args:
        inputs: `[N, d]`, float64.
        weights: `[N]`, for the first kind.
        probs: `[N, C]`, for the second.
    """

    def __init__(
        self, inputs: Tensor, *, weights: Tensor | None = None, probs: Tensor | None = None
    ) -> None:
        self.inputs = inputs
        self.roots = None if weights is None else weights.sqrt()
        self.probs = probs
        self.rank = 1 if probs is None else probs.shape[1]
        self.width = inputs.shape[1] * self.rank

    def __len__(self) -> int:
        return len(self.inputs)

    def take(self, rows: Tensor) -> Information:
        """Return some samples."""
        chosen = Information(self.inputs[rows])
        chosen.roots = None if self.roots is None else self.roots[rows]
        chosen.probs = None if self.probs is None else self.probs[rows]
        chosen.rank, chosen.width = self.rank, self.width
        return chosen

    def blocks(self, columns: int) -> Iterator[slice]:
        """Yield slices over the samples whose products with `columns` columns stay in cache."""
        step = max(1, _BLOCK // max(1, self.inputs.shape[1], self.rank * columns))
        for start in range(0, len(self), step):
            yield slice(start, min(start + step, len(self)))

    def times(self, matrix: Tensor, rows: slice) -> Tensor:
        """Return X_i W for some samples: `[rows, R, q]`, W being `[D, q]`."""
        inputs = self.inputs[rows]
        columns = matrix.shape[1]
        if self.probs is None:
            found = inputs @ matrix  # rows x q
            if self.roots is not None:
                found *= self.roots[rows, None]
            return found[:, None]
        probs = self.probs[rows]
        # W has the classes outside and the inputs inside, as the Kronecker product has.
        blocks = (
            matrix.reshape(self.rank, -1, columns).transpose(0, 1).reshape(-1, self.rank * columns)
        )
        found = (inputs @ blocks).reshape(len(inputs), self.rank, columns)
        found -= torch.einsum("nc,ncq->nq", probs, found)[:, None]
        return found.mul_(probs.sqrt()[:, :, None])

    def dense(self, row: int) -> Tensor:
        """Return X_i, `[R, D]`."""
        inputs = self.inputs[row]
        if self.probs is None:
            return (inputs if self.roots is None else inputs * self.roots[row])[None]
        probs = self.probs[row]
        roots = probs.sqrt()
        return torch.kron(roots.diag() - torch.outer(roots, probs), inputs[None])

    def total(self) -> Tensor:
        """Return the sum of X_i' X_i, `[D, D]`."""
        whole = self.inputs.new_zeros(self.width, self.width)
        if self.probs is None:
            for rows in self.blocks(1):
                part = self.inputs[rows]
                if self.roots is not None:
                    part = part * self.roots[rows, None]
                whole += part.T @ part
            return whole
        size = self.inputs.shape[1]
        view = whole.view(self.rank, size, self.rank, size)
        for a in range(self.rank):
            for b in range(a, self.rank):
                weight = self.probs[:, a] * (float(a == b) - self.probs[:, b])
                view[a, :, b] = self.inputs.T @ (self.inputs * weight[:, None])
                view[b, :, a] = view[a, :, b].T
        return whole


class _Traces:
    """X_i A X_i' and X_i A F A X_i' of each sample, under changes of A."""

    def __init__(self, samples: Information, matrix: Tensor, target: Tensor) -> None:
        """Start from M (`matrix`) and F (`target`), both `[D, D]`."""
        self.samples, self.target = samples, target
        self.inverse = torch.cholesky_inverse(torch.linalg.cholesky(matrix))  # A
        shape = (len(samples), samples.rank, samples.rank)
        self.inside = samples.inputs.new_empty(shape)
        self.outside = samples.inputs.new_empty(shape)
        both = torch.cat((self.inverse, self.inverse @ target @ self.inverse), 1)
        for rows in samples.blocks(both.shape[1]):
            # X_i W X_i' by taking X_i from the right of (X_i W)'.
            for kept, half in zip((self.inside, self.outside), both.chunk(2, 1), strict=True):
                left = samples.times(half, rows)  # rows x R x D
                kept[rows] = _right(samples, left, rows)

    def changes(self, sign: int) -> np.ndarray:
        """Return by how much the trace falls (sign 1) or rises (-1) with each sample, `[N]`."""
        if self.samples.rank == 1:
            below = 1 + sign * self.inside[:, 0, 0]
            found = self.outside[:, 0, 0] / below.clamp_(min=torch.finfo(below.dtype).eps)
        elif sign == 1:
            found = self.inside.new_empty(len(self.samples))
            for rows in self.samples.blocks(self.samples.rank):
                # The samples innermost: one elimination for all of them. It works in place, on a
                # copy: of a single sample `contiguous()` would be the matrix that is kept.
                inside = self.inside[rows].permute(1, 2, 0)
                inside = inside.clone(memory_format=torch.contiguous_format)
                inside.diagonal(dim1=0, dim2=1).add_(1)
                outside = self.outside[rows].permute(1, 2, 0)
                found[rows] = (_inverted(inside) * outside).sum((0, 1))
        else:  # rounding can leave less than 0 of what is taken away: no matrix to divide by
            values, vectors = self._split(self.inside, sign)
            turned = (vectors * (self.outside @ vectors)).sum(1)  # v' T v for each eigenvector v
            found = (turned / values).sum(1)
        changes: np.ndarray = found.cpu().numpy()
        return changes

    @staticmethod
    def _split(inside: Tensor, sign: int) -> tuple[Tensor, Tensor]:
        """Return the eigenvalues, above 0, and the eigenvectors of I +- X A X'."""
        values, vectors = torch.linalg.eigh((inside + inside.mT) / 2)
        return (1 + sign * values).clamp_(min=torch.finfo(values.dtype).eps), vectors

    def move(self, row: int, sign: int) -> None:
        """Add the information of a sample to M (sign 1) or take it away (-1)."""
        along = self.inverse @ self.samples.dense(row).T  # D x R
        # A -+ A X' (I +- X A X')^-1 X A = A -+ U U'
        values, vectors = self._split(self.inside[row], sign)
        step = along @ (vectors / values.sqrt())  # U
        turned = self.inverse @ (self.target @ step)  # A F U
        between = step.T @ self.target @ step  # U' F U
        columns = torch.cat((step, turned), 1)
        for rows in self.samples.blocks(columns.shape[1]):
            left, right = self.samples.times(columns, rows).chunk(2, 2)  # X_i U, X_i A F U
            cross = left @ right.mT
            self.outside[rows] += left @ between @ left.mT - sign * (cross + cross.mT)
            self.inside[rows] -= sign * (left @ left.mT)
        self.inverse -= sign * (step @ step.T)


def _right(samples: Information, left: Tensor, rows: slice) -> Tensor:
    """Return L_i X_i' for L_i `[R, D]`: `[rows, R, R]`."""
    inputs = samples.inputs[rows]
    if samples.probs is None:
        found = (left[:, 0] * inputs).sum(1)
        if samples.roots is not None:
            found = found * samples.roots[rows]
        return found[:, None, None]
    probs = samples.probs[rows]
    blocks = left.reshape(len(inputs), samples.rank, samples.rank, -1)  # rows x R x C x d
    found = torch.einsum("nrcd,nd->nrc", blocks, inputs)
    found -= torch.einsum("nrc,nc->nr", found, probs)[:, :, None]
    return found * probs.sqrt()[:, None]


def _inverted(matrices: Tensor) -> Tensor:
    """Return the inverses of `[R, R, rows]`, in place: I plus what is never negative."""
    for k in range(len(matrices)):
        scale = matrices[k, k].reciprocal()
        row, column = matrices[k] * scale, matrices[:, k].clone()
        matrices -= column[:, None] * row
        matrices[k], matrices[:, k] = row, -column * scale
        matrices[k, k] = scale
    return matrices


def greedy_trace(
    samples: Information, matrix: Tensor, target: Tensor, n: int, oversample: float
) -> list[int]:
    """Return `n` rows: more are picked one after another, then the ones missed least are dropped.

    Args:
        samples: the candidates; equal changes are decided by the lower row.
        matrix: M before any pick, `[D, D]`, positive definite.
        target: F, `[D, D]`.
        n: at most as many as there are.
        oversample: how many times n are picked before dropping, at least 1.
    """
    size = min(len(samples), max(n, int(np.ceil(oversample * n))))
    forward = _Traces(samples, matrix, target)
    open_ = np.ones(len(samples), dtype=bool)
    picks: list[int] = []
    while len(picks) < size:
        row = int(np.where(open_, forward.changes(1), -np.inf).argmax())
        picks.append(row)
        open_[row] = False
        if len(picks) < size:
            forward.move(row, 1)
    if size == n:
        return picks
    chosen = samples.take(torch.tensor(picks, device=matrix.device))
    backward = _Traces(chosen, matrix + chosen.total(), target)
    kept = np.ones(size, dtype=bool)
    for left in range(size, n, -1):
        # Of equals the one picked last goes.
        losses = np.where(kept, backward.changes(-1), np.inf)[::-1]
        row = size - 1 - int(losses.argmin())
        kept[row] = False
        if left > n + 1:
            backward.move(row, -1)
    return [row for row, stays in zip(picks, kept.tolist(), strict=True) if stays]

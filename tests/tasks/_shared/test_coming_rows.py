"""Rows of a training set that are read in the order a data loader takes them."""

from __future__ import annotations

import copy
import threading
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader

from altasks.tasks._shared.coming_rows import ComingRows, announce


class Squares(Sequence[Any]):
    """A set that notes on which threads its rows were read, and in which order."""

    def __init__(self, count: int, workers: int) -> None:
        self.count = count
        self.read: list[tuple[int, bool]] = []
        self._coming = ComingRows(self.square, workers=workers, limit=3)

    def square(self, row: int) -> int:
        self.read.append((row, threading.current_thread() is threading.main_thread()))
        return row * row

    def expect(self, order: Sequence[int]) -> None:
        self._coming.expect(order)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, row: Any) -> Any:
        return self._coming.take(row)


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_a_loader_gives_the_same_batches(workers: int) -> None:
    def batches(announced: bool) -> tuple[Squares, list[list[int]]]:
        torch.manual_seed(0)
        rows = Squares(23, workers)
        loader: Any = DataLoader(rows, batch_size=4, shuffle=True)  # type: ignore[arg-type]
        if announced:
            announce(loader, rows)
        return rows, [batch.tolist() for _ in range(3) for batch in loader]

    rows, found = batches(True)
    plain, expected = batches(False)
    assert found == expected
    assert len(rows.read) == len(plain.read) == 3 * 23
    assert all(here for _, here in plain.read)
    assert all(here is (workers == 0) for _, here in rows.read)


def test_rows_out_of_order_are_read_at_once() -> None:
    rows = Squares(9, 1)
    rows.expect([1, 2, 3])
    assert [rows[row] for row in (1, 5, 2, 3, 3)] == [1, 25, 4, 9, 9]
    assert [row for row, here in rows.read if here] == [5, 3]


def test_what_is_no_longer_wanted_is_not_read() -> None:
    rows = Squares(1000, 1)
    rows.expect(range(1000))
    assert rows[0] == 0
    rows.expect([])
    assert rows[7] == 49
    assert len(rows.read) <= 6


def test_copies_announce_their_own_rows() -> None:
    rows = Squares(9, 2)
    rows.expect([1, 2, 3])
    assert rows[1] == 1
    other = copy.deepcopy(rows)
    assert [other[row] for row in (2, 3)] == [4, 9]
    assert [rows[row] for row in (2, 3)] == [4, 9]


def test_a_loader_of_other_rows_stays_as_it_is() -> None:
    loader: Any = DataLoader([1, 2, 3], batch_size=2)  # type: ignore[arg-type]
    before = loader.batch_sampler.sampler
    announce(loader, [1, 2, 3])
    assert loader.batch_sampler.sampler is before

import itertools

import pytest
import torch

from altasks._internal.chunks import pieces
from altasks.predictions import Categorical


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_pieces_cover_the_rows_in_order_and_are_views(order):
    whole = torch.arange(9000 * 5 * 6, dtype=torch.float32).reshape(9000, 5, 6)
    back = [order.index(dim) for dim in range(3)]
    strided = whole.permute(order).contiguous().permute(back)
    seen = []
    for piece in pieces(strided):
        assert piece.start == sum(len(part) for part in seen)
        assert piece.values.untyped_storage().data_ptr() == strided.untyped_storage().data_ptr()
        strides = piece.values.stride()
        assert list(strides) == sorted(strides, reverse=True)
        seen.append(piece.values.permute(piece.rows, piece.members, piece.last))
        assert torch.equal(piece.like(whole), piece.values)
    assert len(seen) > 1
    assert torch.equal(torch.cat(seen), whole)


def test_no_rows_no_pieces():
    assert list(pieces(torch.empty(0, 2, 3))) == []


def test_a_row_bigger_than_a_piece_is_a_piece():
    assert [piece.start for piece in pieces(torch.empty(3, 2, 100_000))] == [0, 1, 2]


@pytest.mark.parametrize("row", [0, 4321, 8999])
def test_a_bad_row_in_any_piece_is_found(row):
    probs = torch.full((9000, 5, 4), 0.25)
    for bad in (float("nan"), -0.5, 0.125):
        probs[row, 3, 2] = bad
        with pytest.raises(ValueError, match=f"row {row}, member 3"):
            Categorical(probs)

import numpy as np
from hypothesis import example, given
from hypothesis.extra.numpy import array_shapes, arrays

from altasks.data.masks.outlines import outlines
from altasks.data.masks.polygons import fill_polygon

RING = np.array([[1, 1, 1, 1, 1], [1, 0, 0, 0, 1], [1, 0, 1, 0, 1], [1, 0, 0, 0, 1], [1] * 5], bool)


def pieces(mask):
    """Count pieces of pixels that share a side, by spreading numbers until nothing changes."""
    number = np.where(mask, np.arange(1, mask.size + 1).reshape(mask.shape), 0)
    while True:
        padded = np.pad(number, 1)
        sides = [padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]]
        after = np.where(mask, np.maximum.reduce([number, *sides]), 0)
        if (after == number).all():
            return len(np.unique(number[mask]))
        number = after


@given(mask=arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=10)))
@example(mask=RING)
@example(mask=np.eye(4, dtype=bool) | np.eye(4, dtype=bool)[::-1])
@example(mask=np.indices((5, 5)).sum(0) % 2 == 0)
def test_they_cover_just_the_mask_each_piece_by_one(mask):
    found = outlines(mask)
    assert len(found) == pieces(mask)
    canvas = np.zeros(mask.shape, np.int32)
    for corners in found:
        alone = np.zeros(mask.shape, np.int32)
        fill_polygon(alone, corners.astype(float), 1)
        assert not (canvas & alone).any()
        canvas |= alone
    assert (canvas.astype(bool) == mask).all()


def test_nothing_and_a_large_mask():
    assert outlines(np.zeros((3, 3), bool)) == []
    rows, columns = np.indices((600, 800))
    disc = (rows - 300) ** 2 + (columns - 400) ** 2 < 250**2
    (corners,) = outlines(disc)
    canvas = np.zeros(disc.shape, np.int32)
    fill_polygon(canvas, corners.astype(float), 1)
    assert (canvas.astype(bool) == disc).all()

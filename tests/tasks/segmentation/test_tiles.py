import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from altasks.errors import InvalidInputError
from altasks.tasks.segmentation.tiles import cut, strips


@given(
    st.integers(1, 90),
    st.integers(1, 90),
    st.sampled_from([1, 4, 8]),
    st.integers(2, 6),
    st.integers(0, 7),
)
def test_each_pixel_is_one_tiles_and_far_from_its_cuts(height, width, stride, sides, overlap):
    tile = stride * sides
    overlap = min(overlap, (tile - stride) // 2)
    seen = np.zeros((height, width), int)
    for one in cut(height, width, tile=tile, overlap=overlap, stride=stride):
        top, left, bottom, right = one.own
        seen[top:bottom, left:right] += 1
        assert one.top % stride == one.left % stride == 0
        assert one.height % stride == one.width % stride == 0
        assert max(one.height, one.width) <= tile
        assert one.top == 0 or top - one.top >= overlap
        assert one.left == 0 or left - one.left >= overlap
        assert bottom == height or one.top + one.height - bottom >= overlap
        assert right == width or one.left + one.width - right >= overlap
    assert (seen == 1).all()


@pytest.mark.parametrize("rows", [None, 1, 3, 100])
@pytest.mark.parametrize("low", [(2, 3), (8, 12), (16, 24), (5, 7)])
def test_strips_are_the_softmax_of_upsampled_logits(rows, low):
    generator = torch.Generator().manual_seed(0)
    maps = [torch.randn(4, *low, generator=generator), torch.randn(4, 16, 24, generator=generator)]
    (tile,) = cut(13, 22, tile=24, overlap=0, stride=8)
    assert (tile.height, tile.width) == (16, 24)
    found = torch.cat([probs for _, probs in strips(maps, tile, rows=rows)], 2)
    expected = torch.stack(
        [
            torch.nn.functional.interpolate(
                one[None], size=(16, 24), mode="bilinear", align_corners=False
            )[0].softmax(0)
            for one in maps
        ]
    )[:, :, :13, :22]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


def test_logits_that_are_not_finite_are_refused():
    (tile,) = cut(4, 4, tile=4, overlap=0, stride=4)
    with pytest.raises(InvalidInputError, match="finite"):
        list(strips([torch.full((2, 4, 4), torch.nan)], tile))

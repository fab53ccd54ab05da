import numpy as np
import pytest

from altasks.data import clicks, decode_mask, estimate_clicks, region_labels, region_pool
from altasks.errors import InvalidInputError


def picture(height=20, width=30, seed=0):
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 255, (4, 6, 3), np.uint8)
    return coarse.repeat(-(-height // 4), 0).repeat(-(-width // 6), 1)[:height, :width]


@pytest.mark.parametrize("how", ["grid:8", "grid:100", "slic:9"])
def test_regions_cover_an_image_and_their_masks_make_its_mask(how):
    pytest.importorskip("PIL", reason="needs the extra vision")
    if how.startswith("slic"):
        pytest.importorskip("skimage", reason="needs the extra segmentation")
    images = {"a": picture(), "b": picture(12, 9, 1)}
    masks = {name: (one[:, :, 0] > 90).astype(np.uint8) for name, one in images.items()}
    masks["a"][:3] = 255
    pool = region_pool(images, how)
    labels = region_labels(pool, masks)
    for name, mask in masks.items():
        merged = np.full(mask.shape, 255)
        pixels = 0
        for one in pool.ids:
            region = pool[one]
            if region.of != name:
                continue
            pixels += region.pixels
            assert region.cover().sum() == region.pixels
            if one in labels:
                part = decode_mask(labels[one])
                assert (merged[part != 255] == 255).all()
                merged = np.where(part == 255, merged, part)
        np.testing.assert_array_equal(merged, mask)
        assert pixels == mask.size


def test_the_division_is_checked():
    for how in ("grid", "grid:0", "tree:3", "slic:x", 8):
        with pytest.raises(InvalidInputError, match="grid:SIDE"):
            region_pool({"a": picture()}, how)
    pool = region_pool({"a": picture()}, "grid:8")
    with pytest.raises(InvalidInputError, match="image 'a'"):
        region_labels(pool, {"a": np.zeros((3, 3), int)})


def test_clicks_count_corners():
    pytest.importorskip("skimage", reason="needs the extra segmentation")
    square = np.zeros((20, 20), np.uint8)
    assert estimate_clicks(square) < estimate_clicks(np.pad(np.ones((8, 8), np.uint8), 6))
    assert estimate_clicks(np.full((4, 4), 255)) == 1
    assert clicks is estimate_clicks

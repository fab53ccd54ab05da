"""Images and regions of images: whose each pixel of a pass is."""

import numpy as np
import pytest
import torch

from altasks.data import region_pool
from altasks.errors import UnreadableSampleError
from altasks.tasks.segmentation.regions import (
    frame_of,
    groups,
    image_frame,
    pixel_count,
    pixel_order,
    reread_rows,
    shares,
    shown,
)
from altasks.tasks.segmentation.tiled_inference import Piece

pytest.importorskip("PIL.Image", reason="needs the extra segmentation")


def image(height=13, width=17, channels=3, seed=0):
    shape = (height, width, channels)
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


@pytest.mark.parametrize("kind", ["grid:5", "slic:4"])
def test_the_pieces_of_an_image_give_each_region_its_pixels_once(kind):
    pytest.importorskip("skimage", reason="superpixels need the extra segmentation")
    pool = region_pool([image()], kind)
    samples = [pool[name] for name in pool.ids]
    assert [len(group.members) for group in groups(samples)] == [len(samples)]
    assert sum(pixel_count(sample, 3) for sample in samples) == 13 * 17
    probs = torch.arange(13 * 17.0).reshape(1, 1, 13, 17)
    found = {place: [] for place in range(len(samples))}
    covers = {}
    for top in (0, 6):
        rows = probs[:, :, top : 6 if top == 0 else 13]
        for share in shares(Piece(0, top, 0, rows, None), samples, list(found), covers):
            assert share.probs.shape[2] == len(share.rows) == len(share.columns)
            places = (share.rows * 17 + share.columns).tolist()
            assert share.probs[0, 0].tolist() == places
            found[share.place] += places
    for place, sample in enumerate(samples):
        top, left, bottom, right = frame_of(sample, image_frame(sample, 3))
        order = pixel_order(sample, 3)
        assert order.shape == (bottom - top, right - left)
        rows, columns = np.nonzero(order >= 0)
        assert sorted(found[place]) == ((rows + top) * 17 + columns + left).tolist()
        assert order[rows, columns].tolist() == list(range(pixel_count(sample, 3)))
    assert sorted(place for mine in found.values() for place in mine) == list(range(13 * 17))


def test_errors_name_the_samples_and_not_their_images():
    pool = region_pool([image(), image(seed=1)], "grid:9")
    samples = [pool[name] for name in pool.ids]
    found = groups(samples)
    error = reread_rows(UnreadableSampleError("it is broken", {1: "broken"}), found)
    assert error.rows == dict.fromkeys(found[1].members, "broken")


@pytest.mark.parametrize("channels", [1, 3, 12])
def test_a_sample_is_shown_whatever_its_channels(channels):
    whole = image(channels=channels)
    assert shown(whole, channels).size == (17, 13)
    pool = region_pool([whole], "grid:5")
    region = pool[pool.ids[-1]]
    top, left, bottom, right = region.box
    assert shown(region, channels).size == (right - left, bottom - top)

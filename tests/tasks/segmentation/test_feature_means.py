"""Features of images and regions, averaged window by window."""

import numpy as np
import pytest
import torch

from altasks.data import region_pool
from altasks.tasks.segmentation.feature_means import FeatureMean
from altasks.tasks.segmentation.tiles import cut

pytest.importorskip("PIL.Image", reason="needs the extra segmentation")


def image(height, width):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize("kind", ["grid:8", "grid:11", "slic:6"])
@pytest.mark.parametrize(("cell", "tile"), [(1, 64), (4, 64), (4, 16)])
def test_a_region_has_the_average_over_its_own_pixels(kind, cell, tile):
    """Each pixel has the features of its cell, in the window whose own it is."""
    pytest.importorskip("skimage", reason="superpixels need the extra segmentation")
    height, width = 22, 37
    pool = region_pool([image(height, width)], kind)
    samples = [pool[name] for name in pool.ids]
    means = [FeatureMean(sample) for sample in samples]
    whole = FeatureMean(image(height, width))
    of_pixel = np.zeros((5, height, width))
    rng = torch.Generator().manual_seed(0)
    average, shares = torch.zeros(5, dtype=torch.float64), 0
    for one in cut(height, width, tile=tile, overlap=4, stride=4):
        maps = torch.randn(5, one.height // cell, one.width // cell, generator=rng)
        for mean in [*means, whole]:
            mean.add(maps, one)
        top, left, bottom, right = one.own
        large = maps.repeat_interleave(cell, 1).repeat_interleave(cell, 2).numpy()
        of_pixel[:, top:bottom, left:right] = large[
            :, top - one.top : bottom - one.top, left - one.left : right - one.left
        ]
        share = (bottom - top) * (right - left)
        average += share * maps.double().mean((1, 2))
        shares += share
    for sample, mean in zip(samples, means, strict=True):
        top, left, bottom, right = sample.box
        inside = of_pixel[:, top:bottom, left:right][:, sample.cover()]
        np.testing.assert_allclose(mean.result(), inside.mean(1), atol=1e-5)
    np.testing.assert_allclose(whole.result(), average / shares, atol=1e-5)

"""What a detector's neck holds at each box, and boxes as rows that strategies compare."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import grid_sample, normalize

from altasks.predictions import Categorical, Ragged

#: The least score of a box that is there, since 0 says that there is none.
_LEAST = 1e-6


def box_embeddings(maps: Sequence[Tensor], boxes: Tensor, size: Sequence[int]) -> Tensor:
    """Return the features at the middle of each box, `[n, d]` of length 1, float32.

    Every level of the feature pyramid is read there, between the cells by bilinear interpolation,
    and scaled to an equal length, so that each counts alike however its numbers are scaled, and
    boxes found at different levels can be compared. Near the border it is the outermost cell's.

    Args:
        maps: of each level `[d_l, h_l, w_l]`, the input of the detection head for one image.
        boxes: `[n, 4]`, x1, y1, x2, y2 in pixels of what the network saw.
        size: (height, width) of that.

    Example:
        >>> maps = [torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]])]  # two features, two cells
        >>> box_embeddings(maps, torch.tensor([[0.0, 0, 8, 8], [8, 0, 16, 8]]), (8, 16)).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    height, width = size
    middle = (boxes[:, :2] + boxes[:, 2:4]).float() / 2
    # grid_sample counts from -1 to 1 over the map.
    grid = middle / middle.new_tensor([width, height]) * 2 - 1
    parts = []
    for level in maps:
        seen = grid_sample(
            level[None].float(), grid[None, None], padding_mode="border", align_corners=False
        )
        parts.append(normalize(seen[0, :, 0].T, dim=1))
    return torch.cat(parts, 1).div_(len(parts) ** 0.5)


def boxes_as_rows(prediction: Ragged, classes: int, *, most: int, width: int) -> Tensor:
    """Return the most confident boxes of each image, `[n, most, 2 + d]` float32, on the CPU.

    A row has the class, the confidence and the embedding. Embeddings of more than `width` numbers
    are multiplied by a random matrix, always the same, which changes cosines by about
    1 / sqrt(width) (Johnson and Lindenstrauss 1984): what is kept of a pool stays small.

    Args:
        prediction: with the fields `conf` and `embeddings`.
        classes: how many columns of the units are classes.
        most: of an image; others are left out. Fewer leave rows of zeros.
        width: of an embedding, at most.
    """
    units = prediction.units
    assert isinstance(units, Categorical)
    best = units.mean_probs[:, :classes].argmax(1).cpu()
    conf = torch.as_tensor(prediction.fields["conf"]).float().cpu()
    points = torch.as_tensor(prediction.fields["embeddings"]).float().cpu()
    if points.shape[1] > width:
        rng = np.random.default_rng(0)
        turned = rng.standard_normal((points.shape[1], width)) / np.sqrt(width)
        points = points @ torch.from_numpy(turned).float()
    rows = torch.zeros(len(prediction), most, 2 + points.shape[1])
    offsets = prediction.offsets.tolist()
    for n in range(len(prediction)):
        mine = slice(offsets[n], offsets[n + 1])
        chosen = conf[mine].argsort(descending=True, stable=True)[:most]
        rows[n, : len(chosen), 0] = best[mine][chosen].float()
        rows[n, : len(chosen), 1] = conf[mine][chosen].clamp_min(_LEAST)
        rows[n, : len(chosen), 2:] = points[mine][chosen]
    return rows

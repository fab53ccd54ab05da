import math

import numpy as np
import pytest
import torch

from altasks.tasks.segmentation.loss import StagedLoss, at_size, cross_entropy_and_dice


def by_hand(logits, target):
    """Pixel by pixel, from the definition."""
    probs = logits.double().softmax(1).numpy()
    known = [index for index in np.ndindex(*target.shape) if int(target[index]) != -100]
    picked = [probs[n, int(target[n, y, x]), y, x] for n, y, x in known]
    entropy = -np.mean([math.log(p) for p in picked])
    dice = []
    for c in sorted({int(target[index]) for index in known}):
        common = sum(probs[n, c, y, x] for n, y, x in known if int(target[n, y, x]) == c)
        total = sum(probs[n, c, y, x] for n, y, x in known)
        count = sum(int(target[index]) == c for index in known)
        dice.append(1 - (2 * common + 1) / (total + count + 1))
    return entropy + np.mean(dice)


def make():
    generator = torch.Generator().manual_seed(1)
    logits = 2 * torch.randn(2, 3, 4, 5, generator=generator)
    target = torch.randint(0, 3, (2, 4, 5), generator=generator)
    target[0, 0] = -100
    return logits, target


def test_it_is_the_definition():
    logits, target = make()
    assert float(cross_entropy_and_dice(logits, target)) == pytest.approx(
        by_hand(logits, target), rel=1e-5
    )


def test_void_pixels_and_weights_of_zero_do_not_count():
    logits, target = make()
    other = logits.clone()
    other[0, :, 0] = 9.0
    assert torch.equal(
        cross_entropy_and_dice(logits, target), cross_entropy_and_dice(other, target)
    )
    weights = torch.tensor([0.0, 1.0])
    other[0] = -3.0
    torch.testing.assert_close(
        cross_entropy_and_dice(logits, target, weights),
        cross_entropy_and_dice(other, target, weights),
    )
    nothing = cross_entropy_and_dice(logits, torch.full_like(target, -100))
    assert float(nothing) == 0


def test_a_smaller_map_sees_the_classes_at_its_cells_centres():
    target = torch.arange(16).reshape(1, 4, 4)
    assert at_size(target, 2, 2).tolist() == [[[5, 7], [13, 15]]]
    assert at_size(target, 4, 4) is target


def test_stages_are_weighted_and_parts_of_a_step_sum_to_it():
    logits, target = make()
    outputs = {"logits": [logits, 0.5 * logits], "weights": None}
    loss = StagedLoss([0.5, 1.0], None, weighted=False)
    expected = (
        0.5 * cross_entropy_and_dice(logits, target) + cross_entropy_and_dice(0.5 * logits, target)
    ) / 1.5
    torch.testing.assert_close(loss(outputs, target), expected)
    known = (target != -100).sum()
    torch.testing.assert_close(loss(outputs, target, 2 * known), expected / 2)
    small = {"logits": [logits, 0.5 * logits[:, :, ::2, ::2]], "weights": None}
    assert torch.isfinite(loss(small, target))


@pytest.mark.parametrize("own", [None, torch.nn.CrossEntropyLoss()])
def test_where_nothing_is_labelled_nothing_is_lost(own):
    logits, target = make()
    logits.requires_grad_()
    few = torch.full_like(target, -100)
    few[:, 0, 0] = 1  # at no centre of the smaller map's cells
    outputs = {"logits": [logits[:, :, ::2, ::2], logits], "weights": None}
    loss = StagedLoss([0.5, 1.0], own, weighted=False)
    assert torch.isfinite(loss(outputs, few))
    nothing = loss(outputs, torch.full_like(target, -100), torch.tensor(0))
    nothing.backward()
    assert float(nothing.detach()) == 0
    assert not logits.grad.any()

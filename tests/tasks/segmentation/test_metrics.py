import numpy as np
import pytest
import torch

from altasks.tasks.segmentation.metrics import Confusion


def test_it_says_what_torchmetrics_says():
    classification = pytest.importorskip(
        "torchmetrics.classification", reason="needs the extra segmentation"
    )
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 4, (3, 9, 11))
    guess = np.where(rng.random(truth.shape) < 0.6, truth, rng.integers(0, 4, truth.shape))
    truth[0, :3] = -100
    table = Confusion(4)
    for one, other in zip(truth, guess, strict=True):  # piece by piece
        table.add(one[:4], other[:4])
        table.add(one[4:], other[4:])
    found = table.metrics(list("abcd"))
    given = torch.from_numpy(guess), torch.from_numpy(truth)
    common = {"num_classes": 4, "ignore_index": -100, "average": None}
    iou = classification.MulticlassJaccardIndex(**common)(*given)
    dice = classification.MulticlassF1Score(**common)(*given)
    assert [found[f"iou_{c}"] for c in "abcd"] == pytest.approx(iou.tolist())
    assert [found[f"dice_{c}"] for c in "abcd"] == pytest.approx(dice.tolist())
    assert found["mean_iou"] == pytest.approx(float(iou.mean()))
    known = truth != -100
    assert found["pixel_accuracy"] == pytest.approx((truth == guess)[known].mean())


def test_a_class_that_never_occurs_has_no_share():
    table = Confusion(3)
    table.add(np.array([[0, 1]]), np.array([[0, 0]]))
    assert "iou_c" not in table.metrics(list("abc"))
    assert table.metrics(list("abc"))["mean_iou"] == 0.25

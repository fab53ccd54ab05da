from __future__ import annotations

import pytest

from altasks.errors import InvalidInputError
from altasks.tasks.segmentation.settings import fit_arguments, weights_of_stages, windows


def test_windows_are_whole_strides():
    assert windows(100, 8, 32) == (128, 8)
    assert windows(64, 16, 32) == (64, 16)


@pytest.mark.parametrize("overlap", [-1, 17])
def test_an_overlap_leaves_a_stride_of_its_window(overlap):
    with pytest.raises(InvalidInputError, match="overlap: expected 0 to 16 in a tile of 64"):
        windows(64, overlap, 32)


def test_early_stages_weigh_less_unless_told():
    assert weights_of_stages(None, 3) == [0.4, 0.4, 1.0]
    assert weights_of_stages([0, 1, 2], 3) == [0.0, 1.0, 2.0]


@pytest.mark.parametrize("told", [[1.0], [0, 0], [1, float("nan")], [2, -1]])
def test_weights_that_cannot_be(told):
    with pytest.raises(InvalidInputError, match="stage_weights"):
        weights_of_stages(told, 2)


def test_few_labels_are_looked_at_often_and_what_is_told_stays():
    assert fit_arguments(None, 8)["num_train_epochs"] == 100
    assert fit_arguments(None, 800)["num_train_epochs"] == 3
    told = fit_arguments({"num_train_epochs": 2, "per_device_train_batch_size": 4}, 8)
    assert (told["num_train_epochs"], told["per_device_eval_batch_size"]) == (2, 4)
    own = object()
    assert fit_arguments(own, 8) is own

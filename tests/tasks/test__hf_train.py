from __future__ import annotations

import gc

import pytest
import torch

from altasks.tasks._hf_train import (
    MINIMUM_STEPS,
    _denormals_flushed,
    _young_garbage_only,
    default_arguments,
)


@pytest.mark.parametrize("samples", [1, 12, 50, 200, 640, 2000])
def test_epochs_follow_from_the_number_of_labels(samples):
    settings = default_arguments(samples, 768, torch.device("cpu"), {})
    steps = settings["num_train_epochs"] * -(-samples // settings["per_device_train_batch_size"])
    assert 3 <= settings["num_train_epochs"] <= 40
    assert steps >= MINIMUM_STEPS or settings["num_train_epochs"] == 40


def test_the_learning_rate_follows_from_the_width():
    def rate(width: int) -> float:
        return default_arguments(10, width, torch.device("cpu"), {})["learning_rate"]

    assert rate(768) == pytest.approx(5e-5)
    assert rate(384) == pytest.approx(2e-4)
    assert rate(1024) == pytest.approx(2.8e-5, rel=0.01)
    assert rate(32) == 1e-3


def test_overrides_win():
    assert (
        default_arguments(10, 768, torch.device("cpu"), {"learning_rate": 1})["learning_rate"] == 1
    )


def is_flushed() -> bool:
    return (torch.tensor(1e-40) * 1.0).item() == 0.0


def test_denormals_are_flushed_meanwhile_only():
    if not torch.set_flush_denormal(True):
        pytest.skip("this CPU can't flush denormals")
    try:
        for before in (True, False):
            torch.set_flush_denormal(before)
            with pytest.raises(RuntimeError, match="stop"), _denormals_flushed(torch.device("cpu")):  # noqa: PT012
                assert is_flushed()
                raise RuntimeError("stop")
            assert is_flushed() == before
    finally:
        torch.set_flush_denormal(False)


def test_objects_someone_froze_stay_frozen():
    assert gc.get_freeze_count() == 0
    with _young_garbage_only():
        assert gc.get_freeze_count() > 0
    assert gc.get_freeze_count() == 0
    gc.freeze()
    try:
        frozen = gc.get_freeze_count()
        with _young_garbage_only():
            pass
        assert gc.get_freeze_count() == frozen
    finally:
        gc.unfreeze()

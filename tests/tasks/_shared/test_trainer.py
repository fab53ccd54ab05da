from __future__ import annotations

import gc
import math
from contextlib import nullcontext

import pytest
import torch
import transformers

from altasks.errors import InvalidInputError
from altasks.tasks._shared.frozen.part import FrozenPart
from altasks.tasks._shared.trainer import (
    MINIMUM_STEPS,
    _young_garbage_only,
    check_arguments,
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


@pytest.mark.parametrize("samples", [12, 50, 200, 2000])
@pytest.mark.parametrize(
    "overrides",
    [
        {"per_device_train_batch_size": 64},
        {"per_device_train_batch_size": 4},
        {"gradient_accumulation_steps": 4},
        {"per_device_train_batch_size": 8, "gradient_accumulation_steps": 3},
        {"per_device_train_batch_size": 10, "dataloader_drop_last": True},
    ],
)
def test_steps_are_counted_for_the_batch_there_is(samples, overrides):
    settings = default_arguments(samples, 768, torch.device("cpu"), overrides)
    batch = settings["per_device_train_batch_size"]
    whole = settings.get("dataloader_drop_last")
    batches = samples // batch if whole else math.ceil(samples / batch)
    steps = math.ceil(batches / settings.get("gradient_accumulation_steps", 1))
    epochs = settings["num_train_epochs"]
    assert 3 <= epochs <= 40
    assert epochs * steps >= MINIMUM_STEPS or epochs == 40
    assert epochs == 3 or (epochs - 1) * steps < MINIMUM_STEPS


def test_a_seed_among_the_settings_is_refused_not_dropped():
    with pytest.raises(InvalidInputError, match=r"without 'seed', found seed=7.*fit\(seed="):
        check_arguments({"seed": 7, "max_steps": 2})
    check_arguments({"data_seed": 7})
    check_arguments({"seed": None})


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


@pytest.mark.parametrize("layers", [0, 1, 2])
def test_lower_layers_stay_as_they_are(layers):
    config = transformers.BertConfig(
        vocab_size=20, hidden_size=8, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=8,
    )  # fmt: skip
    model = transformers.BertForSequenceClassification(config)
    model.bert.pooler.dense.bias.requires_grad_(False)  # someone else's choice
    part = FrozenPart(model, layers, head=model.classifier, cache=None) if layers else None
    with nullcontext() if part is None else part.fitting():
        trained = {name for name, one in model.named_parameters() if one.requires_grad}
    assert not any(name.startswith("bert.embeddings") for name in trained) or layers == 0
    for layer in range(2):
        assert any(f"layer.{layer}." in name for name in trained) == (layer >= layers)
    assert "classifier.weight" in trained
    left = [name for name, one in model.named_parameters() if not one.requires_grad]
    assert left == ["bert.pooler.dense.bias"]


def test_more_layers_than_there_are():
    config = transformers.BertConfig(
        vocab_size=20, hidden_size=8, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=8,
    )  # fmt: skip
    model = transformers.BertForSequenceClassification(config)
    with pytest.raises(InvalidInputError, match=r"frozen_layers: expected 0 to 2, .*found 3"):
        FrozenPart(model, 3, head=None, cache=None)
    with pytest.raises(InvalidInputError, match="a model with a list of equal layers"):
        FrozenPart(torch.nn.Linear(2, 2), 1, head=None, cache=None)

"""NumPy's whole numbers in every task's arguments, as they come out of arrays and tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from torch import nn

import altasks as al
from altasks.errors import InvalidInputError

N = np.int64


def net(last: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, last, 1))


def classifier() -> nn.Module:
    return nn.Sequential(net(4), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))


def test_regression_is_fitted_and_saved(tmp_path: Any) -> None:
    rows = list(np.random.default_rng(0).normal(size=(12, 3)))
    options = {"features": N(3), "targets": N(1), "hidden": [N(8)], "batch_size": N(4)}
    task = al.Regression(**options, training_args={"max_steps": 2})
    task.fit(rows, [float(row.sum()) for row in rows], seed=N(3))
    task.save(tmp_path)
    again = al.Regression(**options)
    again.load(tmp_path)
    assert np.array_equal(again.predict(rows).mean, task.predict(rows).mean)


def test_segmentation(tmp_path: Any) -> None:
    pytest.importorskip("PIL")
    pictures = [np.full((12, 12, 3), shade, np.uint8) for shade in (10, 200)]
    masks = [np.full((12, 12), shade, np.uint8) for shade in (0, 1)]
    options = {"labels": ["a", "b"], "stages": ["0"], "stride": N(4), "batch_size": N(2)}
    task = al.Segmentation(
        net(2), **options, boundary=N(2), crop=N(8), training_args={"max_steps": 1}
    )
    task.fit(pictures, masks, seed=1)
    task.save(tmp_path)
    for wrong in ({"boundary": -1}, {"crop": 0}, {"crop": 8.0}):
        with pytest.raises(InvalidInputError, match=next(iter(wrong))):
            al.Segmentation(net(2), **options, **wrong)


def test_image_classification(tmp_path: Any) -> None:
    pytest.importorskip("PIL")
    for size in (N(8), (N(8), N(10))):
        task = al.ImageClassification(
            classifier(), labels=["a", "b"], input_size=size, workers=N(0)
        )
        assert len(task.predict([np.zeros((8, 8, 3), np.uint8)])) == 1
    task.save(tmp_path)
    with pytest.raises(InvalidInputError, match="input_size"):
        al.ImageClassification(classifier(), labels=["a", "b"], input_size=8.0)


def test_words(tiny_tagger: Any, tmp_path: Any) -> None:
    task = al.NER(
        tiny_tagger,
        max_length=N(20),
        overlap=N(2),
        frozen_layers=N(1),
        committee=al.MCDropout(N(3), layers="head"),
    )
    assert task.predict([["Ada", "wrote"]]).members == 3
    task.save(tmp_path)
    for wrong in ({"max_length": 20.0}, {"overlap": -1}, {"frozen_layers": 0.5}):
        with pytest.raises(InvalidInputError, match=next(iter(wrong))):
            al.NER(tiny_tagger, **wrong)


def test_readers_of_lines() -> None:
    pytest.importorskip("PIL")
    reader = al.CRNN("abc", height=N(32), channels=N(8), hidden=N(4))
    assert type(reader.height) is int
    al.OCR(reader, beam=N(2), batch_size=N(2), committee=N(2))
    for wrong in ({"beam": 0}, {"beam": 1.5}, {"committee": True}):
        with pytest.raises(InvalidInputError, match=next(iter(wrong))):
            al.OCR(reader, **wrong)

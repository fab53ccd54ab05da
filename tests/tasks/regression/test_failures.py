"""Fits that fail, settings that are damaged, and targets in frames."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
import transformers
from torch import nn

from altasks._internal.random import isolated
from altasks.committees import BayesByBackprop, MCDropout
from altasks.errors import InvalidInputError
from altasks.tasks import Regression

FAST = {"max_steps": 5}


@pytest.fixture(scope="module")
def rows():
    return np.random.default_rng(0).normal(size=(12, 2))


@pytest.fixture(scope="module")
def targets(rows):
    return (100 + 20 * rows[:, 0]).tolist()


class Stops(transformers.TrainerCallback):
    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == 2:
            raise RuntimeError("stopped")


@pytest.mark.parametrize("warm", [False, True])
def test_a_failed_fit_leaves_no_trace(rows, targets, warm):
    task = Regression(features=2, training_args=FAST, warm_start=warm)
    fresh = task.model.state_dict()
    fresh = {name: value.clone() for name, value in fresh.items()}
    task.fit(rows, targets, seed=0)
    task.callbacks = [Stops()]
    with pytest.raises(RuntimeError, match="stopped"):
        task.fit(rows * 5, [10 * one for one in targets], seed=1)
    assert all(torch.equal(fresh[name], one) for name, one in task.model.state_dict().items())
    with pytest.warns(UserWarning, match=r"fit\(\) failed"):
        task.predict(rows)
    task.callbacks = None
    task.fit(rows, targets, seed=2)
    clean = Regression(features=2, training_args=FAST, warm_start=warm)
    clean.fit(rows, targets, seed=2)
    assert torch.equal(task.predict(rows).mean, clean.predict(rows).mean)


def test_a_refused_fit_changes_nothing(rows, targets):
    task = Regression(features=2, training_args=FAST)
    task.fit(rows, targets, seed=0)
    before = task.predict(rows).mean
    with pytest.raises(InvalidInputError, match="row 1"):
        task.fit(rows * 5, [1.0, float("nan"), *targets[2:]], seed=0)
    with pytest.raises(InvalidInputError, match="weights"):
        task.fit(rows * 5, targets, seed=0, weights=[-1.0] * 12)
    task.model.net[-1].requires_grad_(False)
    with pytest.raises(InvalidInputError, match="needs no gradient"):
        task.fit(rows * 5, targets, seed=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert torch.equal(task.predict(rows).mean, before)


@pytest.mark.parametrize(
    ("key", "value", "found"),
    [
        ("scaling", ..., "no 'scaling'"),
        ("variance_floor", ..., "no 'variance_floor'"),
        ("columns", ..., "no 'columns'"),
        ("scaling", {"mean": [0.0]}, "no 'scale'"),
        ("scaling", {"mean": [0.0, 1.0], "scale": [1.0, 1.0]}, "of 1 columns"),
        ("inputs", {"mean": [0.0], "scale": [1.0]}, "of 2 columns"),
        ("inputs", {"mean": ["a", 1], "scale": [1.0, 1.0]}, "ValueError"),
        ("inputs", 7, "TypeError"),
        ("variance_floor", -1.0, "variance_floor -1"),
        ("variance_floor", "big", "ValueError"),
        ("features", "two", "features"),
    ],
)
def test_damaged_settings_are_named_and_nothing_is_changed(
    rows, targets, tmp_path, key, value, found
):
    task = Regression(features=2, training_args=FAST)
    task.fit(rows, targets, seed=0)
    task.save(tmp_path)
    before = task.predict(rows).mean
    task.fit(rows, targets[::-1], seed=3)
    after = task.predict(rows).mean
    path = tmp_path / "altasks.json"
    settings = json.loads(path.read_text())
    damaged = {name: one for name, one in settings.items() if name != key}
    path.write_text(json.dumps(damaged if value is ... else {**damaged, key: value}))
    with pytest.raises(InvalidInputError, match=found):
        task.load(tmp_path)
    assert torch.equal(task.predict(rows).mean, after)
    if key == "features":
        with pytest.raises(InvalidInputError, match=r"altasks\.json whole, found 'two' features"):
            Regression(training_args=FAST).load(tmp_path)
    path.write_text(json.dumps(settings))
    task.load(tmp_path)
    assert torch.equal(task.predict(rows).mean, before)


def test_frames_of_rows_and_targets(rows, targets):
    frame = pd.DataFrame(rows, columns=["a", "b"], index=range(30, 42))
    wide = pd.DataFrame({"v": targets, "u": targets[::-1]}, index=frame.index)
    task = Regression(targets=["u", "v"], training_args=FAST)
    task.fit(frame, wide.sample(frac=1, random_state=0), seed=0)
    plain = Regression(targets=["u", "v"], training_args=FAST)
    plain.fit(rows, list(zip(targets[::-1], targets, strict=True)), seed=0)
    assert torch.equal(task.predict(frame).mean, plain.predict(rows).mean)
    assert task.evaluate(frame, wide) == plain.evaluate(
        rows, list(zip(targets[::-1], targets, strict=True))
    )
    with pytest.raises(InvalidInputError, match="labels: expected the columns 'u', 'v', found 'v'"):
        task.fit(frame, wide[["v"]].assign(w=1.0), seed=0)
    one = Regression(training_args=FAST)
    one.fit(frame, wide[["v"]], seed=0)
    again = Regression(training_args=FAST)
    again.fit(rows, targets, seed=0)
    assert torch.equal(one.predict(frame).mean, again.predict(rows).mean)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_texts(tiny_bert, dtype):
    model = transformers.AutoModelForSequenceClassification.from_pretrained(
        tiny_bert, num_labels=2, ignore_mismatched_sizes=True
    ).to(dtype)
    task = Regression(model, tokenizer=str(tiny_bert), training_args=FAST)
    task.predict(["rain", "wind"])
    with pytest.warns(UserWarning, match="brought to float32"):
        task.fit(["rain", "wind", "sun"], [1.0, 2.0, 3.0], seed=0)
    assert bool(torch.isfinite(task.predict(["rain"]).mean).all())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("committee", [MCDropout(4), BayesByBackprop(4)])
def test_half_precision_tables(rows, targets, dtype, committee):
    def make(of):
        with isolated(0):
            net = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Dropout(0.1), nn.Linear(8, 2))
        net = net.to(dtype).to(of)
        return Regression(net, features=2, training_args=FAST, committee=committee)

    half, whole = make(dtype), make(torch.float32)
    with pytest.warns(UserWarning, match="brought to float32"):
        half.fit(rows, targets, seed=0)
    whole.fit(rows, targets, seed=0)
    assert {one.dtype for one in half.model.parameters()} == {torch.float32}
    found, expected = half.predict(rows), whole.predict(rows)
    assert found.members == 4
    # The spreads that Bayes by backprop begins with are rounded like the weights.
    torch.testing.assert_close(found.mean, expected.mean, rtol=1e-3, atol=1e-3)

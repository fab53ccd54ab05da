"""Doubt about boxes by the difficulty of their classes, against loops over boxes."""

import itertools
import math

import numpy as np
import pytest
import torch

import altasks as al
from altasks.acquisition import difficulty_weights
from altasks.errors import InvalidInputError, UnsupportedPredictionError


def boxes(lengths, classes=3, members=1, seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    total = sum(lengths)
    probs = rng.dirichlet(np.ones(classes + 1), (total, members))
    conf = torch.from_numpy(rng.uniform(0, 1, total).astype(dtype))
    conf[:2] = torch.tensor([0.0, 1.0], dtype=conf.dtype)[: len(conf[:2])]
    return al.Ragged(al.Categorical(probs.astype(dtype)), lengths, {"conf": conf})


def by_hand(prediction, quality, alpha=0.3, strength=0.2, least=0.05):
    scores, row = [], 0
    for length in prediction.lengths.tolist():
        total = 0.0
        for _ in range(length):
            s = float(prediction.fields["conf"][row])
            mean = prediction.units.probs[row].double().mean(0).tolist()
            kind = max(range(len(quality)), key=lambda c: mean[c])
            hard = math.log(1 + (math.exp(1 / alpha) - 1) * (1 - quality[kind]))
            doubt = sum(-p * math.log(p) for p in (s, 1 - s) if p > 0)
            total += (1 + alpha * strength * hard) * doubt if s >= least else 0.0
            row += 1
        scores.append(total)
    return scores


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("members", [1, 4])
def test_loops(dtype, members):
    for seed in range(5):
        prediction = boxes([4, 0, 300, 1], members=members, seed=seed, dtype=dtype)
        quality = np.random.default_rng(seed).uniform(0, 1, 3).tolist()
        for options in ({}, {"alpha": 0.1, "strength": 1.0}, {"least": 0.5}):
            found = al.difficulty_calibrated(prediction, class_quality=quality, **options)
            expected = by_hand(prediction, quality, **options)
            assert found.tolist() == pytest.approx(expected, rel=1e-5, abs=1e-5)
            assert bool((found >= 0).all())


def test_weights():
    assert difficulty_weights([1.0])[0] == 1.0
    assert difficulty_weights([0.0])[0] == pytest.approx(1.2)
    assert difficulty_weights([0.0], alpha=0.002)[0] == pytest.approx(1.2)
    falling = difficulty_weights(np.linspace(0, 1, 50).tolist())
    assert all(a > b for a, b in itertools.pairwise(falling))


def test_without_qualities_all_classes_weigh_alike():
    prediction = boxes([5, 3])
    ones = al.difficulty_calibrated(prediction, class_quality=[1, 1, 1])
    assert torch.equal(al.difficulty_calibrated(prediction), ones)
    units = al.difficulty_calibrated(prediction, reduce="none")
    assert torch.allclose(units[:5].sum(), ones[0])
    mean = al.difficulty_calibrated(prediction, reduce="mean")
    assert torch.allclose(mean[1], units[5:].mean())
    assert al.difficulty_calibrated(boxes([0, 2]), empty=0.25)[0] == 0.25


@pytest.mark.parametrize(
    ("options", "argument"),
    [
        ({"class_quality": [0.5, 1.5]}, "class 1"),
        ({"class_quality": [float("nan")]}, "class_quality"),
        ({"class_quality": []}, "class_quality"),
        ({"class_quality": [0.5] * 5}, "at most 4"),
        ({"alpha": 0}, "alpha"),
        ({"strength": -1}, "strength"),
        ({"least": 2}, "least"),
        ({"reduce": "median"}, "reduce"),
    ],
)
def test_what_is_refused(options, argument):
    with pytest.raises(InvalidInputError, match=argument):
        al.difficulty_calibrated(boxes([2]), **options)


def test_what_has_no_boxes_is_refused():
    with pytest.raises(UnsupportedPredictionError, match="use entropy"):
        al.difficulty_calibrated(al.Categorical([[0.5, 0.5]]))


class Detector:
    """Its boxes are the samples; its qualities change with each fit."""

    labels = ("cat", "dog")
    default_acquisition = "entropy"
    quality = (0.2, 0.9)

    def predict(self, samples):
        conf = torch.tensor([float(sample) for sample in samples])
        units = al.Categorical(torch.stack([conf * 0.6, conf * 0.4, 1 - conf], 1))
        return al.Ragged(units, [1] * len(samples), {"conf": conf})

    def class_quality(self, samples, labels):
        assert len(samples) == len(labels)
        return list(self.quality)


def test_qualities_are_measured_before_each_scoring():
    task, pool = Detector(), {"a": 0.5, "b": 0.9}
    function = al.DifficultyCalibrated([0.1], [[]], strength=0.5, reduce="mean")
    for quality in ((0.2, 0.9), (1.0, 1.0)):
        task.quality = quality
        found = al.score(task, pool, function, progress=False)
        expected = al.difficulty_calibrated(
            task.predict([0.5, 0.9]), class_quality=quality, strength=0.5, reduce="mean"
        )
        np.testing.assert_allclose(found.values, expected)
    loop = al.ActiveLoop(task, pool, acquisition=function, cold_start="top_k", progress=False)
    assert loop.ask(1).ids == ["a"]


def test_a_task_that_cannot_measure_them_is_refused():
    function = al.DifficultyCalibrated([0.1], [[]])
    with pytest.raises(InvalidInputError, match="MeasuresClasses"):
        al.score(object(), [1], function)
    with pytest.raises(InvalidInputError, match="fit_to"):
        function(boxes([1]))
    with pytest.raises(InvalidInputError, match="labels: expected one for each"):
        al.DifficultyCalibrated([0.1], [])

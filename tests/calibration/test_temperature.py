import math

import numpy as np
import pytest
import torch

import altasks as al
from altasks.errors import InvalidInputError, UnsupportedPredictionError


def logits_and_targets(seed, n=500, members=1, classes=4, labels=False):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, 1, classes)) + 0.7 * rng.normal(size=(n, members, classes))
    chance = torch.from_numpy(logits).mean(1)
    if labels:
        right = (rng.random((n, classes)) < torch.sigmoid(chance).numpy()).astype(int)
    else:
        ends = torch.softmax(chance, 1).cumsum(1).numpy()
        right = (rng.random((n, 1)) > ends).sum(1)
    return torch.from_numpy(logits), right


def loss_of(logits, right, temperature, labels):
    """The negative log likelihood, written out; NumPy alone."""
    values = logits.numpy() / temperature
    if labels:
        p = (1 / (1 + np.exp(-values))).mean(1)
        return -np.mean(np.where(right == 1, np.log(p), np.log(1 - p)))
    p = np.exp(values) / np.exp(values).sum(2, keepdims=True)
    return -np.mean(np.log(p.mean(1)[np.arange(len(right)), right]))


@pytest.mark.parametrize("labels", [False, True], ids=["classes", "labels"])
@pytest.mark.parametrize("members", [1, 5])
@pytest.mark.parametrize("too_sure", [0.5, 1.0, 3.0])
def test_fit_equals_a_search_over_logits(labels, members, too_sure):
    optimize = pytest.importorskip("scipy.optimize")
    for seed in range(3):
        logits, right = logits_and_targets(seed, members=members, labels=labels)
        logits = logits * too_sure
        kind = al.Bernoulli if labels else al.Categorical
        found = al.TemperatureScaling.fit(kind.from_logits(logits), right)
        best = optimize.minimize_scalar(
            lambda t, logits=logits, right=right: loss_of(logits, right, math.exp(t), labels),
            bounds=(math.log(0.05), math.log(20)), method="bounded", options={"xatol": 1e-7},
        )  # fmt: skip
        assert found.temperature == pytest.approx(math.exp(best.x), rel=1e-4)


@pytest.mark.parametrize("labels", [False, True], ids=["classes", "labels"])
def test_smoothed_targets_among_a_few_equal_a_plain_loop(labels):
    """Platt's targets, written out row by row."""
    grid = [0.25, 0.5, 1.0, 2.0, 4.0]
    for seed in range(6):
        logits, right = logits_and_targets(seed, n=7, members=2, labels=labels)
        kind = al.Bernoulli if labels else al.Categorical
        prediction = kind.from_logits(logits)
        weight = (right.size + 1) / (right.size + 2)

        def loss(temperature, logits=logits, right=right, kind=kind, weight=weight):
            p = kind.from_logits(logits / temperature).mean_probs.numpy()
            total = 0.0
            for row, truth in enumerate(right):
                if labels:
                    for q, yes in zip(p[row], truth, strict=True):
                        hit, miss = (q, 1 - q) if yes else (1 - q, q)
                        total -= weight * np.log(hit) + (1 - weight) * np.log(miss)
                else:
                    others = np.delete(np.log(p[row]), truth)
                    total -= weight * np.log(p[row, truth]) + (1 - weight) * others.mean()
            return total

        found = al.TemperatureScaling.fit(prediction, right, smooth=True, among=grid)
        assert found.temperature == min(grid, key=loss)


def test_all_right_is_no_reason_to_be_certain():
    few = al.Categorical([[0.9, 0.1], [0.2, 0.8]])
    assert al.TemperatureScaling.fit(few, [0, 1], smooth=True).temperature > 0.5
    with pytest.raises(InvalidInputError, match="among"):
        al.TemperatureScaling.fit(few, [0, 1], among=[])
    with pytest.raises(InvalidInputError, match="temperature"):
        al.TemperatureScaling.fit(few, [0, 1], among=[1.0, 0.0])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("labels", [False, True], ids=["classes", "labels"])
def test_scaling_equals_divided_logits(labels, dtype):
    logits, _ = logits_and_targets(0, members=3, labels=labels)
    kind = al.Bernoulli if labels else al.Categorical
    probs = kind.from_logits(logits).probs.to(dtype)
    given = kind._trusted(probs, None)
    for temperature in (0.3, 2.5):
        exact = probs.double()
        if labels:
            expected = torch.sigmoid(torch.log(exact / (1 - exact)) / temperature)
        else:
            expected = torch.softmax(exact.log() / temperature, 2)
        found = al.TemperatureScaling(temperature)(given).probs
        assert found.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
        tolerance = 1e-12 if dtype == torch.float64 else 1e-5
        torch.testing.assert_close(found.double(), expected, rtol=tolerance, atol=tolerance)


def test_certain_stays_certain_and_nothing_is_infinite():
    probs = [[[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [5e-324, 1.0, 0.0]]]
    for temperature in (1e-3, 0.05, 20.0, 1e6):
        scaling = al.TemperatureScaling(temperature)
        for kind in (al.Categorical, al.Bernoulli):
            found = scaling(kind(probs)).probs
            assert torch.isfinite(found).all()
            assert found[0, 0].tolist() == [1.0, 0.0, 0.0]
        assert scaling(al.Categorical(probs)).probs[0, 1].tolist() == [0.5, 0.5, 0.0]


def test_order_within_a_member_stays_and_nothing_else_changes():
    logits, _ = logits_and_targets(1, members=2)
    features = torch.ones(len(logits), 7)
    prediction = al.Categorical.from_logits(logits, features)
    scaled = al.TemperatureScaling(3.0)(prediction)
    assert torch.equal(scaled.probs.argsort(2), prediction.probs.argsort(2))
    assert scaled.features is prediction.features
    torch.testing.assert_close(scaled.probs.sum(2), torch.ones(500, 2).double())
    back = al.TemperatureScaling(1 / 3)(scaled)
    torch.testing.assert_close(back.probs, prediction.probs)
    assert al.TemperatureScaling(1.0)(prediction) is prediction


def test_layout_in_memory_stays():
    maps = torch.rand(2, 3, 40, 50).softmax(1)  # members x classes x height x width
    view = maps.permute(2, 3, 0, 1).reshape(2000, 2, 3)
    view = maps.flatten(2).permute(2, 0, 1)  # pixels x members x classes, classes far apart
    found = al.TemperatureScaling(2.0)(al.Categorical(view)).probs
    expected = al.TemperatureScaling(2.0)(al.Categorical(view.contiguous())).probs
    assert found.stride() == view.stride()
    torch.testing.assert_close(found, expected)


def test_units_of_a_ragged():
    logits, right = logits_and_targets(2, n=60)
    plain = al.Categorical.from_logits(logits)
    ragged = al.Ragged(plain, [20, 0, 40], {"span": torch.arange(60)})
    scaled = al.TemperatureScaling(2.0)(ragged)
    assert torch.equal(scaled.units.probs, al.TemperatureScaling(2.0)(plain).probs)
    assert scaled.lengths.tolist() == [20, 0, 40]
    assert torch.equal(scaled.fields["span"], torch.arange(60))
    fit = al.TemperatureScaling.fit
    assert fit(ragged, right) == fit(plain, right)


@pytest.mark.parametrize("by", ["nll", "ece"])
@pytest.mark.parametrize("labels", [False, True], ids=["classes", "labels"])
def test_lowers_the_error(by, labels):
    logits, right = logits_and_targets(3, n=3000, labels=labels)
    kind = al.Bernoulli if labels else al.Categorical
    too_sure = kind.from_logits(4 * logits)
    scaling = al.TemperatureScaling.fit(too_sure, right, by=by)
    assert 3 < scaling.temperature < 6
    before = al.calibration_error(too_sure, right)
    assert al.calibration_error(scaling(too_sure), right) < before / 4


def test_ece_is_the_least_of_those_tried():
    logits, right = logits_and_targets(4)
    prediction = al.Categorical.from_logits(2 * logits)
    found = al.TemperatureScaling.fit(prediction, right, by="ece").temperature

    def error(temperature):
        scaled = al.Categorical.from_logits(2 * logits / temperature)
        return al.calibration_error(scaled, right, equal_mass=True)

    others = np.exp(np.linspace(math.log(0.05), math.log(20), 121))
    assert error(found) <= min(map(error, others.tolist())) + 1e-9


def test_the_order_and_what_is_unknown_do_not_matter():
    logits, right = logits_and_targets(5, members=2)
    prediction = al.Categorical.from_logits(2 * logits)
    order = torch.randperm(500, generator=torch.Generator().manual_seed(0))
    found = al.TemperatureScaling.fit(prediction, right).temperature
    again = al.TemperatureScaling.fit(prediction[order], right[order]).temperature
    assert again == pytest.approx(found, rel=1e-9)
    more = al.Categorical.cat([prediction, prediction])
    unknown = np.concatenate([right, np.full(500, -1)])
    assert al.TemperatureScaling.fit(more, unknown).temperature == pytest.approx(found, rel=1e-9)
    _, labels = logits_and_targets(5, members=2, labels=True)
    both = al.Bernoulli.from_logits(2 * logits)
    found = al.TemperatureScaling.fit(both, labels).temperature
    more = al.Bernoulli.cat([both, both])
    unknown = np.concatenate([labels, np.full((500, 4), -1)])
    assert al.TemperatureScaling.fit(more, unknown).temperature == pytest.approx(found, rel=1e-9)


def test_the_size_of_blocks_does_not_matter(monkeypatch):
    for labels in (False, True):
        logits, right = logits_and_targets(6, n=40, members=3, labels=labels)
        kind = al.Bernoulli if labels else al.Categorical
        prediction = kind.from_logits(2 * logits)
        found = al.TemperatureScaling.fit(prediction, right).temperature
        for size in (1, 100, 4 * 3 * 39):
            monkeypatch.setattr("altasks.calibration.temperature._BLOCK", size)
            again = al.TemperatureScaling.fit(prediction, right).temperature
            assert again == pytest.approx(found, rel=1e-7)


def test_ends():
    right = al.Categorical([[0.9, 0.1], [0.2, 0.8]])
    assert al.TemperatureScaling.fit(right, [0, 1]).temperature == pytest.approx(0.05, rel=1e-3)
    wrong = al.TemperatureScaling.fit(right, [1, 0])
    assert wrong.temperature == pytest.approx(20, rel=1e-3)
    undecided = al.Categorical([[0.5, 0.5]] * 3)
    for by in ("nll", "ece"):
        assert al.TemperatureScaling.fit(undecided, [0, 1, 1], by=by).temperature == 1
    impossible = al.Categorical([[1.0, 0.0]] * 9 + [[0.7, 0.3]])
    found = al.TemperatureScaling.fit(impossible, [0] * 8 + [1, 0])  # one had no chance at all
    assert 1 < found.temperature < 20


@pytest.mark.parametrize("value", [0, -1.0, math.inf, math.nan, True, "2", None])
def test_bad_temperature(value):
    with pytest.raises(InvalidInputError, match="temperature"):
        al.TemperatureScaling(value)


def test_what_has_no_probabilities():
    with pytest.raises(UnsupportedPredictionError, match="found Normal"):
        al.TemperatureScaling(2.0)(al.Normal([1.0], [1.0]))
    with pytest.raises(UnsupportedPredictionError, match="found Transcripts"):
        al.TemperatureScaling.fit(al.Transcripts([["a"]]), [0])
    with pytest.raises(InvalidInputError, match="by: expected 'nll' or 'ece'"):
        al.TemperatureScaling.fit(al.Categorical([[0.5, 0.5]]), [0], by="brier")

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from altasks.errors import InvalidInputError
from altasks.predictions import Normal
from altasks.report import calibration_curve, plot_calibration
from altasks.report.calibration import LEVELS


def committee(n=400, members=3, targets=2, seed=0):
    rng = np.random.default_rng(seed)
    shape = (n, members, targets)
    return rng.normal(size=shape), rng.uniform(0.2, 2, shape), rng.normal(size=(n, targets)) * 2


def test_shares_are_those_of_the_distribution_function():
    mean, variance, truth = committee()
    found = calibration_curve(Normal(mean, variance), truth, (0.3, 0.9))
    total = np.sqrt(variance.mean(1) + mean.var(1))
    below = torch.distributions.Normal(torch.tensor(mean.mean(1)), torch.tensor(total))
    reached = below.cdf(torch.tensor(truth)).numpy()
    for share, level in zip(found, (0.3, 0.9), strict=True):
        low, high = (1 - level) / 2, (1 + level) / 2
        assert share == pytest.approx(((reached >= low) & (reached <= high)).mean())


def test_truths_drawn_from_the_prediction_lie_on_the_diagonal():
    rng = np.random.default_rng(0)
    mean, deviation = rng.normal(size=20_000), rng.uniform(0.1, 3, 20_000)
    truth = mean + deviation * rng.normal(size=20_000)
    found = calibration_curve(Normal(mean, deviation**2), truth)
    np.testing.assert_allclose(found, LEVELS, atol=0.02)
    narrow = calibration_curve(Normal(mean, deviation**2 / 4), truth)
    assert (narrow < np.array(LEVELS) - 0.03).all()


@settings(max_examples=25)
@given(seed=st.integers(0, 1_000), scale=st.floats(1e-3, 1e3), shift=st.floats(-1e3, 1e3))
def test_order_and_units_change_nothing_and_wider_levels_hold_more(seed, scale, shift):
    mean, variance, truth = committee(30, seed=seed)
    found = calibration_curve(Normal(mean, variance), truth)
    order = np.random.default_rng(seed).permutation(30)
    moved = Normal(mean[order] * scale + shift, variance[order] * scale**2)
    again = calibration_curve(moved, truth[order] * scale + shift)
    np.testing.assert_allclose(again, found, atol=1 / 60 + 1e-9)  # one truth on an edge, at most
    assert (np.diff(found) >= 0).all()
    assert ((found >= 0) & (found <= 1)).all()


def test_no_variance_holds_only_what_is_exact():
    prediction = Normal([1.0, 2.0], [0.0, 0.0])
    assert calibration_curve(prediction, [1.0, 2.5], [0.5]).tolist() == [0.5]


@pytest.mark.parametrize(
    ("truth", "levels", "message"),
    [
        ([1.0], (0.9,), r"truth: expected shape \[2, 1\]"),
        ([1.0, float("nan")], (0.9,), r"finite numbers, found \[nan\] \(row 1\)"),
        ([1.0, 2.0], (0.9, 1.0), r"levels: expected numbers in \(0, 1\)"),
        ([1.0, 2.0], (), "levels"),
    ],
)
def test_bad_input_is_named(truth, levels, message):
    with pytest.raises(InvalidInputError, match=message):
        calibration_curve(Normal([1.0, 2.0], [1.0, 1.0]), truth, levels)


def test_a_picture_of_each_arm(tmp_path):
    image = pytest.importorskip("matplotlib.image")
    one = np.array(LEVELS) ** 2
    path = plot_calibration(
        tmp_path / "new" / "c.png", LEVELS, {"a": one, "b": [one, one / 2]}, note="a note"
    )
    pixels = image.imread(path)[..., :3]
    for colour in ("0072B2", "D55E00"):
        rgb = np.array([int(colour[i : i + 2], 16) for i in (0, 2, 4)]) / 255
        assert (np.abs(pixels - rgb).max(axis=-1) < 0.02).sum() > 300
    with pytest.raises(InvalidInputError, match="at least one named set"):
        plot_calibration(tmp_path / "d.png", LEVELS, {})
    with pytest.raises(InvalidInputError, match=r"arms\['a'\]: expected shape \[10\]"):
        plot_calibration(tmp_path / "d.png", LEVELS, {"a": [0.5]})

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import altasks as al
from altasks.errors import InvalidInputError, UnsupportedPredictionError
from altasks.report import plot_reliability

NORMS = ["l1", "l2", "max"]


def made(seed, n=400, members=1, classes=4, peak=0.5):
    rng = np.random.default_rng(seed)
    probs = rng.dirichlet(np.full(classes, peak), (n, members))
    return probs, rng.integers(classes, size=n)


def gaps(sure, hit, inside):
    """Plain bins: (share of rows, gap) of each, by a function that says which bin."""
    rows = {}
    for s, h in zip(sure, hit, strict=True):
        rows.setdefault(inside(s), []).append((s, h))
    return [
        (len(one) / len(sure), abs(np.mean([s for s, _ in one]) - np.mean([h for _, h in one])))
        for one in rows.values()
    ]


def combined(found, norm):
    if norm == "max":
        return max(gap for _, gap in found)
    if norm == "l1":
        return sum(share * gap for share, gap in found)
    return sum(share * gap**2 for share, gap in found) ** 0.5


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("members", [1, 3])
def test_equals_plain_bins(norm, members):
    for seed in range(5):
        probs, right = made(seed, members=members)
        average = probs.mean(1)
        sure, hit = average.max(1), average.argmax(1) == right
        # Up to and with its upper edge.
        expected = combined(gaps(sure, hit, lambda s: int(np.ceil(s * 10))), norm)
        found = al.calibration_error(al.Categorical(probs), right, bins=10, norm=norm)
        assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("norm", NORMS)
def test_equal_mass_equals_plain_bins(norm):
    probs, right = made(7, n=150)
    probs = probs.round(1) + 1e-9
    probs /= probs.sum(2, keepdims=True)  # many equal
    sure, hit = probs[:, 0].max(1), probs[:, 0].argmax(1) == right
    ranked = sorted(sure)
    edges = [ranked[int(np.ceil(i * 150 / 12)) - 1] for i in range(1, 12)]
    expected = combined(gaps(sure, hit, lambda s: sum(s > e for e in set(edges))), norm)
    found = al.calibration_error(al.Categorical(probs), right, bins=12, equal_mass=True, norm=norm)
    assert found == pytest.approx(expected, abs=1e-9)


def test_a_certain_row_belongs_to_the_last_bin():
    """torchmetrics 1.9 gives probabilities of exactly 1 a bin of their own."""
    prediction = al.Categorical([[1.0, 0.0], [0.95, 0.05]])
    found = al.reliability(prediction, [0, 1], bins=10)
    assert found.count.tolist() == [2]
    assert found.confidence.tolist() == [pytest.approx(0.975)]


@settings(max_examples=40, derandomize=True, deadline=None)
@given(
    seed=st.integers(0, 99), bins=st.integers(1, 40), mass=st.booleans(), labels=st.booleans(),
    dtype=st.sampled_from([np.float16, np.float32, np.float64]),
)  # fmt: skip
def test_properties(seed, bins, mass, labels, dtype):
    probs, right = made(seed, n=60, members=2, peak=0.2)
    probs = probs.astype(dtype)
    kind = al.Bernoulli if labels else al.Categorical
    if labels:
        right = np.eye(4, dtype=int)[right]
    options = {"bins": bins, "equal_mass": mass}
    found = al.reliability(kind(probs), right, **options)
    assert found.count.sum() == right.size
    assert (found.count > 0).all()
    assert len(found.count) <= bins
    assert (np.diff(found.confidence) > 0).all()
    assert 0 <= found.error("l1") <= found.error("l2") + 1e-12
    assert found.error("l2") <= found.error("max") + 1e-12
    order = np.random.default_rng(1).permutation(60)
    again = al.reliability(kind(probs[order]), right[order], **options)
    np.testing.assert_allclose(again.accuracy, found.accuracy)
    np.testing.assert_array_equal(again.count, found.count)


def test_what_is_unknown_is_left_out():
    probs, right = made(0, n=50)
    some = right.copy()
    some[::3] = -1
    kept = some >= 0
    expected = al.calibration_error(al.Categorical(probs[kept]), right[kept])
    assert al.calibration_error(al.Categorical(probs), some) == expected
    units = al.Ragged(al.Categorical(probs), [20, 0, 30])
    assert al.calibration_error(units, some) == expected
    labels = np.array([[1, -1], [0, 1]])
    found = al.reliability(al.Bernoulli([[0.9, 0.5], [0.2, 0.7]]), labels, bins=1)
    assert found.count.tolist() == [3]
    assert found.confidence.tolist() == [pytest.approx(0.6)]


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ([0], r"shape \[2\], the right class"),
        ([0, 2], r"0 to 1.*found 2 \(row 1\)"),
        ([0.5, 0], r"found 0.5 \(row 0\)"),
        ([-1, -1], "at least one that is known"),
        ([np.nan, 0], r"found nan \(row 0\)"),
        (["a", "b"], "targets"),
    ],
)
def test_targets_are_checked(targets, message):
    with pytest.raises(InvalidInputError, match=message):
        al.calibration_error(al.Categorical([[0.5, 0.5], [0.1, 0.9]]), targets)


def test_bad_options():
    prediction = al.Categorical([[0.5, 0.5]])
    with pytest.raises(InvalidInputError, match="bins"):
        al.calibration_error(prediction, [0], bins=0)
    with pytest.raises(InvalidInputError, match="norm"):
        al.calibration_error(prediction, [0], norm="l3")
    with pytest.raises(UnsupportedPredictionError, match="found Normal"):
        al.calibration_error(al.Normal([1.0], [1.0]), [0])
    with pytest.raises(UnsupportedPredictionError, match="Wrap it"):
        al.calibration_error(np.ones((2, 2)), [0, 0])


def test_a_picture_of_each_arm(tmp_path):
    image = pytest.importorskip("matplotlib.image")
    probs, right = made(0)
    found = al.reliability(al.Categorical(probs), right)
    path = plot_reliability(tmp_path / "new" / "r.png", {"a": found, "_b": found}, note="a note")
    pixels = image.imread(path)[..., :3]
    rgb = np.array([0xD5, 0x5E, 0x00]) / 255
    assert (np.abs(pixels - rgb).max(axis=-1) < 0.02).sum() > 300
    with pytest.raises(InvalidInputError, match="at least one named"):
        plot_reliability(tmp_path / "d.png", {})

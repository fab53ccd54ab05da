import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from altasks.errors import InvalidInputError
from altasks.report import area_under_curve, bootstrap_mean, compare, labels_to_reach

COUNTS = st.lists(st.integers(1, 10_000), min_size=2, max_size=8, unique=True).map(sorted)


def slow_area(counts, curve):
    total = 0.0
    for i in range(len(counts) - 1):
        total += (counts[i + 1] - counts[i]) * (curve[i] + curve[i + 1]) / 2
    return total / (counts[-1] - counts[0])


def slow_reach(counts, curve, target):
    if curve[0] >= target:
        return counts[0]
    for i in range(1, len(counts)):
        if curve[i] >= target:
            # Walk the segment by bisection, which shares nothing with the closed form.
            low, high = 0.0, 1.0
            for _ in range(200):
                middle = (low + high) / 2
                if curve[i - 1] + middle * (curve[i] - curve[i - 1]) >= target:
                    high = middle
                else:
                    low = middle
            return counts[i - 1] + high * (counts[i] - counts[i - 1])
    return None


@given(st.data())
def test_area_and_reach_equal_brute_force(data):
    counts = data.draw(COUNTS)
    score = st.integers(0, 1000).map(lambda n: n / 1000)
    curve = data.draw(st.lists(score, min_size=len(counts), max_size=len(counts)))
    target = data.draw(score)
    assert area_under_curve(counts, curve) == pytest.approx(slow_area(counts, curve), abs=1e-12)
    expected = slow_reach(counts, curve, target)
    found = labels_to_reach(counts, curve, target)
    assert (found is None) == (expected is None)
    if expected is not None:
        assert found == pytest.approx(expected, abs=1e-6)


def test_area_of_several_seeds_is_one_area_each():
    curves = [[0.1, 0.4, 0.5], [0.2, 0.2, 0.9]]
    areas = area_under_curve([5, 10, 30], curves)
    assert areas.tolist() == pytest.approx([slow_area([5, 10, 30], c) for c in curves])


def test_area_of_a_flat_curve_is_its_height():
    assert area_under_curve([3, 4, 50], [0.7, 0.7, 0.7]) == pytest.approx(0.7)


@pytest.mark.parametrize("values", [[0.3, 0.1], [0.0, 0.5, 0.2], [0.1, 0.2, 0.4, 0.8, 0.0]])
def test_bootstrap_of_few_seeds_is_the_whole_bootstrap_distribution(values):
    means = sorted(
        sum(resample) / len(values) for resample in itertools.product(values, repeat=len(values))
    )

    def quantile(share):
        place = share * (len(means) - 1)
        below = math.floor(place)
        above = min(below + 1, len(means) - 1)
        return means[below] + (place - below) * (means[above] - means[below])

    found = bootstrap_mean(values)
    assert found.mean == pytest.approx(sum(values) / len(values))
    assert found.low == pytest.approx(quantile(0.025))
    assert found.high == pytest.approx(quantile(0.975))


def test_drawn_bootstrap_agrees_with_the_normal_interval_and_repeats():
    values = np.random.default_rng(0).normal(0.5, 0.1, size=200)
    found = bootstrap_mean(values)
    half = 1.96 * values.std() / math.sqrt(len(values))
    assert found.low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert found.high == pytest.approx(values.mean() + half, abs=0.1 * half)
    assert bootstrap_mean(values) == found
    assert bootstrap_mean(values, rng=np.random.default_rng(1)) != found


def test_interval_covers_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(300):
        interval = bootstrap_mean(rng.normal(size=20), resamples=400, rng=rng)
        covered += interval.low <= 0 <= interval.high
    # 95% of 300 is 285; the percentile bootstrap of 20 values is known to be slightly narrow.
    assert 265 <= covered <= 297


def test_one_seed_has_no_interval_and_no_verdict():
    result = compare([1, 2], [[0.1, 0.9]], [[0.1, 0.2]])
    assert not result.difference.known
    assert math.isnan(result.difference.low)
    assert result.not_worse is None
    assert result.better is None
    assert str(result.final) == "0.900"


def test_comparison_is_paired_by_seed():
    # Seeds differ a lot, arms by exactly 0.1: only the paired difference sees it.
    baseline = np.array([[0.1, 0.3], [0.5, 0.7], [0.7, 0.9]])
    result = compare([10, 20], baseline + 0.1, baseline)
    assert result.difference.low == pytest.approx(0.1)
    assert result.difference.high == pytest.approx(0.1)
    assert result.better is True
    assert result.not_worse is True
    worse = compare([10, 20], baseline - 0.1, baseline)
    assert worse.better is False
    assert worse.not_worse is False
    assert worse.labels_needed is None
    assert worse.share_of_labels is None


def test_share_of_labels_is_read_off_the_mean_curves():
    scores = [[0.0, 0.8, 0.9], [0.0, 0.4, 0.9]]
    baseline = [[0.0, 0.2, 0.5], [0.0, 0.2, 0.7]]
    # Mean curve 0, 0.6, 0.9 at 10, 20, 40; the baseline ends at 0.6.
    result = compare([10, 20, 40], scores, baseline)
    assert result.labels_needed == pytest.approx(20)
    assert result.share_of_labels == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: area_under_curve([1], [0.5]), ["labels", "B >= 2", "[1]"]),
        (lambda: area_under_curve([1, 1], [0.5, 0.5]), ["labels", "increasing", "row 1"]),
        (lambda: area_under_curve([1, float("inf")], [0, 0]), ["labels", "finite"]),
        (lambda: area_under_curve([1, 2], [0.5]), ["scores", "[2]", "[1]"]),
        (lambda: area_under_curve([1, 2], [[0.5, 0.5], [0.1, float("nan")]]), ["nan", "[1, 1]"]),
        (lambda: labels_to_reach([1, 2], [[0.5, 0.5]], 0.5), ["scores", "one curve"]),
        (lambda: bootstrap_mean([]), ["values", "at least one"]),
        (lambda: bootstrap_mean([0.1, float("nan")]), ["values", "finite", "row 1"]),
        (lambda: bootstrap_mean([0.1, 0.2], level=95), ["level", "(0, 1)", "95"]),
        (lambda: compare([1, 2], [[0, 0]], [[0, 0], [1, 1]]), ["baseline", "[2, 2]", "[1, 2]"]),
    ],
)
def test_bad_input_is_named(call, words):
    with pytest.raises(InvalidInputError) as error:
        call()
    for word in words:
        assert word in str(error.value)

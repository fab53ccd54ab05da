"""The paired test and Holm's correction, beside SciPy, integration and the definition."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from altasks.errors import InvalidInputError
from altasks.report import holm, paired_t_test
from altasks.report.paired import student_tail


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 7, 10, 29])
@pytest.mark.parametrize("t", [0.0, 0.3, -1.7, 2.776, 12.0])
def test_the_tail_is_the_integral_of_the_density(t, freedom):
    x = np.linspace(-abs(t), abs(t), 200_001)
    scale = math.gamma((freedom + 1) / 2) / (math.sqrt(freedom * math.pi) * math.gamma(freedom / 2))
    density = scale * (1 + x**2 / freedom) ** (-(freedom + 1) / 2)
    inside = float(((density[1:] + density[:-1]) / 2 * np.diff(x)).sum())
    assert student_tail(t, freedom) == pytest.approx(1 - inside, abs=1e-8)


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=12))
def test_it_is_scipys(differences):
    stats = pytest.importorskip("scipy.stats")
    values = np.array(differences)
    if values.std() <= 1e-9 * np.abs(values).max():
        return
    expected = stats.ttest_1samp(values, 0).pvalue
    assert paired_t_test(values) == pytest.approx(expected, abs=1e-9)


def test_equal_differences_and_single_ones():
    assert paired_t_test([0.5]) is None
    assert paired_t_test([0.0, 0.0]) == 1
    assert paired_t_test([0.1 + 0.2, 0.3]) == 0
    assert student_tail(math.inf, 3) == 0


def test_bad_differences_are_refused():
    for bad in ([], [[1.0]], [float("nan"), 1.0]):
        with pytest.raises(InvalidInputError, match="differences"):
            paired_t_test(bad)


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_rejects_what_its_steps_reject(p_values):
    """The procedure as it is written: go on from the smallest while p <= level / (m - k + 1)."""
    adjusted = holm(p_values)
    for level in (0.01, 0.05, 0.2, 0.9):
        rejected = set()
        order = sorted(range(len(p_values)), key=lambda row: p_values[row])
        for place, row in enumerate(order):
            if (len(order) - place) * p_values[row] > level:
                break
            rejected.add(row)
        assert {row for row, value in enumerate(adjusted) if value <= level} == rejected


def test_holm_takes_probabilities():
    assert holm([]) == []
    with pytest.raises(InvalidInputError, match="row 1"):
        holm([0.1, 1.5])

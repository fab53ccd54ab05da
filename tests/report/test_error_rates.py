import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from altasks.errors import InvalidInputError
from altasks.report import error_rates
from altasks.report.error_rates import edits

TEXTS = st.text("ab é\u0301 ", max_size=8)


def levenshtein(a, b):
    row = list(range(len(b) + 1))
    for i, left in enumerate(a, 1):
        above = row
        row = [i]
        for j, right in enumerate(b, 1):
            row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + (left != right)))
    return row[-1]


@settings(max_examples=60, derandomize=True)
@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=5))
def test_rates_equal_their_twin(pairs):
    import unicodedata

    plain = [[" ".join(unicodedata.normalize("NFC", t).split()) for t in p] for p in pairs]
    rates = error_rates(*zip(*pairs, strict=True))
    wrong = sum(levenshtein(a, b) for a, b in plain)
    assert rates.cer.mean == pytest.approx(wrong / max(1, sum(len(b) for _, b in plain)))
    wrong = sum(levenshtein(a.split(), b.split()) for a, b in plain)
    assert rates.wer.mean == pytest.approx(wrong / max(1, sum(len(b.split()) for _, b in plain)))
    assert rates.exact == pytest.approx(np.mean([a == b for a, b in plain]))
    for interval in (rates.cer, rates.wer):
        assert math.isfinite(interval.low)
        assert interval.low <= interval.high


def test_it_is_an_average_over_characters_not_lines():
    rates = error_rates(["x", "a" * 9], ["a", "a" * 9])
    assert rates.cer.mean == pytest.approx(0.1)
    assert (rates.characters, rates.words) == (10, 2)


def test_the_rules():
    assert error_rates(["e\u0301  x "], ["é x"]).cer.mean == 0
    assert error_rates(["e\u0301"], ["é"], normalize=None).cer.mean == 2
    assert error_rates(["A."], ["a"]).cer.mean == 2
    assert error_rates(["ab"], [""]).cer.mean == 2
    assert error_rates([""], [""]).cer.mean == 0


def test_the_interval_is_the_bootstrap_over_lines():
    readings, truths = ["aa"] * 30 + ["bb"] * 10, ["aa"] * 40
    cer = error_rates(readings, truths).cer
    # The standard error of a share of 0.25 over 40 lines is 0.068.
    assert cer.low == pytest.approx(0.25 - 1.96 * 0.068, abs=0.03)
    assert cer.high == pytest.approx(0.25 + 1.96 * 0.068, abs=0.03)
    assert cer == error_rates(readings, truths).cer
    assert cer.count == 40


def test_resamples_are_drawn_one_at_a_time():
    readings, truths = ["aa"] * 3_000 + ["bb"] * 1_000, ["aa"] * 4_000
    tracemalloc.start()
    rates = error_rates(readings, truths, rng=np.random.default_rng(7))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10e6  # all draws at once take 64 MB
    # They are the same as drawn together.
    drawn = np.random.default_rng(7).integers(0, 4_000, (2_000, 4_000))
    shares = (drawn >= 3_000).mean(1)
    assert rates.cer.low == pytest.approx(np.quantile(shares, 0.025))
    assert rates.cer.high == pytest.approx(np.quantile(shares, 0.975))


def test_what_cannot_be_measured():
    with pytest.raises(InvalidInputError, match="as many as truths"):
        error_rates(["a"], [])
    with pytest.raises(InvalidInputError, match="level"):
        error_rates(["a"], ["a"], level=1)


def test_edits_compare_symbols_by_equality():
    assert edits([-1], [-2]) == 1
    assert edits(["a"], [97]) == 1
    assert edits("abc", "abd") == 1

from __future__ import annotations

import pandas as pd
import polars as pl
import pytest

from altasks._internal.frames import aligned, as_rows, paired
from altasks.errors import InvalidInputError


def test_rows_of_frames_and_values_of_columns():
    frame = pd.DataFrame({"text": ["a", "b"], "n": [1, 2]}, index=[5, 3])
    rows = [{"text": "a", "n": 1}, {"text": "b", "n": 2}]
    assert as_rows(frame) == rows
    assert as_rows(frame["text"]) == ["a", "b"]
    assert as_rows(pl.from_pandas(frame)) == rows
    assert as_rows(pl.Series([1.5, 2.5])) == [1.5, 2.5]
    for other in (["a"], ("a", "b"), "text", None):
        assert as_rows(other) is other


def test_two_columns_of_one_name_are_refused():
    with pytest.raises(InvalidInputError, match="samples: expected columns of distinct names"):
        as_rows(pd.DataFrame([[1, 2]], columns=["a", "a"]))


def test_labels_go_with_the_sample_of_the_same_index():
    texts = pd.DataFrame({"text": ["a", "b", "c"]}, index=["x", "y", "z"])
    labels = pd.Series(["of c", "of a", "of b"], index=["z", "x", "y"])
    assert aligned(texts, labels, "labels") == ["of a", "of b", "of c"]
    assert aligned(texts["text"], labels.to_frame("label"), "labels") == ["of a", "of b", "of c"]
    assert paired(texts["text"], labels) == (["a", "b", "c"], ["of a", "of b", "of c"])
    # Without a second index the order is all there is.
    assert aligned(["a", "b", "c"], labels, "labels") == ["of c", "of a", "of b"]
    assert aligned(texts, ["p", "q", "r"], "labels") == ["p", "q", "r"]


@pytest.mark.parametrize(
    ("mine", "theirs", "found"),
    [
        ([0, 1, 2], [0, 1, 3], r"no entry for index 2 \(row 2\)"),
        ([0, 1], [0, 1, 2], "3 entries for 2 samples"),
        ([0, 1, 1], [1, 0, 1], "an index twice"),
        ([4, 5, 6], [0, 1], r"none for index 4 \(row 0\)"),
    ],
)
def test_indexes_that_do_not_match_are_refused(mine, theirs, found):
    texts = pd.Series(list("abc")[: len(mine)], index=mine)
    labels = pd.Series(range(len(theirs)), index=theirs)
    with pytest.raises(InvalidInputError, match=found) as caught:
        aligned(texts, labels, "weights")
    assert "weights.tolist()" in str(caught.value)


def test_one_index_twice_in_both_is_taken_in_order():
    texts = pd.Series(["a", "b"], index=[0, 0])
    assert aligned(texts, pd.Series(["p", "q"], index=[0, 0]), "labels") == ["p", "q"]

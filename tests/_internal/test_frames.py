"""Frames, Series and tables wherever rows are taken: by their index, by position, or refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import altasks as al
from altasks._internal.frames import (
    aligned_to_ids,
    aligned_to_samples,
    as_rows,
    frame_index,
    is_frame,
    is_series,
    labels_by_id,
    paired,
)
from altasks.errors import InvalidInputError

IDS = ["a", "b", "c", "d"]
VALUES = [0.1, 0.4, 0.2, 0.3]
ROWS = np.arange(8.0).reshape(4, 2)


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
    with pytest.raises(InvalidInputError, match="samples: expected distinct column names"):
        as_rows(pd.DataFrame([[1, 2]], columns=["a", "a"]))


def test_labels_go_with_the_sample_of_the_same_index():
    texts = pd.DataFrame({"text": ["a", "b", "c"]}, index=["x", "y", "z"])
    labels = pd.Series(["of c", "of a", "of b"], index=["z", "x", "y"])
    assert aligned_to_samples(texts, labels, "labels") == ["of a", "of b", "of c"]
    assert aligned_to_samples(texts["text"], labels.to_frame("label"), "labels") == [
        "of a",
        "of b",
        "of c",
    ]
    assert paired(texts["text"], labels) == (["a", "b", "c"], ["of a", "of b", "of c"])
    # Without a second index the order is all there is.
    assert aligned_to_samples(["a", "b", "c"], labels, "labels") == ["of c", "of a", "of b"]
    assert aligned_to_samples(texts, ["p", "q", "r"], "labels") == ["p", "q", "r"]


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
        aligned_to_samples(texts, labels, "weights")
    assert "weights.tolist()" in str(caught.value)


def test_one_index_twice_in_both_is_taken_in_order():
    texts = pd.Series(["a", "b"], index=[0, 0])
    assert aligned_to_samples(texts, pd.Series(["p", "q"], index=[0, 0]), "labels") == ["p", "q"]


def test_one_answer_for_every_library() -> None:
    frame = pd.DataFrame({"text": ["a", "b"], "n": [1, 2]})
    table = pa.Table.from_pandas(frame, preserve_index=False)
    for source in (frame, pl.from_pandas(frame), table):
        assert is_frame(source)
        assert not is_series(source)
        assert as_rows(source) == [{"text": "a", "n": 1}, {"text": "b", "n": 2}]
    for column in (frame["n"], pl.Series([1, 2]), pa.array([1, 2])):
        assert is_series(column)
        assert not is_frame(column)
        assert as_rows(column) == [1, 2]
        assert paired(["p", "q"], column) == (["p", "q"], [1, 2])
    for source in (np.eye(2), [1, 2], {"a": 1}):
        assert not is_frame(source)
        assert not is_series(source)
        assert aligned_to_ids(source, "values", IDS) is source
    assert frame_index(table) is None
    assert labels_by_id(frame["text"].set_axis(["p", "q"]), "labels") == {"p": "a", "q": "b"}


def shuffled(table: Any) -> Any:
    return table.iloc[[2, 0, 3, 1]]


def test_scores_and_costs_follow_their_index() -> None:
    scores = shuffled(pd.Series(VALUES, index=IDS))
    costs = shuffled(pd.Series([1.0, 2.0, 3.0, 4.0], index=IDS))
    candidates = al.Candidates(IDS, scores, costs=costs)
    assert candidates.values.tolist() == VALUES
    assert candidates.costs.tolist() == [1, 2, 3, 4]
    picks = al.TopK().select(candidates, 2, rng=np.random.default_rng(0))
    assert picks == ["b", "d"]


@pytest.mark.parametrize("field", ["embeddings", "mean_probs"])
def test_rows_of_a_frame_follow_their_index(field: str) -> None:
    frame = shuffled(pd.DataFrame(ROWS, index=IDS, columns=["x", "y"]))
    assert getattr(al.Candidates(IDS, VALUES, **{field: frame}), field).tolist() == ROWS.tolist()


def test_numbers_name_the_ids_that_look_like_them() -> None:
    scores = pd.Series(VALUES)  # 0, 1, 2, 3
    candidates = al.Candidates(["2", "0", "3", "1"], scores)
    assert candidates.values.tolist() == [0.2, 0.1, 0.3, 0.4]
    later = shuffled(scores)
    assert al.Candidates(list("0123"), later).values.tolist() == VALUES


def test_the_default_index_is_read_by_position() -> None:
    assert al.Candidates(IDS, pd.Series(VALUES)).values.tolist() == VALUES
    frame = pd.DataFrame(ROWS)
    none = pd.DataFrame(ROWS[:0])
    candidates = al.Candidates(
        IDS, VALUES, frame, labelled_embeddings=frame, pending_embeddings=none
    )
    picks = al.KCenter().select(candidates, 4, rng=np.random.default_rng(0))
    assert sorted(picks) == IDS


@pytest.mark.parametrize(
    ("index", "fault"),
    [
        (["a", "b", "c", "e"], "no row for the id 'd'"),
        (["a", "b", "c", "c"], "'c' 2 times"),
        ([7, 3, 5, 1], "a row '7' that is no id"),
        ([0, 1, 2, 4], "no row for the id 'a'"),
    ],
)
def test_another_index_is_refused(index: list[Any], fault: str) -> None:
    with pytest.raises(
        InvalidInputError, match="values: expected a row for each of the 4 ids"
    ) as e:
        al.Candidates(IDS, pd.Series(VALUES, index=index))
    assert fault in str(e.value)
    assert "to_numpy" in str(e.value)


def test_more_rows_than_ids_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="a row 'e' that is no id"):
        al.Candidates(IDS, pd.Series([*VALUES, 1.0], index=[*IDS, "e"]))
    with pytest.raises(InvalidInputError, match=r"shape \[4\]"):
        al.Candidates(IDS, pd.Series([*VALUES, 1.0]))


def test_text_is_no_number() -> None:
    with pytest.raises(InvalidInputError, match="values: expected numbers"):
        al.Candidates(IDS, pd.Series(["0.1", "x", "y", "z"]))
    mixed = pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0], "name": IDS})
    with pytest.raises(InvalidInputError, match="embeddings: expected numbers"):
        al.Candidates(IDS, VALUES, mixed)


def test_predictions_of_tables() -> None:
    probs = pd.DataFrame({"no": [0.25, 0.5], "yes": [0.75, 0.5]})
    assert al.Categorical(probs).probs.tolist() == [[[0.25, 0.75]], [[0.5, 0.5]]]
    assert al.Bernoulli(probs, features=probs).features.tolist() == probs.to_numpy().tolist()
    assert al.Normal(probs["no"], probs["yes"]).mean.shape == (2, 1, 1)
    texts = pd.DataFrame({"one": ["cat", "dog"], "other": ["cut", "dog"]})
    assert al.edit_disagreement(al.Transcripts(texts)).tolist() == pytest.approx([1 / 3, 0])
    ragged = al.Ragged(al.Categorical(probs), pd.Series([2, 0]))
    assert ragged.lengths.tolist() == [2, 0]
    assert len(al.Categorical(probs)[pd.Series([True, False])]) == 1


@pytest.mark.parametrize(
    "make",
    [
        lambda part: al.Categorical(part),
        lambda part: al.Categorical.from_logits(part),
        lambda part: al.Bernoulli(part),
        lambda part: al.Normal(part, part),
        lambda part: al.Ragged(al.Categorical([[0.5, 0.5]] * 2), part["no"].astype(int)),
        lambda part: al.Categorical([[0.5, 0.5]] * 2)[part["no"] > 0.3],
        lambda part: al.margin(al.Categorical([[0.5, 0.5]]), class_weights=part["no"]),
    ],
)
def test_predictions_refuse_what_was_filtered(make: Any) -> None:
    """Its rows have names, and a prediction's have none."""
    table = pd.DataFrame({"no": [0.25, 0.5, 0.5], "yes": [0.75, 0.5, 0.5]})
    with pytest.raises(InvalidInputError, match=r"index \[2, 1\].*to_numpy"):
        make(table.iloc[[2, 1]])


def test_counts_of_classes_have_to_be_in_their_order() -> None:
    labels = pd.Series(["cat", "dog", "dog", "dog"])
    with pytest.raises(InvalidInputError, match="counts"):
        al.class_weights_from_counts(labels.value_counts())
    codes = pd.Series([1, 1, 1, 0]).value_counts().sort_index()
    assert al.class_weights_from_counts(codes) == al.class_weights_from_counts([1, 3])


def test_a_table_without_an_index_is_read_by_position() -> None:
    candidates = al.Candidates(IDS, pl.Series(VALUES), pl.DataFrame(ROWS))
    assert candidates.values.tolist() == VALUES
    assert candidates.embeddings.tolist() == ROWS.tolist()


@pytest.mark.parametrize(
    "rows",
    [
        np.ma.masked_array([1.0, 2.0], [False, True]),
        np.ma.masked_array(np.ones((2, 3)), [[0, 0, 0], [0, 1, 0]]),
        [np.ones(2), np.ma.masked_array(np.ones(2), [True, False])],
    ],
)
def test_masked_rows_are_refused(rows: Any) -> None:
    with pytest.raises(InvalidInputError, match=r"weights: .*masked ones \(row 1\)"):
        as_rows(rows, "weights")
    assert as_rows([np.ma.masked_array([1.0])])[0].tolist() == [1.0]

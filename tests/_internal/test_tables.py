"""DataFrames and Series wherever rows are taken: by their index, or not at all."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import altasks as al
from altasks.errors import InvalidInputError

pd = pytest.importorskip("pandas")

IDS = ["a", "b", "c", "d"]
VALUES = [0.1, 0.4, 0.2, 0.3]
ROWS = np.arange(8.0).reshape(4, 2)


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
    polars = pytest.importorskip("polars")
    candidates = al.Candidates(IDS, polars.Series(VALUES), polars.DataFrame(ROWS))
    assert candidates.values.tolist() == VALUES
    assert candidates.embeddings.tolist() == ROWS.tolist()

"""Which cells of a column of labels are none."""

import json

import numpy as np
import pytest

import altasks as al
from altasks.data.label_cells import labels_of
from altasks.errors import InvalidInputError


@pytest.fixture
def labels(tmp_path):
    def labels(*values, **options):
        path = tmp_path / "a.jsonl"
        path.write_text("\n".join(json.dumps({"text": "t", "y": value}) for value in values))
        return al.as_pool(path, label_column="y", **options).labels

    return labels


def test_empty_cells_are_no_labels(labels):
    assert labels("a", None, float("nan"), "", " ", 0, False, ["x"]) == {
        "0": "a", "5": 0, "6": False, "7": ["x"],
    }  # fmt: skip


@pytest.mark.parametrize("written", ["nan", "NaN", "<NA>", "null", "None", "\\N"])
def test_missing_values_that_were_written_as_text_are_named(labels, written):
    says = r"y: .*an empty cell.*\(line 2\).*no_label=\['.*The file is .*a\.jsonl"
    with pytest.raises(InvalidInputError, match=says):
        labels("a", written)
    assert labels("a", written, no_label=[written]) == {"0": "a"}
    assert labels("a", written, no_label=[]) == {"0": "a", "1": written}


@pytest.mark.parametrize("values", [[0, 1, -1], ["0", "1", "-1"], [0.0, 1.0, -1.0]])
def test_minus_one_is_a_class_or_none_if_that_is_said(labels, values):
    with pytest.raises(InvalidInputError, match=r"-1 is certain.*line 3.*no_label=\[\]"):
        labels(*values)
    assert labels(*values, no_label=[values[-1]]) == {"0": values[0], "1": values[1]}
    assert len(labels(*values, no_label=[])) == 3


@pytest.mark.parametrize(
    "values", [[0, -1, -2], [0.5, -1.0], ["a", "-1"], [True, False], [[1, -1], [0, 1]]]
)
def test_other_numbers_are_labels(labels, values):
    assert list(labels(*values).values()) == values


def test_no_label_is_a_list(labels):
    with pytest.raises(InvalidInputError, match="no_label: expected a list"):
        labels("a", no_label="nan")


def test_a_class_label_has_minus_one_for_none():
    datasets = pytest.importorskip("datasets", reason="needs the extra text")
    kind = datasets.Features(
        {"text": datasets.Value("string"), "y": datasets.ClassLabel(names=["neg", "pos"])}
    )
    rows = {"text": ["a", "b", "c", "d"], "y": [0, -1, 1, None]}
    dataset = datasets.Dataset.from_dict(rows, features=kind)
    assert al.as_pool(dataset, label_column="y").labels == {"0": 0, "2": 1}
    bare = dataset.cast_column("y", datasets.Value("int64"))
    with pytest.raises(InvalidInputError, match=r"y: .*row 1"):
        al.as_pool(bare, label_column="y")
    assert al.as_pool(bare, label_column="y", no_label=[-1]).labels == {"0": 0, "2": 1}


def test_pandas_kinds_of_nothing():
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    for column, expected in (
        (pandas.Series([0, None, 1]), {"0": 0, "2": 1}),  # floats, by the gap
        (pandas.Series([0, None, 1], dtype="Int64"), {"0": 0, "2": 1}),
        (pandas.Series(["a", pandas.NA, "b"], dtype="string"), {"0": "a", "2": "b"}),
        (pandas.Series([pandas.NaT, None, "b"], dtype=object), {"2": "b"}),
        (pandas.Series(np.array([0.5, np.nan, 2], np.float32)), {"0": 0.5, "2": 2.0}),
    ):
        pool = al.as_pool(pandas.DataFrame({"text": ["x"] * 3, "y": column}), label_column="y")
        assert pool.labels == expected
        assert {type(value) for value in pool.labels.values()} <= {int, float, str}


def test_lists_of_a_class_label_have_gaps_too():
    datasets = pytest.importorskip("datasets", reason="needs the extra text")
    tags = datasets.Sequence(datasets.ClassLabel(names=["neg", "pos"]))
    kind = datasets.Features({"text": datasets.Value("string"), "y": tags})

    def read(*rows, **options):
        columns = {"text": ["x"] * len(rows), "y": list(rows)}
        dataset = datasets.Dataset.from_dict(columns, features=kind)
        return al.as_pool(dataset, label_column="y", **options).labels

    assert read([0], [-1], [], None, [1, 0]) == {"0": [0], "2": [], "4": [1, 0]}
    with pytest.raises(InvalidInputError, match=r"y: .*without gaps.*\[0, -1\].*row 1"):
        read([0], [0, -1])


@pytest.mark.parametrize("gap", [None, float("nan"), "", " "])
def test_a_list_of_gaps_is_no_label_and_one_with_a_gap_is_refused(labels, gap):
    assert labels(["a"], [gap, gap], []) == {"0": ["a"], "2": []}
    with pytest.raises(InvalidInputError, match=r"line 2\).*take it out"):
        labels(["a"], ["a", gap])


def test_texts_for_nothing_in_lists_are_doubted(labels):
    with pytest.raises(InvalidInputError, match=r"'None' \(line 1\).*no_label=\['None'\]"):
        labels(["None"])
    assert labels(["None"], ["a"], no_label=["None"]) == {"1": ["a"]}
    assert labels(["None"], no_label=[]) == {"0": ["None"]}


def test_arrays_in_cells_are_lists(labels):
    cells = [np.array(["a", "b"]), np.array([], dtype=object), np.array([1, 2])]
    found = labels_of(["0", "1", "2"], cells, "y")
    assert found == {"0": ["a", "b"], "1": [], "2": [1, 2]}
    assert {type(one) for value in found.values() for one in value} == {str, int}
    boxes = [{"label": "cat", "box": [1, 2, 3, 4]}]
    assert labels(boxes, [[0, -1], [1, 1]]) == {"0": boxes, "1": [[0, -1], [1, 1]]}


def test_what_an_array_masks_is_no_label():
    column = np.ma.masked_array([3, 4, 5], [False, True, False])
    assert labels_of(["a", "b", "c"], list(column), "y") == {"a": 3, "c": 5}
    with pytest.raises(InvalidInputError, match="row 0"):
        labels_of(["a"], [[np.ma.masked, 3]], "y")

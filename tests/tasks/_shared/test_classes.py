from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, f1_score

from altasks.errors import InvalidInputError
from altasks.tasks._shared.classes import (
    Classes,
    check_class_names,
    multi_label_metrics,
    single_label_metrics,
)


@pytest.mark.parametrize("seed", range(20))
def test_single_label_metrics_are_sklearns(seed):
    rng = np.random.default_rng(seed)
    n, classes = int(rng.integers(1, 40)), int(rng.integers(2, 9))
    truth, guess = rng.integers(0, classes, (2, n))
    ours = single_label_metrics(truth, guess)
    assert ours["accuracy"] == pytest.approx(accuracy_score(truth, guess))
    assert ours["macro_f1"] == pytest.approx(
        f1_score(truth, guess, average="macro", zero_division=0)
    )


@pytest.mark.parametrize("seed", range(20))
def test_multi_label_metrics_are_sklearns(seed):
    rng = np.random.default_rng(seed)
    n, labels = int(rng.integers(1, 30)), int(rng.integers(2, 7))
    truth, guess = (rng.random((2, n, labels)) < rng.random()).astype(int)
    ours = multi_label_metrics(truth, guess)
    for average in ("micro", "macro"):
        expected = f1_score(truth, guess, average=average, zero_division=0)
        assert ours[f"{average}_f1"] == pytest.approx(expected)
    assert ours["subset_accuracy"] == pytest.approx(accuracy_score(truth, guess))


def test_an_unknown_label_lists_the_known_and_the_closest():
    classes = Classes(["food", "weather", "sport"], multi_label=False)
    with pytest.raises(InvalidInputError, match="one of 'food', 'weather', 'sport'") as caught:
        classes.check("Sports")
    assert "Did you mean 'sport'?" in str(caught.value)
    with pytest.raises(InvalidInputError, match="row 1"):
        classes.encode(["food", "rain"])


def test_long_lists_of_labels_are_cut():
    classes = Classes([f"intent {i}" for i in range(77)], multi_label=False)
    with pytest.raises(InvalidInputError, match="and 57 more"):
        classes.check("nothing like it")


@pytest.mark.parametrize("label", [1, True, None, 1.0, ["food"], {}])
def test_labels_are_not_guessed_from_other_types(label):
    with pytest.raises(InvalidInputError):
        Classes(["food", "1"], multi_label=False).check(label)


def test_whole_numbers_may_be_names():
    classes = Classes([1, 2, 5], multi_label=False)
    assert classes.check(5) == 5
    assert classes.encode([5, 1]) == [2, 0]
    with pytest.raises(InvalidInputError):
        classes.check("5")


def test_multi_labels_are_a_set_in_the_classes_order():
    classes = Classes(["a", "b", "c"], multi_label=True)
    assert classes.check(["c", "a", "c"]) == ["a", "c"]
    assert classes.check({"b"}) == ["b"]
    assert classes.check([]) == []
    assert classes.encode([["c", "a"], []]) == [[1.0, 0.0, 1.0], [0.0, 0.0, 0.0]]
    for bad in ("a", ["a", "d"], None, 1, {"a": 1}):
        with pytest.raises(InvalidInputError):
            classes.check(bad)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("food", "a list of class names"),
        (["food"], "at least 2"),
        (["food", "food"], "distinct"),
        (["food", None], "strings or whole numbers"),
        (["food", True], "strings or whole numbers"),
    ],
)
def test_bad_class_names_are_refused(names, message):
    with pytest.raises(InvalidInputError, match=message):
        check_class_names(names, multi_label=False)
    if len(names) == 1:
        assert check_class_names(names, multi_label=True) == names


def test_numpy_scalars_are_the_names_they_hold():
    texts = Classes(np.unique(["b", "a"]), False)
    assert texts.names == ["a", "b"]
    assert all(type(name) is str for name in texts.names)
    assert texts.encode(np.array(["b", "a"])) == [1, 0]
    numbers = Classes(np.array([3, 5]), False)
    assert [numbers.check(5), numbers.check(np.int64(3))] == [5, 3]
    assert type(numbers.check(np.int64(3))) is int
    with pytest.raises(InvalidInputError, match="label"):
        numbers.check(np.bool_(True))


@pytest.mark.parametrize(
    "named",
    [
        {0: "cat", 1: "bird"},
        {"1": "bird", "0": "cat"},
        {"bird": 1, "cat": 0},
        '["cat", "bird"]',
        '{"0": "cat", "1": "bird"}',
        pd.Series(["cat", "bird"], index=[7, 9]),
    ],
)
def test_names_in_the_order_of_the_outputs_however_they_are_given(named):
    assert check_class_names(named, multi_label=False) == ["cat", "bird"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({"cat", "bird"}, "a set, which has no order"),
        ({0: "cat", 2: "bird"}, "between the outputs 0, 1"),
        ({True: "cat", False: "bird"}, "between the outputs 0, 1"),
        ("cat, bird", "a list of class names"),
        ("3", "a list of class names"),
    ],
)
def test_names_without_an_order_are_refused(names, message):
    with pytest.raises(InvalidInputError, match=message):
        check_class_names(names, multi_label=False)


@pytest.mark.parametrize(
    "row",
    [[0, 1, 0], [1, 0, 1], [0, 0, 0], (1, 1, 1), [0.0, 1.0, 0.0], list(np.eye(3, dtype=int)[1])],
)
def test_rows_of_zeros_and_ones_are_not_read_as_names(row):
    with pytest.raises(InvalidInputError, match=r"row 4.*Pass the names of the classes with a 1"):
        Classes([0, 1, 2], multi_label=True).check(row, "row 4")
    for names in (["a", "b", "c"], [5, 1, 0]):
        with pytest.raises(InvalidInputError, match="label"):
            Classes(names, multi_label=True).check(row)


def test_numbers_that_are_names_are_read_as_such():
    classes = Classes([0, 1, 2], multi_label=True)
    assert classes.check([0, 1]) == [0, 1]
    assert classes.check([2, 1, 0]) == [0, 1, 2]
    assert classes.check([0]) == [0]
    assert classes.check([]) == []
    two = Classes([0, 1], multi_label=True)
    assert two.check({0, 1}) == [0, 1]
    assert two.check(two.check({1, 0})) == [0, 1]  # as the store keeps it
    assert two.check([1]) == [1]
    for row in ([1, 0], [0, 0], [1, 1], [False, True]):
        with pytest.raises(InvalidInputError, match="label"):
            two.check(row)
    assert Classes([1], multi_label=True).check([1]) == [1]


@pytest.mark.parametrize("label", [None, float("nan"), -1, pd.NA, pd.NaT])
def test_marks_of_a_missing_label_are_refused_as_such(label):
    for several in (False, True):
        with pytest.raises(InvalidInputError, match="a missing label: leave the sample out"):
            Classes(["a", "b"], several).check(label, "row 3")
    assert Classes([-1, 1], False).check(-1) == -1


@pytest.mark.parametrize(
    "names", [[1, "1"], ["a", "b", "a "], ["caf\u00e9", "cafe\u0301"], [0, 1, "0"]]
)
def test_names_that_read_alike_are_refused(names):
    with pytest.raises(InvalidInputError, match="told apart"):
        Classes(names, multi_label=False)
    assert len(Classes(["a", "A", 1, "01"], multi_label=False)) == 4


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        (np.array(["b", "a"]), ["a", "b"]),
        (np.array(["b"], dtype=object), ["b"]),
        (np.array([]), []),
        (np.array([], dtype=object), []),
    ],
)
def test_arrays_are_lists_of_names(label, expected):
    assert Classes(["a", "b", "c"], multi_label=True).check(label) == expected
    assert Classes([3, 5, 7], multi_label=True).check(np.array([7, 3])) == [3, 7]


@pytest.mark.parametrize(
    "label",
    [np.array([0, 1, 1]), np.array([0.0, 1.0, 0.0], np.float32), np.array([True, False, True])],
)
@pytest.mark.parametrize("names", [["a", "b", "c"], [0, 1, 2]])
def test_arrays_of_indicators_are_refused(label, names):
    with pytest.raises(InvalidInputError, match=r"a row of 0 and 1.*names of the classes"):
        Classes(names, multi_label=True).check(label)


@pytest.mark.parametrize("label", [np.array([["a"]]), np.array("a"), np.array(["z"])])
def test_other_arrays_are_no_labels(label):
    with pytest.raises(InvalidInputError, match="label"):
        Classes(["a", "b"], multi_label=True).check(label)

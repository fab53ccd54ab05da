from __future__ import annotations

import numpy as np
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

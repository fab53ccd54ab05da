"""Canvases with real digits: reproducible, with every digit in its box."""

from collections import Counter

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="the digits are scikit-learn's")

from altasks.data.samples.digit_canvases import digit_canvases
from altasks.errors import InvalidInputError


def test_a_seed_says_what_comes_out():
    one, same, other = (digit_canvases(5, seed=seed) for seed in (0, 0, 1))
    assert all(np.array_equal(one.images[name], same.images[name]) for name in one.images)
    assert one.labels == same.labels
    assert one.labels != other.labels
    assert digit_canvases(5, seed=0, part="test").labels != one.labels


def test_boxes_lie_inside_and_apart_and_hold_a_digit():
    made = digit_canvases(30, seed=3, size=128)
    for name, label in made.labels.items():
        image = made.images[name].astype(float)
        for i, entry in enumerate(label):
            x1, y1, x2, y2 = (int(value) for value in entry["box"])
            assert 0 <= x1 < x2 <= 128
            assert 0 <= y1 < y2 <= 128
            inside = image[y1:y2, x1:x2].mean(2)
            assert inside.max() > inside.min() + 20  # ink on the texture
            for other in label[:i]:
                a, b = entry["box"], other["box"]
                assert a[2] < b[0] or b[2] < a[0] or a[3] < b[1] or b[3] < a[1]


def test_rare_digits_are_rare_and_some_canvases_empty():
    made = digit_canvases(200, seed=0, size=96)
    counts = Counter(entry["label"] for label in made.labels.values() for entry in label)
    assert 0 < counts["3"] + counts["4"] < 0.2 * counts["0"] + 0.2 * counts["1"]
    assert any(not label for label in made.labels.values())


@pytest.mark.parametrize(
    "options",
    [
        {"part": "train"},
        {"rare": (9,)},
        {"digits": (11,)},
        {"rarity": 0},
        {"size": 10},
        {"most": 0},
    ],
)
def test_options_are_checked(options):
    with pytest.raises(InvalidInputError):
        digit_canvases(2, seed=0, **options)

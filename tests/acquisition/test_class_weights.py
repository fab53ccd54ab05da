"""Class weights after Brust, Käding and Denzler, and what they do to the order of images."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import altasks as al
from altasks.errors import InvalidInputError


def brust(boxes, counts, aggregate, background):
    """The score of one image, written from the paper's words: loops and nothing else.

    boxes: of each detection, its class scores and whether the last is background.
    """
    total, classes = sum(counts), len(counts)
    scores = []
    for p in boxes:
        first, second = sorted(p, reverse=True)[:2]
        value = (1 - (first - second)) ** 2
        foreground = p[:-1] if background else p
        predicted = max(range(classes), key=lambda c: foreground[c])
        scores.append(value * (total + classes) / (counts[predicted] + 1))
    if not scores:
        return 0.0
    if aggregate == "sum":
        return math.fsum(scores)
    return max(scores) if aggregate == "max" else math.fsum(scores) / len(scores)


@settings(max_examples=40, derandomize=True)
@given(
    st.lists(st.integers(0, 6), min_size=1, max_size=6),
    st.lists(st.integers(0, 500), min_size=2, max_size=5),
    st.sampled_from(["sum", "mean", "max"]),
    st.booleans(),
    st.integers(0, 10**6),
)
def test_scores_are_the_papers(lengths, counts, aggregate, background, seed):
    rng = np.random.default_rng(seed)
    width = len(counts) + background
    probs = rng.dirichlet(np.full(width, 0.5), sum(lengths))
    prediction = al.Ragged(al.Categorical(probs.reshape(-1, width)), lengths)
    found = al.margin(
        prediction,
        power=2,
        reduce=aggregate,
        class_weights=al.class_weights_from_counts(counts),
    )
    ends = np.cumsum([0, *lengths])
    expected = [
        brust(probs[a:b].tolist(), counts, aggregate, background)
        for a, b in itertools.pairwise(ends)
    ]
    assert found.tolist() == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_weights_change_the_order_as_computed_by_hand():
    """98 cats and 1 dog are labelled: 101/99 for a cat, 101/2 for a dog (99 boxes + 2 classes).

    a: three cats at margin 0 (score 1 each): 3, weighted 3.06.
    b: one dog at margin 0.5 (score 0.25): 0.25, weighted 12.6.
    c: one cat at margin 0.1 (score 0.81): 0.81, weighted 0.826.
    """
    cat, dog = [0.5, 0.0, 0.5], [0.25, 0.75, 0.0]
    unsure = [0.55, 0.0, 0.45]
    units = al.Categorical([cat, cat, cat, dog, unsure])
    boxes = al.Ragged(units, [3, 1, 1, 0])
    weights = al.class_weights_from_counts([98, 1])
    assert weights == [101 / 99, 101 / 2]
    plain = al.margin(boxes, power=2, reduce="sum")
    assert plain.tolist() == pytest.approx([3, 0.25, 0.81, 0])
    weighted = al.margin(boxes, power=2, reduce="sum", class_weights=weights)
    assert weighted.tolist() == pytest.approx([3 * 101 / 99, 101 / 8, 0.81 * 101 / 99, 0])
    assert plain.argsort(descending=True).tolist() == [0, 2, 1, 3]
    assert weighted.argsort(descending=True).tolist() == [1, 0, 2, 3]


def test_weights_are_finite_and_rarer_is_more():
    weights = al.class_weights_from_counts([1000, 10, 0])
    assert weights == sorted(weights)
    assert weights[2] == 1013
    assert al.class_weights_from_counts([5, 5]) == [2, 2]


@pytest.mark.parametrize("counts", [[], [-1], [float("nan")], [math.inf]])
def test_bad_counts_are_refused(counts):
    with pytest.raises(InvalidInputError, match="counts"):
        al.class_weights_from_counts(counts)


def test_an_empty_image_has_the_score_that_is_asked_for():
    boxes = al.Ragged(al.Categorical(torch.zeros(0, 3)), [0, 0])
    assert al.margin(boxes, reduce="sum", empty=2.5).tolist() == [2.5, 2.5]

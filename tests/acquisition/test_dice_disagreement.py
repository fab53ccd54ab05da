import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import altasks as al
from altasks.acquisition.dice_disagreement import DiceSums
from altasks.errors import InvalidInputError, UnsupportedPredictionError


def by_hand(probs, weights=None):
    """From the definition, with sets of units."""
    best = probs.argmax(2)
    members, classes = probs.shape[1:]
    last = best[:, -1]
    means = []
    for k in range(members - 1):
        values = []
        for c in range(classes):
            one = set(np.flatnonzero(best[:, k] == c))
            other = set(np.flatnonzero(last == c))
            if one or other:
                dice = 2 * len(one & other) / (len(one) + len(other))
                values.append((dice, 1.0 if weights is None else weights[c]))
        means.append(sum(d * w for d, w in values) / sum(w for _, w in values))
    return 1 - np.mean(means)


def make(seed, units=17, members=3, classes=4):
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.ones(classes) / 2, (units, members))


@given(st.integers(0, 10_000), st.integers(1, 30), st.integers(2, 4), st.integers(2, 5))
def test_it_is_the_definition_in_any_order_and_any_pieces(seed, units, members, classes):
    probs = make(seed, units, members, classes)
    image = al.Ragged(al.Categorical(probs), [units])
    score = float(al.dice_disagreement(image))
    assert score == pytest.approx(by_hand(probs), abs=1e-9)
    assert 0 <= score <= 1
    rng = np.random.default_rng(seed)
    mixed = al.Ragged(al.Categorical(probs[rng.permutation(units)]), [units])
    assert float(al.dice_disagreement(mixed)) == pytest.approx(score, abs=1e-12)
    cut = int(rng.integers(units + 1))
    one, other = DiceSums(1), DiceSums(1)
    one.add(0, al.Categorical(probs[:cut]))
    other.add(0, al.Categorical(probs[cut:]))
    one.merge(other)
    assert float(one.result()) == pytest.approx(score, abs=1e-12)


def test_weights_of_classes_and_any_stride():
    probs = make(3)
    weights = [1.0, 0.0, 3.0, 2.0]
    units = torch.from_numpy(probs).permute(1, 2, 0).contiguous().permute(2, 0, 1)
    image = al.Ragged(al.Categorical(units), [17])
    found = al.dice_disagreement(image, class_weights=weights)
    assert float(found) == pytest.approx(by_hand(probs, weights))
    assert found.dtype == torch.float64


def test_samples_are_scored_apart_and_empty_ones_too():
    probs = np.concatenate([make(1), make(2, 5)])
    both = al.Ragged(al.Categorical(probs), [17, 0, 5])
    assert al.dice_disagreement(both, empty=0.5).tolist() == pytest.approx(
        [by_hand(probs[:17]), 0.5, by_hand(probs[17:])]
    )
    agreed = al.Ragged(al.Categorical(np.repeat(make(1)[:, :1], 3, 1)), [17])
    assert al.dice_disagreement(agreed).tolist() == [0.0]


@pytest.mark.parametrize(
    "units", [al.Categorical([[0.5, 0.5]]), al.Bernoulli([[[0.5, 0.5], [0.5, 0.5]]])]
)
def test_a_stream_refuses_what_the_function_refuses(units):
    class Streams:
        def iter_predict(self, samples):
            yield 0, units

    for score in (
        lambda: al.dice_disagreement(units),
        lambda: al.score(Streams(), {"a": 1}, "dice_disagreement", progress=False),
    ):
        with pytest.raises(UnsupportedPredictionError, match=r"^dice_disagreement: "):
            score()


@pytest.mark.parametrize("index", [-1, 2])
def test_a_sample_that_is_not_there_is_refused(index):
    with pytest.raises(InvalidInputError, match=f"sample_index: expected 0 to 1, found {index}"):
        DiceSums(2).add(index, al.Categorical(make(0)))


def test_what_it_can_not_read_is_refused():
    with pytest.raises(UnsupportedPredictionError, match="K >= 2"):
        al.dice_disagreement(al.Ragged(al.Categorical([[0.5, 0.5]]), [1]))
    with pytest.raises(InvalidInputError, match="whole masks"):
        al.dice_disagreement(al.Ragged(al.Categorical(make(0)), [17]), reduce="none")

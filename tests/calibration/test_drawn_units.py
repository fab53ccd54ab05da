"""A uniform draw of units, from pieces of any size."""

import numpy as np
import pytest
import torch

from altasks.calibration.drawn_units import DrawnUnits
from altasks.errors import InvalidInputError
from altasks.predictions import Bernoulli, Categorical


def units(count, start=0, kind=Categorical):
    first = (torch.arange(start, start + count) + 1) / 10_000
    return kind(torch.stack([first, 1 - first], 1))


def test_few_units_all_come_in_their_order():
    drawn = DrawnUnits()
    drawn.add(units(3), [0, -1, 1])
    drawn.add(units(2, 3), torch.tensor([-1, -1]))
    drawn.add(units(0), [])
    drawn.add(units(2, 5), np.array([1, 0]))
    found, targets = drawn.all()
    assert targets.tolist() == [0, 1, 1, 0]
    assert (found.probs[:, 0, 0] * 10_000).round().int().tolist() == [1, 3, 6, 7]


@pytest.mark.parametrize("sizes", [[5000], [1] * 600 + [4400], [700, 0, 1300, 3000]])
def test_of_many_some_are_drawn_whatever_the_pieces(sizes):
    """The same ones, however the stream is cut; each about as often as any other."""
    drawn = DrawnUnits(most=1000)
    start = 0
    for size in sizes:
        drawn.add(units(size, start), [start % 2] * size)
        start += size
    found, targets = drawn.all()
    places = (found.probs[:, 0, 0] * 10_000).round().int() - 1
    assert len(found) == len(targets) == 1000
    assert len(set(places.tolist())) == 1000
    assert (places.diff() > 0).all()
    assert 150 <= int((places < 1000).sum()) <= 250
    assert places[:3].tolist() == _first_three()


def _first_three():
    numbers = np.random.default_rng(0).random(5000)
    return np.flatnonzero(numbers <= np.sort(numbers)[999])[:3].tolist()


def test_independent_labels():
    drawn = DrawnUnits(most=10)
    drawn.add(units(40, kind=Bernoulli), [[0, 1], [-1, -1]] * 20)
    drawn.add(units(5, 40, kind=Bernoulli), [[-1, 1]] * 5)
    found, targets = drawn.all()
    assert isinstance(found, Bernoulli)
    assert targets.shape == (10, 2)
    assert not (targets == -1).all(1).any()


def test_what_does_not_fit():
    with pytest.raises(InvalidInputError, match="targets: expected one for each of 3 units"):
        DrawnUnits().add(units(3), [0, 1])
    with pytest.raises(InvalidInputError, match="at least one with a unit"):
        DrawnUnits().all()

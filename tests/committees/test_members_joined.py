from __future__ import annotations

import pytest
import torch

from altasks.committees._join import join_members
from altasks.errors import CommitteeError, InvalidInputError
from altasks.predictions import Bernoulli, Categorical, Normal, Ragged, Transcripts


def test_members_stand_side_by_side_in_order():
    one, two = Categorical([[0.9, 0.1]]), Categorical([[[0.5, 0.5], [0.2, 0.8]]])
    joined = join_members([one, two])
    assert joined.probs.tolist() == [[[0.9, 0.1], [0.5, 0.5], [0.2, 0.8]]]


def test_every_kind_is_joined():
    labels = join_members([Bernoulli([[0.1, 0.7]]), Bernoulli([[0.3, 0.2]])])
    assert labels.probs.tolist() == [[[0.1, 0.7], [0.3, 0.2]]]
    normal = join_members([Normal([[1.0]], [[0.5]]), Normal([[2.0]], [[0.25]])])
    assert normal.mean.flatten().tolist() == [1, 2]
    assert normal.variance.flatten().tolist() == [0.5, 0.25]
    texts = join_members(
        [
            Transcripts([["a"], ["b"]], torch.tensor([[-1.0], [-2.0]])),
            Transcripts([["c"], ["d"]], torch.tensor([[-3.0], [-4.0]])),
        ]
    )
    assert texts.texts == (("a", "c"), ("b", "d"))
    assert texts.log_probs.tolist() == [[-1, -3], [-2, -4]]
    units = Ragged(Categorical([[0.9, 0.1], [0.4, 0.6]]), [2, 0], {"word": ["x", "y"]})
    words = join_members([units, units])
    assert words.members == 2
    assert words.lengths.tolist() == [2, 0]
    assert words.fields["word"] == ("x", "y")


def test_unknown_log_probs_of_one_are_unknown_of_all():
    one = Transcripts([["a"]], torch.tensor([[-1.0]]))
    assert join_members([one, Transcripts([["b"]])]).log_probs is None


def test_what_does_not_belong_together_is_refused():
    one = Categorical([[0.9, 0.1]])
    with pytest.raises(InvalidInputError, match="member 1"):
        join_members([one, Bernoulli([[0.9, 0.1]])])
    with pytest.raises(InvalidInputError, match="member 1"):
        join_members([one, Categorical([[0.9, 0.1], [0.5, 0.5]])])
    with pytest.raises(InvalidInputError, match="2 columns as in member 0, found 3"):
        join_members([one, Categorical([[0.8, 0.1, 0.1]])])
    with pytest.raises(CommitteeError, match="Member 1 sees other units"):
        join_members(
            [
                Ragged(Categorical([[0.9, 0.1]]), [1, 0]),
                Ragged(Categorical([[0.9, 0.1]]), [0, 1]),
            ]
        )
    with pytest.raises(InvalidInputError, match="at least one prediction"):
        join_members([])


def test_the_scale_of_targets_is_kept():
    """Scores average over targets in standardised units: without it kilometres drown grams."""
    one = Normal([[1.0, 2.0]], [[0.5, 0.5]], scale=[2.0, 10.0])
    other = Normal([[1.0, 2.0]], [[0.5, 0.5]], scale=[4.0, 10.0])
    assert join_members([one, one]).scale.tolist() == [2.0, 10.0]
    assert join_members([one, other]).scale.tolist() == [3.0, 10.0]
    assert join_members([one, Normal([[1.0, 2.0]], [[0.5, 0.5]])]).scale is None

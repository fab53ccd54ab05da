from functools import partial

import numpy as np
import pytest
import torch

import altasks as al
from altasks.errors import InvalidInputError
from altasks.testing.acquisitions import AcquisitionSuite, make_predictions


class TestLabelCardinalityInconsistency(AcquisitionSuite):
    options = {"mean_labels": 1.3}  # noqa: RUF012

    @pytest.fixture
    def function(self):
        return al.label_cardinality_inconsistency

    @pytest.fixture
    def predictions(self):
        return make_predictions(al.Bernoulli)


def test_equals_a_plain_count():
    rng = np.random.default_rng(0)
    labels = [["a", "c"], [], ["b"], ["a", "b", "c", "d"]]
    for dtype in (np.float16, np.float32, np.float64):
        probs = rng.random((500, 3, 4)).astype(dtype)
        mean = sum(len(row) for row in labels) / len(labels)
        expected = []
        for members in probs.astype(np.float64):
            average = members.mean(0)
            expected.append(abs(sum(1 for p in average if p > 0.5) - mean))
        found = al.label_cardinality_inconsistency(al.Bernoulli(probs), mean_labels=mean)
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6)


def test_beyond_a_piece():
    probs = torch.rand(40_000, 2, 5, generator=torch.Generator().manual_seed(0))
    found = al.label_cardinality_inconsistency(al.Bernoulli(probs), mean_labels=2)
    expected = ((probs.mean(1) > 0.5).sum(1) - 2).abs()
    assert torch.equal(found, expected.float())


def test_threshold():
    prediction = al.Bernoulli([[0.2, 0.4, 0.6]])
    scores = [
        al.label_cardinality_inconsistency(prediction, mean_labels=0, threshold=t).item()
        for t in (0, 0.3, 0.6)
    ]
    assert scores == [3, 2, 0]


@pytest.mark.parametrize(
    "options",
    [{}, {"mean_labels": -1}, {"mean_labels": np.nan}, {"mean_labels": 1, "threshold": 1}],
)
def test_options(options):
    with pytest.raises(InvalidInputError, match="threshold" if len(options) > 1 else "mean_labels"):
        al.label_cardinality_inconsistency(al.Bernoulli([[0.5]]), **options)


class Tags:
    """A multi-label task over vectors of probabilities, which are its predictions."""

    def predict(self, samples):
        return al.Bernoulli(samples)


POOL = {"none": [0.1, 0.2, 0.1], "one": [0.9, 0.1, 0.1], "two": [0.9, 0.1, 0.9], "all": [0.9] * 3}


def test_a_loop_fills_it_by_its_labels():
    for labels, first in ((["x"], "all"), (["x", "y", "z"], "none")):
        pool = {**POOL, "labelled": [0.5, 0.5, 0.5]}
        loop = al.ActiveLoop(
            Tags(), pool, acquisition="label_cardinality_inconsistency", progress=False
        )
        loop.tell({"labelled": labels})
        query = loop.ask(1)
        assert query.ids == [first]
        mean = len(labels)
        assert query.scores == [abs(sum(p > 0.5 for p in POOL[first]) - mean)]


def test_a_loop_with_a_strategy_that_predicts_what_is_labelled():
    function = al.label_cardinality_inconsistency
    loop = al.ActiveLoop(
        Tags(), {**POOL, "l": [0.5] * 3}, acquisition=function, strategy=al.Balanced("top_k"),
        progress=False,
    )  # fmt: skip
    loop.tell({"l": ["x"]})
    assert len(loop.ask(2)) == 2


def test_what_is_given_goes_first():
    loop = al.ActiveLoop(
        Tags(), {**POOL, "l": [0.5] * 3}, acquisition="label_cardinality_inconsistency",
        acquisition_options={"mean_labels": 3}, progress=False,
    )  # fmt: skip
    loop.tell({"l": ["x"]})
    assert loop.ask(1).ids == ["none"]
    bound = partial(al.label_cardinality_inconsistency, mean_labels=0.0)
    loop = al.ActiveLoop(Tags(), POOL, acquisition=bound, progress=False)
    assert loop.ask(1).ids == ["all"]


def test_a_loop_without_labels_says_so():
    loop = al.ActiveLoop(
        Tags(), POOL, acquisition="label_cardinality_inconsistency", progress=False
    )
    with pytest.raises(InvalidInputError, match="Where labels are told"):
        loop.ask(1)


def test_labels_that_are_no_lists():
    loop = al.ActiveLoop(
        Tags(), POOL, acquisition="label_cardinality_inconsistency", progress=False
    )
    loop.tell({"one": "x"})
    with pytest.raises(InvalidInputError, match="the list of its classes"):
        loop.ask(1)

import math
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import nn

from altasks.acquisition import expected_gradient_length
from altasks.errors import InvalidInputError, UnsupportedPredictionError
from altasks.predictions import Bernoulli, Categorical, Normal, Ragged
from altasks.testing.acquisitions import AcquisitionSuite, make_predictions


def with_features(predictions, width=6, seed=0):
    rng = np.random.default_rng(seed)
    return [
        type(one)(one.probs, features=rng.normal(size=(len(one), width))) for one in predictions
    ]


class TestExpectedGradientLength(AcquisitionSuite):
    @pytest.fixture
    def function(self):
        return expected_gradient_length

    @pytest.fixture
    def predictions(self):
        return with_features(make_predictions(Categorical, Bernoulli))


class TestWithoutBias(TestExpectedGradientLength):
    options: ClassVar[dict] = {"bias": False}


def small_net(classes, bias, seed, spread=2.0):
    generator = torch.Generator().manual_seed(seed)
    trunk = nn.Sequential(nn.Linear(5, 7), nn.Tanh()).double()
    head = nn.Linear(7, classes, bias=bias).double()
    with torch.no_grad():
        for parameter in [*trunk.parameters(), *head.parameters()]:
            parameter.copy_(spread * torch.randn(parameter.shape, generator=generator).double())
    samples = torch.randn(9, 5, generator=generator).double()
    return trunk, head, samples


def by_autograd(loss, head):
    """The length of the gradient of a loss by all parameters of the head."""
    found = torch.autograd.grad(loss, list(head.parameters()), retain_graph=True)
    return math.sqrt(sum(float(part.square().sum()) for part in found))


@pytest.mark.parametrize("spread", [0.3, 2.0, 8.0])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("classes", [2, 3, 11])
def test_equals_autograd(classes, bias, spread):
    for seed in range(3):
        trunk, head, samples = small_net(classes, bias, seed, spread)
        hidden = trunk(samples).detach()
        logits = head(hidden)
        expected = []
        for row in range(len(samples)):
            probs = torch.softmax(logits[row], -1).detach()
            lengths = [
                by_autograd(nn.functional.cross_entropy(logits[row], torch.tensor(c)), head)
                for c in range(classes)
            ]
            expected.append(sum(float(p) * x for p, x in zip(probs, lengths, strict=True)))
        for dtype in (torch.float64, torch.float32):
            made = Categorical.from_logits(logits.detach().to(dtype), hidden.to(dtype))
            found = expected_gradient_length(made, bias=bias)
            assert found.dtype == dtype
            assert found.tolist() == pytest.approx(expected, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("bias", [True, False])
def test_labels_equal_autograd(bias):
    trunk, head, samples = small_net(4, bias, seed=1)
    hidden = trunk(samples).detach()
    logits = head(hidden)
    expected = torch.zeros(len(samples), 4)
    for row in range(len(samples)):
        for label in range(4):
            p = float(torch.sigmoid(logits[row, label].detach()))
            for truth, chance in ((0.0, 1 - p), (1.0, p)):
                target = torch.tensor(truth, dtype=torch.float64)
                loss = nn.functional.binary_cross_entropy_with_logits(logits[row, label], target)
                expected[row, label] += chance * by_autograd(loss, head)
    made = Bernoulli.from_logits(logits.detach(), hidden)
    for labels, total in (("mean", expected.mean(1)), ("sum", expected.sum(1))):
        found = expected_gradient_length(made, bias=bias, labels=labels)
        assert found.tolist() == pytest.approx(total.tolist(), rel=1e-5)
    found = expected_gradient_length(made, bias=bias, labels="max")
    assert found.tolist() == pytest.approx(expected.amax(1).tolist(), rel=1e-5)


def test_the_sum_over_labels_bounds_the_whole_gradient():
    rng = np.random.default_rng(0)
    probs, features = rng.random((5, 3)), rng.normal(size=(5, 4))
    made = Bernoulli(probs, features)
    bound = expected_gradient_length(made, labels="sum").numpy()
    lengths = np.sqrt((features**2).sum(1) + 1)
    exact = np.zeros(5)
    for truth in np.ndindex(2, 2, 2):
        chance = np.prod(np.where(truth, probs, 1 - probs), 1)
        exact += chance * np.linalg.norm(probs - truth, axis=1) * lengths
    assert (exact <= bound + 1e-12).all()


def test_nearly_certain_in_float32():
    """Rounding in |p|^2 - 2 p + 1 would be thousands of times the score."""
    small = torch.tensor([1e-3, 1e-4, 1e-5, 1e-6], dtype=torch.float64)
    probs = torch.stack([1 - small, small * 0.75, small * 0.25], 1)
    features = torch.zeros(4, 2)
    exact = expected_gradient_length(Categorical(probs, features)).double()
    found = expected_gradient_length(Categorical(probs.float(), features)).double()
    # What is left is the rounding of 1 - 1e-6 to float32 itself.
    assert ((found - exact).abs() <= 1.2e-7).all()
    assert (found.diff() < 0).all()


@pytest.mark.parametrize("classes", [2, 3, 100])
def test_at_most_that_of_a_uniform_distribution(classes):
    rng = np.random.default_rng(0)
    probs = np.concatenate(
        [rng.dirichlet(np.ones(classes), 50), np.full((1, classes), 1 / classes)]
    )
    scores = expected_gradient_length(Categorical(probs, np.zeros((51, 1))))
    assert scores[-1].item() == pytest.approx(math.sqrt(1 - 1 / classes))
    assert (scores[:-1] < scores[-1]).all()


def test_a_committee_is_averaged_first():
    rng = np.random.default_rng(0)
    probs, features = rng.dirichlet(np.ones(3), (6, 4)), rng.normal(size=(6, 2))
    found = expected_gradient_length(Categorical(probs, features))
    alone = expected_gradient_length(Categorical(probs.mean(1), features))
    torch.testing.assert_close(found, alone)


def test_ragged_units_have_their_own_features():
    units = Categorical([[0.5, 0.5], [0.5, 0.5], [1.0, 0.0]], features=[[0.0], [3.0], [9.0]])
    words = Ragged(units, [2, 0, 1])
    alone = expected_gradient_length(units)
    assert expected_gradient_length(words, reduce="none").tolist() == alone.tolist()
    mean = float(alone[:2].mean())
    assert expected_gradient_length(words, empty=-1.0).tolist() == pytest.approx([mean, -1.0, 0.0])
    weighted = expected_gradient_length(words, reduce="max", class_weights=[2.0, 1.0])
    assert weighted[0].item() == pytest.approx(2 * float(alone[1]))


@pytest.mark.parametrize("scale", [1e30, 1e200])
def test_features_whose_squares_leave_the_range(scale):
    probs = np.array([[0.5, 0.5], [1.0, 0.0]])
    features = scale * np.ones((2, 3))
    found = expected_gradient_length(Categorical(probs, features))
    assert found.tolist() == pytest.approx([math.sqrt(1.5) * scale, 0.0])
    narrow = expected_gradient_length(Categorical(probs.astype(np.float32), features))
    assert narrow.dtype == torch.float32
    assert torch.isfinite(narrow).all()
    assert narrow[1] == 0


def test_without_features_it_says_how_to_get_them():
    for kind in (Categorical, Bernoulli):
        with pytest.raises(InvalidInputError, match=rf"{kind.__name__}\(probs, features=h\)"):
            expected_gradient_length(kind([[0.5, 0.5]]))
    with pytest.raises(InvalidInputError, match="features"):
        expected_gradient_length(Ragged(Categorical([[0.5, 0.5]]), [1]))


def test_regression_is_told_what_suits_it():
    with pytest.raises(UnsupportedPredictionError, match="variance"):
        expected_gradient_length(Normal([1.0], [1.0]))


@pytest.mark.parametrize(
    ("options", "message"),
    [({"bias": 1}, "bias"), ({"labels": "all"}, "labels"), ({"reduce": "median"}, "reduce")],
)
def test_bad_options(options, message):
    with pytest.raises(InvalidInputError, match=message):
        expected_gradient_length(Categorical([[0.5, 0.5]], [[1.0]]), **options)

import math

import pytest
import torch

import altasks as al
from altasks.acquisition import bald
from altasks.errors import InvalidInputError, UnsupportedPredictionError
from altasks.predictions import Bernoulli, Categorical, Normal, Ragged
from altasks.testing.acquisitions import AcquisitionSuite, make_predictions


class TestBald(AcquisitionSuite):
    @pytest.fixture
    def function(self):
        return bald

    @pytest.fixture
    def predictions(self):
        return make_predictions(Categorical, Bernoulli, Normal)


def test_sure_but_split_against_both_unsure():
    split, unsure = [[1.0, 0.0], [0.0, 1.0]], [[0.5, 0.5], [0.5, 0.5]]
    scores = bald(Categorical([split, unsure]))
    assert scores.tolist() == pytest.approx([math.log(2), 0.0])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("classes", [2, 3, 10, 1000])
def test_bounds_hold_exactly(dtype, classes):
    split = torch.eye(classes, dtype=dtype)[None]
    same = torch.softmax(
        torch.randn(50, 1, classes, generator=torch.Generator().manual_seed(0)), -1
    )
    scores = bald(Categorical(split))
    assert float(scores) <= math.log(classes)
    assert float(scores) == pytest.approx(math.log(classes), rel=1e-5)
    assert float(bald(Categorical(same.to(dtype).expand(-1, 5, -1))).min()) >= 0


def test_more_rows_than_a_piece():
    probs = torch.softmax(torch.randn(9000, 5, 7, generator=torch.Generator().manual_seed(0)), -1)
    prediction = Categorical(probs)
    mean = probs.mean(1)
    plain = torch.special.entr(mean).sum(-1) - torch.special.entr(probs).sum(-1).mean(1)
    torch.testing.assert_close(bald(prediction), plain, rtol=1e-5, atol=1e-6)
    assert torch.equal(bald(prediction[4000:]), bald(prediction)[4000:])


def test_a_map_of_pixels_is_viewed_not_copied():
    maps = torch.softmax(torch.randn(3, 4, 70, 80, generator=torch.Generator().manual_seed(0)), 1)
    pixels = maps.flatten(2).permute(2, 0, 1)  # M x K x C, classes far apart
    prediction = Categorical(pixels)
    assert prediction.probs.data_ptr() == maps.data_ptr()
    expected = bald(Categorical(pixels.contiguous()))
    torch.testing.assert_close(bald(prediction), expected, rtol=1e-5, atol=1e-6)
    whole = bald(Ragged(prediction, [5600]), reduce="max")
    assert whole.item() == bald(prediction).max().item()


def test_normal_is_moment_matched():
    # Means 0 and 2, variances 1 and 3: the mixture has variance 2 + 1.
    prediction = Normal([[[0.0], [2.0]]], [[[1.0], [3.0]]])
    expected = 0.5 * math.log(3) - 0.5 * (0.5 * math.log(1) + 0.5 * math.log(3))
    assert bald(prediction).item() == pytest.approx(expected)


def test_normal_bounds_the_mutual_information_from_above():
    # The mixture's own entropy by numerical integration is never above the matched normal's.
    mean, variance = torch.tensor([0.0, 3.0]), torch.tensor([1.0, 0.25])
    grid = torch.linspace(-12, 15, 200_001, dtype=torch.float64)
    parts = torch.distributions.Normal(mean.double(), variance.double().sqrt())
    density = parts.log_prob(grid[:, None]).exp().mean(1)
    mixture = -torch.trapezoid(torch.xlogy(density, density), grid)
    exact = float(mixture - parts.entropy().mean())
    found = bald(Normal(mean[None, :, None], variance[None, :, None])).item()
    assert 0 < exact < found


def test_normal_does_not_depend_on_units():
    mean, variance = torch.randn(5, 3, 2, dtype=torch.float64), torch.rand(5, 3, 2).double() + 0.1
    plain = bald(Normal(mean, variance))
    torch.testing.assert_close(bald(Normal(mean, variance, scale=[10.0, 0.1])), plain)
    torch.testing.assert_close(bald(Normal(1e-3 * mean, 1e-6 * variance)), plain)


def test_a_variance_of_zero_points_elsewhere():
    variance = torch.ones(3, 2, 2)
    variance[1, 1, 0] = 0
    with pytest.raises(InvalidInputError, match=r"row 1, member 1, target 0.*epistemic_variance"):
        bald(Normal(torch.zeros(3, 2, 2), variance))


def test_no_class_weights_without_classes():
    with pytest.raises(InvalidInputError, match="class_weights: expected None for a Normal"):
        bald(Normal(torch.zeros(1, 2, 1), torch.ones(1, 2, 1)), class_weights=[1.0])


def test_one_member_names_the_functions_that_fit():
    with pytest.raises(
        UnsupportedPredictionError,
        match="entropy, expected_gradient_length, least_confidence, margin or mnlp",
    ):
        bald(Categorical([[0.5, 0.5]]))
    with pytest.raises(UnsupportedPredictionError, match="With one member use variance"):
        bald(Normal([0.0], [1.0]))


def test_labels():
    prediction = Bernoulli([[[1.0, 0.5], [0.0, 0.5]]])
    assert bald(prediction, labels="sum").item() == pytest.approx(math.log(2))


def test_by_name():
    assert al.get_acquisition("bald") is bald
    assert al.bald is bald

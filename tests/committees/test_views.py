"""Views of one image: what each shows, and what a committee of them is."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from altasks.committees import Committee, Views
from altasks.committees.base import Network
from altasks.committees.views import FLIPS, PLACES
from altasks.errors import CommitteeError, InvalidInputError


class Mean(nn.Module):
    """Class 0 is the brightness of the upper left quarter, class 1 that of the lower right."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(2, 2, bias=False)
        with torch.no_grad():
            self.head.weight.copy_(torch.eye(2))

    def forward(self, images):
        half = images.shape[-1] // 2
        corners = images[..., :half, :half], images[..., half:, half:]
        return self.head(torch.stack([part.mean((1, 2, 3)) for part in corners], 1))


def network():
    model = Mean()
    return Network(model, model, model.head, 2)


IMAGES = torch.arange(2 * 3 * 8 * 8, dtype=torch.float32).reshape(2, 3, 8, 8)


def test_it_is_a_committee():
    committee = Views()
    assert isinstance(committee, Committee)
    assert (committee.members, committee.joint) == (10, True)
    assert Views(flips=FLIPS).members == 20
    assert Views(places=PLACES, flips=[]).members == 6


@pytest.mark.parametrize("place", PLACES)
def test_what_each_place_shows(place):
    shown = Views(scale=0.5).part(IMAGES, place)
    assert shown.shape == IMAGES.shape
    if place == "whole":
        assert torch.equal(shown, IMAGES)
        return
    top, left = {
        "centre": (2, 2), "top_left": (0, 0), "top_right": (0, 4),
        "bottom_left": (4, 0), "bottom_right": (4, 4),
    }[place]  # fmt: skip
    part = IMAGES[..., top : top + 4, left : left + 4]
    # Scaled up twice: each corner of the part is a corner of what is shown.
    assert torch.equal(shown[..., 0, 0], part[..., 0, 0])
    assert torch.equal(shown[..., -1, -1], part[..., -1, -1])
    assert shown.mean().item() == pytest.approx(part.mean().item(), rel=1e-5)


@pytest.mark.parametrize("flip", FLIPS)
def test_each_flip_by_hand(flip):
    committee = Views(places=["whole"], flips=[flip])
    drawn = committee.draw(network(), [IMAGES])[0]
    turned = {
        "mirror": IMAGES.flip(3), "upside_down": IMAGES.flip(2), "half_turn": IMAGES.flip(2, 3)
    }[flip]  # fmt: skip
    model = Mean()
    assert torch.equal(drawn.logits[:, 0], model(IMAGES))
    assert torch.equal(drawn.logits[:, 1], model(turned))
    assert torch.allclose(drawn.features, (model(IMAGES) + model(turned)) / 2)


@settings(max_examples=30)
@given(st.integers(1, 5), st.integers(1, 6), st.integers(1, 9), st.integers(1, 9))
def test_batches_and_sizes_change_nothing(n, cut, height, width):
    images = torch.rand(n, 3, height + 1, width + 1, generator=torch.Generator().manual_seed(0))
    committee, model = (
        Views(),
        nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2)),
    )
    one = Network(model, model, model[-1], 2)
    whole = committee.draw(one, [images])[0].logits
    parts = committee.draw(one, images.split(cut))
    assert whole.shape == (n, 10, 2)
    assert torch.allclose(whole, torch.cat([part.logits for part in parts]), atol=1e-6)


def test_modes_and_gradients_are_left_alone():
    model = Mean().train()
    Views().draw(Network(model, model, model.head, 2), [IMAGES])
    assert model.training
    assert torch.is_grad_enabled()
    committee = Views()
    before = committee.draw(network(), [IMAGES])[0].logits
    committee.start_round(7)
    assert torch.equal(before, committee.draw(network(), [IMAGES])[0].logits)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"places": ["whole"], "flips": []}, "at least two views"),
        ({"places": [], "flips": ["mirror"]}, "at least two views"),
        ({"places": "whole"}, r"Use \['whole'\]"),
        ({"places": ["middle"]}, "'whole', 'centre'"),
        ({"flips": ["mirror", "mirror"]}, "'mirror' twice"),
        ({"flips": ["rotate"]}, "flips: expected names among 'mirror'"),
        ({"scale": 1.0}, "scale: expected"),
        ({"scale": 0}, "scale: expected"),
        ({"scale": "big"}, "scale: expected"),
    ],
)
def test_bad_settings_are_named(options, message):
    with pytest.raises(InvalidInputError, match=message):
        Views(**options)


def test_what_is_not_an_image_is_refused():
    for batch in ({"input_ids": torch.zeros(2, 3)}, torch.zeros(2, 3)):
        with pytest.raises(CommitteeError, match="ImageClassification"):
            Views().draw(network(), [batch])

from __future__ import annotations

import pytest
import torch
from torch import nn

from altasks.committees import Network
from altasks.committees.head import HeadProbe, draw_once, find_head
from altasks.errors import InvalidInputError


def test_the_last_fitting_layer_is_found():
    net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 8), nn.Linear(8, 3), nn.LayerNorm(3))
    assert find_head(net, 3) is net[2]
    assert find_head(net, 3, "0") is net[0]


def test_a_missing_head_lists_what_there_is():
    net = nn.Sequential(nn.Linear(4, 8))
    with pytest.raises(InvalidInputError, match=r"an nn.Linear with 3 outputs.*0 \(8\).*head="):
        find_head(net, 3)
    with pytest.raises(InvalidInputError, match="head: expected the dotted name"):
        find_head(net, 8, "classifier")


def test_a_layer_that_does_not_make_the_logits_is_refused():
    model = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 3), nn.ReLU())

    def forward(batch):
        return model[0](batch) @ torch.eye(7, 3).T

    network = Network(model, forward, model[1], 3)
    with pytest.raises(InvalidInputError, match="ran 0 times in a pass"):
        draw_once(network, [torch.zeros(2, 4)])
    assert not model[1]._forward_hooks


def test_what_happens_after_the_head_happens_to_all_members():
    """A model may pick one position of many after its last layer, as GPT-2 does."""
    head = nn.Linear(4, 3)
    model = nn.Sequential(nn.Identity(), nn.Dropout(0.5), head).eval()
    network = Network(model, lambda batch: model(batch)[:, 1], head, 3)
    batch = torch.randn(5, 2, 4)
    masks = torch.tensor([[1.0, 0, 1, 1], [0, 1, 1, 1]])
    seen = []

    def copies(p):
        seen.append(p)
        return head.weight * masks[:, None], head.bias.expand(2, 3)

    with torch.no_grad(), HeadProbe(network, copies).attached() as probe:
        draws = probe.run(batch)
    assert seen == [0.5]
    assert torch.equal(draws.features, batch[:, 1])
    expected = torch.stack([head(batch[:, 1] * mask) for mask in masks], 1)
    assert torch.allclose(draws.logits, expected.detach(), atol=1e-6)


def test_dims_between_stay_between():
    """Words: n x L x d in, n x K x L x C out."""
    head = nn.Linear(4, 3, bias=False)
    model = nn.Sequential(nn.Dropout(0.5), head).eval()
    network = Network(model, model, head, 3)
    copies = lambda _: (head.weight.expand(5, 3, 4), None)  # noqa: E731
    with torch.no_grad(), HeadProbe(network, copies).attached() as p:
        draws = p.run(torch.randn(2, 7, 4))
    assert draws.logits.shape == (2, 5, 7, 3)
    assert draws.features.shape == (2, 7, 4)


def test_a_part_that_is_called_base_layer_hides_nothing():
    class Trunk(nn.Module):  # timm's DLA names its first convolutions so
        def __init__(self):
            super().__init__()
            self.base_layer = nn.Linear(3, 4)
            self.fc = nn.Linear(4, 2)

    trunk = Trunk()
    assert find_head(nn.Sequential(trunk), 2) is trunk.fc
    assert find_head(nn.Sequential(trunk), 4) is trunk.base_layer

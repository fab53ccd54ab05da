from __future__ import annotations

import threading

import pytest
import torch
from torch import nn

from altasks.committees.modes import (
    dropout_firing,
    dropout_probabilities,
    evaluating,
    is_dropout,
    is_normalisation,
)


class ScaleNorm(nn.Module):
    def forward(self, x):
        return x / x.norm()


class PreNormBlock(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4)
        self.drop = nn.Dropout(0.5)


class Counter(nn.Module):
    """Counts its passes while training, as a layer with a running average of its own would."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("passes", torch.zeros(1))

    def forward(self, x):
        if self.training:
            self.passes += 1
        return x


def make_net() -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(4, 4),
        nn.BatchNorm1d(4),
        Counter(),
        nn.Dropout(0.25),
        PreNormBlock().drop,
        nn.MultiheadAttention(4, 2, dropout=0.1),
    )


@pytest.mark.parametrize(
    "module",
    [
        nn.BatchNorm2d(3),
        nn.InstanceNorm1d(3),
        nn.LayerNorm(3),
        nn.GroupNorm(1, 3),
        nn.RMSNorm(3),
        ScaleNorm(),
    ],
)
def test_normalisation_layers_are_known(module):
    assert is_normalisation(module)


def test_a_block_named_after_its_norm_is_not_a_norm():
    assert not is_normalisation(PreNormBlock())


def test_dropout_layers_are_known():
    assert is_dropout(nn.Dropout2d(0.1))
    assert not is_dropout(nn.Linear(2, 2))


def test_normalisation_rests_while_everything_else_trains():
    net = make_net().eval()
    with dropout_firing(net):
        assert not net[1].training
        assert all(part.training for name, part in net.named_modules() if name not in ("1",))


def test_each_module_gets_its_own_mode_back():
    net = make_net().train()
    net[3].training = False
    net[5].training = False
    before = [module.training for module in net.modules()]
    for context in (dropout_firing(net), evaluating(net)):
        with context:
            pass
        assert [module.training for module in net.modules()] == before


def test_modes_buffers_and_probabilities_come_back_after_an_exception():
    net = make_net().eval()
    net[0].training = True
    net[1].running_mean.fill_(3)
    before = [module.training for module in net.modules()]
    probabilities = dropout_probabilities(net)
    state = {name: value.clone() for name, value in net.state_dict().items()}
    with pytest.raises(RuntimeError, match="halfway"), dropout_firing(net, 0.9):  # noqa: PT012
        assert set(dropout_probabilities(net).values()) == {0.9}
        net[:3](torch.randn(8, 4))
        assert net[2].passes == 1
        raise RuntimeError("halfway")
    assert [module.training for module in net.modules()] == before
    assert dropout_probabilities(net) == probabilities
    assert all(torch.equal(value, state[name]) for name, value in net.state_dict().items())


def test_a_thread_that_waits_its_turn_keeps_nothing_of_the_others_passes():
    net = make_net().eval()
    begun, inside = threading.Event(), threading.Event()

    def second():
        begun.set()
        with dropout_firing(net):
            inside.set()

    thread = threading.Thread(target=second)
    with dropout_firing(net):
        net[2](torch.zeros(1))  # counts
        thread.start()
        begun.wait()
        assert not inside.wait(0.2)
    thread.join()
    assert net[2].passes == 0


def test_probabilities_outside_dropout_layers_are_found():
    assert dropout_probabilities(make_net()) == {"3.p": 0.25, "4.p": 0.5, "5.dropout": 0.1}


def test_a_switch_is_no_probability():
    net = make_net()
    net.dropout = False  # says whether to drop anything, not how much
    assert "dropout" not in dropout_probabilities(net)
    with dropout_firing(net, 0.3):
        assert net.dropout is False


def test_gradient_checkpointing_is_off_meanwhile():
    net = make_net()
    net.gradient_checkpointing = True
    with dropout_firing(net):
        assert net.gradient_checkpointing is False
    assert net.gradient_checkpointing is True

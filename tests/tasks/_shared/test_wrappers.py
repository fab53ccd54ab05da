from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from altasks.committees.modes import eager
from altasks.tasks._shared.wrappers import (
    half_type,
    is_quantised,
    unwrapped,
    widen,
    widen_for,
)


def test_wrappers_are_taken_off_and_share_the_weights():
    net = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 2))
    for wrapped in (
        torch.compile(net, backend="eager"),
        nn.DataParallel(net),
        nn.DataParallel(torch.compile(net, backend="eager")),
    ):
        assert unwrapped(wrapped) is net
    assert unwrapped(net) is net
    assert unwrapped("a/checkpoint") == "a/checkpoint"


@pytest.mark.parametrize("how", ["in place", "a part", "a part in place"])
def test_hooks_fire_in_parts_that_were_compiled_and_called(how):
    net = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 2))
    if how == "in place":
        net.compile(backend="eager")
    elif how == "a part":
        net[1] = torch.compile(net[1], backend="eager")
    else:
        net[1].compile(backend="eager")
    with torch.no_grad():
        net(torch.ones(1, 2))
    fired = []
    last = unwrapped(net[1])
    with eager(net):
        handle = last.register_forward_hook(lambda *_: fired.append(1))
        with torch.no_grad():
            net(torch.ones(1, 2))
        handle.remove()
    assert fired


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_becomes_float32_with_a_warning(dtype):
    net = nn.Sequential(nn.Linear(2, 3)).to(dtype)
    before = net[0].weight.float()
    assert half_type(net) is dtype
    with pytest.warns(UserWarning, match=str(dtype).removeprefix("torch.")):
        widen(net, warn=True)
    assert half_type(net) is None
    assert torch.equal(net[0].weight, before)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_other_precisions_stay(dtype):
    net = nn.Linear(2, 3).to(dtype)
    widen(net, warn=True)
    assert net.weight.dtype is dtype


def test_a_file_of_float32_is_not_rounded_to_the_models_half(tmp_path):
    net = nn.Linear(2, 3).half()
    save_file({"weight": torch.rand(3, 2).half()}, tmp_path / "half")
    save_file({"weight": torch.rand(3, 2)}, tmp_path / "whole")
    widen_for(net, tmp_path / "half")
    assert net.weight.dtype is torch.float16
    widen_for(net, tmp_path / "whole")
    assert net.weight.dtype is torch.float32


def test_quantised_layers_are_found():
    net = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    assert not is_quantised(net)
    engine = torch.backends.quantized.engine
    if engine == "none":
        pytest.skip("this torch has no engine for quantised layers")
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.ao moves to torchao some day
        small = torch.ao.quantization.quantize_dynamic(net, {nn.Linear})
    assert is_quantised(small)

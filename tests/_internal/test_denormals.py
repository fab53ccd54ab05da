from __future__ import annotations

import pytest
import torch

from altasks._internal.denormals import denormals_flushed


def is_flushed() -> bool:
    return (torch.tensor(1e-40) * 1.0).item() == 0.0


def test_denormals_are_flushed_meanwhile_only():
    if not torch.set_flush_denormal(True):
        pytest.skip("this CPU can't flush denormals")
    try:
        for before in (True, False):
            torch.set_flush_denormal(before)
            with pytest.raises(RuntimeError, match="stop"), denormals_flushed(torch.device("cpu")):  # noqa: PT012
                assert is_flushed()
                raise RuntimeError("stop")
            assert is_flushed() == before
    finally:
        torch.set_flush_denormal(False)

"""Models inside wrappers: `torch.compile`, `nn.DataParallel`, and weights in half precision."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch
from torch import nn

from altasks._internal.extras import require

#: The floating types in which a fit's small steps are rounded away, or overflow.
HALF = (torch.float16, torch.bfloat16)


def unwrapped(model: Any) -> Any:
    """Return the module inside `torch.compile(...)` and `nn.DataParallel(...)`; others as it is.

    A compiled module traces what its hooks were when it was first called, so a hook that is added
    later, as reading the last layer's input needs one, would never fire. It shares its weights
    with the module inside.

    Example:
        >>> inside = nn.Linear(2, 2)
        >>> unwrapped(nn.DataParallel(inside)) is inside
        True
    """
    while isinstance(model, nn.Module):
        if isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel):
            model = model.module
        elif _is_compiled_wrapper(model):
            model = model._modules["_orig_mod"]
        else:
            break
    return model


def _is_compiled_wrapper(module: nn.Module) -> bool:
    # By name: importing torch._dynamo takes seconds.
    return type(module).__name__ == "OptimizedModule" and "_orig_mod" in module._modules


def is_quantised(model: nn.Module) -> bool:
    """Return whether some weights are stored as whole numbers, which no fit can change."""
    if getattr(model, "is_quantized", False) or getattr(model, "hf_quantizer", None) is not None:
        return True
    return any(
        "quantized" in type(part).__module__ and hasattr(part, "out_features")
        for part in model.modules()
    ) or any(not one.is_floating_point() and not one.is_complex() for one in model.parameters())


def half_type(model: nn.Module) -> torch.dtype | None:
    """Return the 16-bit type of some of the weights; None if there is none."""
    return next((one.dtype for one in model.parameters() if one.dtype in HALF), None)


def widen(model: nn.Module, *, warn: bool) -> None:
    """Bring 16-bit weights to float32, in which they can be trained.

    In float16 AdamW's epsilon is 0 and its steps overflow; in bfloat16, which keeps eight bits,
    a step of a thousandth of a weight is rounded away.

    Args:
        model: changed in place, unless it is quantised.
        warn: whether to report it.

    Warns:
        UserWarning: naming the type.
    """
    half = half_type(model)
    if half is None or is_quantised(model):
        return
    model.float()
    config: Any = getattr(model, "config", None)
    if getattr(config, "dtype", None) in HALF:
        config.dtype = torch.float32
    if warn:
        name = str(half).removeprefix("torch.")
        warnings.warn(
            f"The weights are {name}, in which training rounds steps away or overflows: they were "
            "brought to float32 for this fit and stay so. For speed on a GPU, use mixed precision: "
            "training_args={'bf16': True}, and autocast='bfloat16' for predictions.",
            UserWarning,
            stacklevel=4,
        )


def widen_for(model: nn.Module, weights: Path) -> None:
    """Bring 16-bit weights to float32 if the file's are: reading it would round them."""
    if half_type(model) is None:
        return
    open_file = require("safetensors", "text", "Reading weights").safe_open
    with open_file(weights, "pt") as file:
        wide = any(file.get_slice(name).get_dtype() == "F32" for name in file.keys())  # noqa: SIM118
    if wide:
        widen(model, warn=False)

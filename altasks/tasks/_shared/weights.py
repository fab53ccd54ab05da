"""Reading a model's weights in place: all of them, or none."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from altasks._internal.extras import require
from altasks.errors import invalid


def read_weights(
    model: nn.Module,
    path: Path,
    *,
    argument: str,
    expected: str,
    device: torch.device | str = "cpu",
    hint: str = "",
) -> None:
    """Read the safetensors file `path` into `model`, which is left as it was if that is refused.

    Args:
        model: what is filled.
        path: the file.
        argument: whose fault it is if the file isn't one, or is of a model built differently.
        expected: what that should have been.
        device: where to read the file to.
        hint: what to do.

    Raises:
        InvalidInputError: naming the first weight that doesn't fit.
    """
    safetensors = require("safetensors", "text", "Reading weights")
    try:
        misfit = _misfit(model, path)
        if misfit is None:
            require("safetensors.torch", "text", "Reading weights").load_model(
                model, path, device=str(device)
            )
            return
        error = None
    except (safetensors.SafetensorError, OSError, RuntimeError) as damaged:
        misfit, error = f"a damaged file: {damaged}", damaged
    raise invalid(argument, expected, misfit, where=str(path), hint=hint) from error


def _misfit(model: nn.Module, path: Path) -> str | None:
    """Say what in the file isn't the model's, or in the model not the file's.

    PyTorch looks while it copies, and has then overwritten what did fit.
    """
    state = model.state_dict()
    with require("safetensors", "text", "Reading weights").safe_open(path, "pt") as file:
        shapes = {name: list(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    for name, shape in shapes.items():
        if name not in state:
            return f"others: {name!r} is not one of the model's"
        if list(state[name].shape) != shape:
            return f"others: {name!r} is {shape}, the model's {list(state[name].shape)}"
    # Of weights that are one tensor under two names, a file has one.
    there = {state[name].data_ptr() for name in shapes}
    for name, value in state.items():
        if name not in shapes and value.data_ptr() not in there:
            return f"others: the model's {name!r} is missing"
    return None


def redrawable(model: nn.Module) -> frozenset[str]:
    """Return the names of all parameters, after making sure that each can be drawn anew.

    Raises:
        InvalidInputError: naming a layer that has no `reset_parameters`.
    """
    names = frozenset(name for name, _ in model.named_parameters())
    if not hasattr(model, "_init_weights"):
        for owner in sorted({name.rpartition(".")[0] for name in names}):
            module = model.get_submodule(owner)
            if not hasattr(module, "reset_parameters"):
                raise invalid(
                    "redraw",
                    "a model whose layers all have reset_parameters(), with redraw='all'",
                    f"{type(module).__name__} {owner!r} without",
                    hint="Give it one, or use Ensemble.from_factory with redraw='head'.",
                )
    return names

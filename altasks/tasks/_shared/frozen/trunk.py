"""What of a network comes before its head: found by watching one pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from altasks.committees.modes import eager, evaluating, is_dropout
from altasks.tasks._shared.frozen.plan import Unfit


def trunk_of(
    model: nn.Module, head: nn.Module, inputs: Mapping[str, Tensor]
) -> tuple[nn.Module, list[nn.Module]]:
    """Return the module that makes the input of the head, and those that run before it.

    A dropout right in front of the head belongs to it: it is what a committee draws. Of modules
    inside one another the outermost are returned that don't hold the head.

    Args:
        model: any network, called with `inputs` by name.
        head: its last layer.
        inputs: a small batch.

    Raises:
        Unfit: if no module makes it, as where the network takes a mean between its modules.
    """
    finished: list[tuple[nn.Module, Any]] = []  # outputs are held, or their memory came back
    entered: list[Tensor] = []

    def on_exit(module: nn.Module, args: Any, output: Any) -> None:
        del args
        if not entered:
            finished.append((module, output))

    def on_head(module: nn.Module, args: tuple[Any, ...]) -> None:
        del module
        entered.extend(one for one in args[:1] if isinstance(one, Tensor))

    handles = [head.register_forward_pre_hook(on_head)]
    handles += [module.register_forward_hook(on_exit) for module in model.modules()]
    try:
        with torch.no_grad(), evaluating(model), eager(model):
            model(**inputs)
    finally:
        for handle in handles:
            handle.remove()
    if len(entered) != 1:
        raise Unfit("its head runs more or less often than once in a pass")
    made = [module for module, output in finished if _is(output, entered[0])]
    dropouts = {id(module) for module in made if is_dropout(module)}
    made = [module for module in made if not any(id(part) in dropouts for part in module.modules())]
    if not made:
        raise Unfit("none of its modules makes the input of its head")
    end = made[-1]
    place = max(at for at, (module, _) in enumerate(finished) if module is end)
    times = Counter(id(module) for module, _ in finished)
    rows = len(next(iter(inputs.values())))
    before = [
        module
        for module, output in finished[:place]
        if id(module) in _outermost(model, head, end)
        and times[id(module)] == 1
        and isinstance(output, Tensor)
        and output.is_floating_point()
        and output.ndim > 0
        and len(output) == rows
    ]
    return end, before


def _is(output: Any, features: Tensor) -> bool:
    """Return whether an output is the very numbers that the head is given."""
    return (
        isinstance(output, Tensor)
        and output.data_ptr() == features.data_ptr()
        and output.numel() == features.numel()
    )


def _outermost(model: nn.Module, head: nn.Module, end: nn.Module) -> set[int]:
    """Return the ids of the largest modules that hold neither the head nor the end."""
    found: set[int] = set()

    def look(module: nn.Module) -> None:
        for child in module.children():
            parts = {id(part) for part in child.modules()}
            if id(head) in parts or id(end) in parts:
                look(child)
            else:
                found.add(id(child))

    look(model)
    return found

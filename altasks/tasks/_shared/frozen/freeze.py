"""Which parameters a fit leaves as they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

from torch import nn

from altasks.errors import invalid
from altasks.tasks._shared.checkpoints import head_parameters

#: How many lower layers are frozen, or all but the head.
Layers = int | Literal["all"]


def frozen_parameters(
    model: nn.Module,
    layers: Layers,
    head: nn.Module | None = None,
    new: frozenset[str] = frozenset(),
) -> list[nn.Parameter]:
    """Return the parameters that stay as they are, whether or not they need a gradient now.

    With a number, those are the embeddings and the first `layers` layers: the layers are the
    longest `nn.ModuleList` of equal modules in the model, and everything that comes before layer
    number `layers` stays, the head excepted. With `"all"`, all but the head stays. The head is what
    lies outside the pretrained trunk of a Hugging Face model, and the last layer of other networks.

    Args:
        model: any module.
        layers: how many.
        head: the last layer.
        new: names of parameters that are drawn anew for a fit, and trained with the head.

    Raises:
        InvalidInputError: if the model has fewer layers.
    """
    parameters = list(model.parameters())
    # Some models (XLM-RoBERTa) have their head in front of the trunk.
    names = head_parameters(model)
    if layers == "all":
        names |= new
    trained = {id(one) for name, one in model.named_parameters() if name in names}
    if head is not None:
        trained |= {id(one) for one in head.parameters()}
    if layers == "all":
        return [one for one in parameters if id(one) not in trained]
    if not layers:
        return []
    prefix, found = layers_of(model)
    if not 0 < layers <= len(found):
        raise invalid(
            "frozen_layers", f"0 to {len(found)}, which {prefix!r} has, or 'all'", f"{layers}"
        )
    last = {id(parameter) for parameter in found[layers - 1].parameters()}
    end = 1 + max((place for place, one in enumerate(parameters) if id(one) in last), default=-1)
    return [one for one in parameters[:end] if id(one) not in trained]


def layers_of(model: nn.Module) -> tuple[str, nn.ModuleList]:
    """Return the longest list of equal layers in a model, and its dotted name.

    Raises:
        InvalidInputError: if there is none.
    """
    lists = [
        (name, part)
        for name, part in model.named_modules()
        if isinstance(part, nn.ModuleList) and len({type(one) for one in part}) == 1
    ]
    if not lists:
        raise invalid(
            "frozen_layers",
            "a model with a list of equal layers, or 'all'",
            type(model).__name__,
            hint="Freeze its parameters yourself: requires_grad_(False).",
        )
    return max(lists, key=lambda one: len(one[1]))


@contextmanager
def without_gradient(parameters: Sequence[nn.Parameter]) -> Iterator[None]:
    """Let parameters need no gradient for a while; afterwards they do as before."""
    changed = [one for one in parameters if one.requires_grad]
    for one in changed:
        one.requires_grad_(False)
    try:
        yield
    finally:
        for one in changed:
            one.requires_grad_(True)

"""The model's last layer: finding it, reading its input, and answering for K copies of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from altasks.committees.base import CommitteeLogits, Network
from altasks.committees.dropout_calls import DropoutCalls
from altasks.committees.modes import eager, is_dropout
from altasks.errors import CommitteeError, InvalidInputError, invalid


def find_head(model: nn.Module, classes: int, name: str | None = None) -> nn.Linear:
    """Return the model's last linear layer: the one that makes the logits.

    Args:
        model: any module.
        classes: how many outputs the layer has.
        name: its dotted name, if it is not the last `nn.Linear` with that many outputs.

    Raises:
        InvalidInputError: if there is none, naming the linear layers there are.

    Example:
        >>> from torch import nn
        >>> find_head(nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 3)), 3)
        Linear(in_features=8, out_features=3, bias=True)
    """
    linear = _linear_layers(model)
    if name is not None:
        if name not in linear:
            raise invalid(
                "head", "the dotted name of an nn.Linear", repr(name), hint=_list_names(linear)
            )
        return linear[name]
    fitting = [part for part in linear.values() if part.out_features == classes]
    if not fitting:
        raise invalid(
            "model",
            f"an nn.Linear with {classes} outputs as its last layer",
            "none",
            hint=_list_names(linear) + " Name the layer with head=.",
        )
    return fitting[-1]


def _linear_layers(model: nn.Module) -> dict[str, nn.Linear]:
    """Return the linear layers of a model by name: torch's, quantised ones, adapted ones.

    An adapter's own small matrices are no layers of the model, and the layer it sits on is
    reached through it.
    """
    found: dict[str, Any] = {}
    adapted: list[str] = []
    for name, part in model.named_modules():
        if name.startswith(tuple(adapted)):
            continue
        base = part.base_layer if is_adapted_layer(part) else None
        if base is not None:
            adapted.append(f"{name}.")
        quantised = "quantized" in type(part).__module__
        for one in (part, base):
            if isinstance(one, nn.Linear) or (quantised and hasattr(one, "out_features")):
                found[name] = part
    return found


def is_adapted_layer(module: nn.Module) -> bool:
    """Return whether a layer is one of PEFT's, with adapters on a layer of the base model."""
    base = getattr(module, "base_layer", None)  # timm's DLA has one too, and no adapters
    return isinstance(base, nn.Module) and hasattr(module, "adapter_layer_names")


def weight_and_bias(head: Any) -> tuple[Tensor, Tensor | None]:
    """Return the weights `[C, d]` and biases `[C]` with which the last layer multiplies.

    Of a layer with adapters (LoRA), the sum of the layer's own weights and the adapters'.

    Raises:
        CommitteeError: for a layer whose weights can't be read, such as a quantised one.
    """
    base = head.base_layer if is_adapted_layer(head) else None
    own = head if base is None else base
    plain = isinstance(own, nn.Linear) and own.weight.is_floating_point()
    if not plain or (base is not None and not hasattr(head, "get_delta_weight")):
        raise CommitteeError(
            f"The last layer, a {type(head).__name__}, doesn't give its weights, of which "
            "committees on the last layer make copies. Use MCDropout(layers='all') or an Ensemble."
        )
    weight = own.weight
    if base is not None and not head.disable_adapters and not head.merged:
        for name in head.active_adapters:
            if name in head.lora_A:
                weight = weight + head.get_delta_weight(name).to(weight)
    return weight, own.bias


def _list_names(linear: dict[str, nn.Linear]) -> str:
    last = [f"{key} ({part.out_features})" for key, part in linear.items()][-8:]
    return f"The last linear layers (and their outputs) are: {', '.join(last) or 'none'}."


class HeadProbe:
    """Listens to the last layer during passes, and may answer for K copies with other weights.

    The layer's output is replaced, for the time of the probe, by the outputs of all K copies and
    its own input, side by side in the last dim. Whatever the model does after its last layer
    (take the first word, take the last one that isn't padding) then happens to all of them
    alike, and the trunk runs once.
    """

    def __init__(
        self,
        network: Network,
        copies: Callable[[float | None], tuple[Tensor, Tensor | None]] | None = None,
        *,
        needs_dropout: bool = False,
    ) -> None:
        """Prepare to listen.

        Args:
            network: whose head to listen to.
            copies: given the probability of the dropout right in front of the head (None if
                there is none), returns the weights `[K, C, d]` and biases `[K, C]` (or None) of
                the copies; None leaves the head as it is.
            needs_dropout: whether `copies` reads that probability. Then a dropout that is a call
                and no layer is looked for as well, which takes a second pass of the first batch.
        """
        self._network = network
        self._copies = copies
        self._members = 1
        self._fired = 0
        self._output: Tensor | None = None  # of the last layer, as the model goes on with it
        # Its output is held: memory that was let go could come back as the head's input.
        self._last_dropout: tuple[Tensor, float] | None = None
        # Listening costs time, and is left out where a module is found to be the dropout.
        self._calls: DropoutCalls | None = None
        self._may_listen = needs_dropout
        self._must_listen = False

    @contextmanager
    def attached(self) -> Iterator[HeadProbe]:
        """Attach the hooks; they are gone afterwards, whatever happens."""
        network = self._network
        handles = [network.head.register_forward_hook(self._on_head)]
        try:
            for module in network.model.modules():
                if is_dropout(module):
                    handles.append(module.register_forward_hook(self._on_dropout))
            with eager(network.model):
                yield self
        finally:
            for handle in handles:
                handle.remove()

    def _on_dropout(self, module: nn.Module, _: Any, output: Any) -> None:
        if isinstance(output, Tensor):
            p = getattr(module, "p", getattr(module, "drop_prob", 0.0))
            self._last_dropout = (output, float(p))

    def _on_head(self, _: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        features = inputs[0]  # n x ... x d
        self._fired += 1
        if self._copies is None:
            self._output = torch.cat([output, features], -1)  # n x ... x (C + d)
            return self._output
        p = self._probability_in_front(features)
        if (
            p is None and self._may_listen and self._calls is None
        ):  # it may be a call, which no hook sees
            self._must_listen = True
            return output
        weight, bias = self._copies(p)  # K x C x d, K x C
        self._members = len(weight)
        # One multiplication serves all copies: n x ... x (K * C).
        logits = nn.functional.linear(
            features, weight.flatten(0, 1), None if bias is None else bias.flatten()
        )
        self._output = torch.cat([logits, features], -1)
        return self._output

    def _probability_in_front(self, features: Tensor) -> float | None:
        """Return the probability of the dropout that gave the head its input; None: none did."""
        seen = self._last_dropout
        # At rest a dropout hands on the very memory it was given.
        if seen is not None and seen[0].data_ptr() == features.data_ptr():
            return seen[1]
        return None if self._calls is None else self._calls.in_front_of(features)

    def run(self, batch: Any) -> CommitteeLogits:
        """Run one batch through the model once, and return the head's logits and input.

        Raises:
            InvalidInputError: if the layer taken for the head is not what makes the logits.
        """
        network = self._network
        output = self._pass(batch)
        if self._must_listen:  # once in the life of a probe
            self._must_listen = False
            self._calls = DropoutCalls(at_rest=True)
            output = self._pass(batch)
        members = self._members
        width = members * network.classes
        if self._fired != 1 or output.shape[-1] != width + network.head.in_features:
            names = [key for key, part in network.model.named_modules() if part is network.head]
            raise InvalidInputError(
                f"head: the layer {names[0] if names else '?'!r} was taken for the last one, but "
                f"it ran {self._fired} times in a pass and the logits have "
                f"{output.shape[-1]} columns; name the layer that makes the logits with head=."
            )
        logits, features = output[..., :width], output[..., width:]
        logits = logits.reshape(*logits.shape[:-1], members, network.classes).movedim(-2, 1)
        return CommitteeLogits(logits, features)

    def _pass(self, batch: Any) -> Tensor:
        self._fired = 0
        self._last_dropout = self._output = None
        try:
            with nullcontext() if self._calls is None else self._calls:
                made = self._network.forward(batch)
            _require_logits(self._output, made)
            return made
        finally:
            self._last_dropout = self._output = None
            if self._calls is not None:
                self._calls.forget()


def _require_logits(before: Tensor | None, after: Tensor) -> None:
    """Refuse a model that ends in a softmax, a log-softmax or a sigmoid.

    Args:
        before: what its last linear layer gave, next to that layer's input.
        after: what the model made of them.

    Raises:
        InvalidInputError: naming the function.
    """
    if before is None or before.shape != after.shape:
        return
    if before.dtype == after.dtype and torch.equal(before, after):
        return
    known: dict[str, Callable[[], Tensor]] = {
        "a softmax": lambda: torch.softmax(before.float(), -1),
        "a log-softmax": lambda: torch.log_softmax(before.float(), -1),
        "a sigmoid": lambda: torch.sigmoid(before.float()),
    }
    for name, function in known.items():
        if torch.allclose(function(), after.float(), rtol=1e-2, atol=1e-3):
            raise invalid(
                "model",
                "one that returns logits, which become probabilities here",
                f"one that ends in {name}",
                hint="Leave that layer out: of a certain answer a second one makes a doubtful one.",
            )


def draw_once(network: Network, batches: Sequence[Any]) -> list[CommitteeLogits]:
    """Return the model's own opinion, K = 1, in the modes it is in."""
    with torch.no_grad(), HeadProbe(network).attached() as probe:
        return [probe.run(batch) for batch in batches]


def stack_members(members: Sequence[CommitteeLogits]) -> CommitteeLogits:
    """Return the logits of K passes over one batch as one committee's, features averaged."""
    features = members[0].features.to(torch.float32, copy=True)
    for member in members[1:]:
        features += member.features
    return CommitteeLogits(
        torch.cat([member.logits for member in members], 1),  # n x K x ... x C
        features / len(members),
    )


def no_dropout_in_front(p: float | None) -> CommitteeError:
    """Return the error for a head that has nothing to mask its input with."""
    why = "there is no dropout right in front of its last layer" if p is None else "its p is 0"
    return CommitteeError(
        f"MCDropout(layers='head') has nothing to draw: {why}, so all members would agree."
        " Give a probability, MCDropout(layers='head', p=0.1); note that a model trained without"
        " dropout there was never taught to bear it, so treat the draws with care, or train with"
        " that probability. Or use layers='all', or an Ensemble."
    )

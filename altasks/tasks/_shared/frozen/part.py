"""The frozen part of a task's network: at rest in every pass, and run once for each sample."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from altasks.committees.modes import every_mode_restored
from altasks.tasks._shared.adapters import has_adapters
from altasks.tasks._shared.checkpoints import head_parameters
from altasks.tasks._shared.frozen.cache import FeatureCache
from altasks.tasks._shared.frozen.exam import examine, two_rows
from altasks.tasks._shared.frozen.freeze import (
    Layers,
    frozen_parameters,
    layers_of,
    without_gradient,
)
from altasks.tasks._shared.frozen.passes import Passes, at_rest, inputs_of
from altasks.tasks._shared.frozen.plan import Plan, Unfit
from altasks.tasks._shared.frozen.trunk import trunk_of
from altasks.tasks._shared.frozen.weights import WatchedWeights, code_of, key_of
from altasks.tasks._shared.wrappers import is_quantised


class FrozenPart:
    """The lower layers of a network, or all of it but the head, which no fit changes.

    They are at rest, in fits as in predictions: their dropout doesn't fire, their statistics don't
    move. So what they make of a sample is the same in every pass, and is kept.

    Args:
        model: the network.
        layers: how many of its layers are frozen, with the embeddings; or `"all"` but the head.
        head: its last layer.
        new: the names of parameters that each fit draws anew.
        cache: where their output is kept; None computes it in each pass.
        insists: whether the user asked for it to be kept, and is told if it can't be.
        varies: whether fits change samples at random, so that what they make is not worth keeping.

    Raises:
        InvalidInputError: if the network has fewer layers.
    """

    def __init__(
        self,
        model: nn.Module,
        layers: Layers,
        *,
        head: nn.Module | None,
        new: frozenset[str] = frozenset(),
        cache: FeatureCache | None,
        insists: bool = False,
        varies: bool = False,
    ) -> None:
        self.model = model
        self.layers = layers
        self.cache = cache
        self._head = head
        self._insists = insists
        self._varies = varies
        self._loose: dict[bytes, np.ndarray] = {}
        self._new = new
        self._plan: Plan | Unfit | None = None  # None: not tried yet
        self._tried_as: tuple[torch.dtype, torch.device] | None = None
        self._weights: WatchedWeights | None = None
        self._code = ""
        self.parameters()  # fail now if there are fewer layers

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy has: it finds out again how its own network is led past."""
        return {**self.__dict__, "_plan": None, "_weights": None}

    def parameters(self) -> list[nn.Parameter]:
        """Return the parameters that stay as they are."""
        return frozen_parameters(self.model, self.layers, self._head, self._new)

    @property
    def obstacle(self) -> str | None:
        """Why the frozen part can't be led past; None if it can, or was not tried yet."""
        return str(self._plan) if isinstance(self._plan, Unfit) else None

    @property
    def is_examined(self) -> bool:
        """Whether the network was tried as it is now: of these numbers, on this device."""
        return self._plan is not None and self._now() == self._tried_as

    def _now(self) -> tuple[torch.dtype, torch.device] | None:
        first = next(self.model.parameters(), None)
        return None if first is None else (first.dtype, first.device)

    def examine(self, run: Callable[[], Any]) -> None:
        """Find out how the frozen part is led past, once, by the inputs of a pass.

        Args:
            run: calls the network once with a batch.
        """
        if self.is_examined:
            return
        self._tried_as, self._weights = self._now(), None
        inputs = inputs_of(self.model, run)
        try:
            if inputs is None:
                raise Unfit("it isn't called with its inputs by name")
            end, before = self._modules(inputs)
            self._plan = examine(self.model, end, before, inputs)
        except Unfit as unfit:
            self._plan = unfit
            if self._insists:
                warnings.warn(
                    f"keep_frozen: what the frozen part of this {type(self.model).__name__} makes "
                    f"can't be kept ({unfit}): it is computed each time.",
                    UserWarning,
                    stacklevel=2,
                )

    def _modules(self, inputs: Mapping[str, Tensor]) -> tuple[nn.Module, list[nn.Module]]:
        """Return the last module of the frozen part, and those before it that can be skipped."""
        if has_adapters(self.model) or is_quantised(self.model):
            raise Unfit("it has adapters, or quantised weights")
        config = getattr(self.model, "config", None)
        for name in ("output_hidden_states", "output_attentions", "layerdrop", "encoder_layerdrop"):
            if getattr(config, name, None):
                raise Unfit(f"its config has {name}={getattr(config, name)!r}")
        count = self.layers
        if count == "all":
            trunk = getattr(self.model, "base_model_prefix", "")
            part = getattr(self.model, trunk, None) if trunk else None
            if not isinstance(part, nn.Module) or not head_parameters(self.model):
                if self._head is None:
                    raise Unfit("it doesn't name its trunk (base_model_prefix)")
                return trunk_of(self.model, self._head, two_rows(inputs))
            if not any(name.startswith(f"{trunk}.") for name in self._new):
                return part, []
            count = len(layers_of(self.model)[1])  # a new pooler, say, is trained with the head
        _, layers = layers_of(self.model)
        return layers[count - 1], list(layers[: count - 1])

    @contextmanager
    def fitting(self, *, alone: bool = True) -> Iterator[None]:
        """Let a fit change the rest of the network alone.

        Args:
            alone: whether one thread runs the network, on one device.
        """
        reads = self._plan.reads if isinstance(self._plan, Plan) else []
        # Tables that layers share (relative positions) are read by frozen ones too: they stay.
        with (
            without_gradient([*self.parameters(), *reads]),
            self.led_past(alone=alone, keep=not self._varies),
        ):
            yield

    @contextmanager
    def led_past(self, *, alone: bool = True, keep: bool = True) -> Iterator[Passes | None]:
        """Run passes of the network with the frozen part at rest, and not run for what is known.

        Args:
            alone: as in `fitting`; if not, everything runs.
            keep: whether what is made is kept.
        """
        with every_mode_restored(self.model), ExitStack() as stack:
            if isinstance(self._plan, Plan) and alone:
                cache = self.cache if keep else None
                passes = Passes(self.model, self._plan, cache, self._kind, self._loose)
                stack.enter_context(passes.attached())
                yield passes
            else:
                stack.enter_context(at_rest(self.model, self._resting()))
                yield None

    # For samples that need not be read when their key is known.

    @property
    def takes_tickets(self) -> bool:
        """Whether a pass may be given keys (`tickets_of`) in place of samples."""
        return isinstance(self._plan, Plan) and self._plan.tickets and self.cache is not None

    def unknown(self, keys: Sequence[bytes]) -> list[int]:
        """Return the places of the keys under which nothing is kept."""
        with self.led_past() as passes:
            assert passes is not None
            return passes.unknown(keys)

    def learn(self, keys: Sequence[bytes], inputs: Mapping[str, Tensor]) -> bool:
        """Keep what the frozen part makes of samples under their keys; return whether it is kept.

        What finds no room is held until `forget`.
        """
        with self.led_past() as passes:
            assert passes is not None
            return passes.learn(keys, inputs)

    def forget(self) -> None:
        """Let go of what found no room."""
        self._loose.clear()

    def _kind(self) -> str:
        """Return a name for the frozen part: weights, code, and what is kept of its output."""
        assert isinstance(self._plan, Plan)
        plan = self._plan
        if self._weights is None:
            frozen = {id(one) for one in self.parameters()}
            frozen |= {id(one) for one in plan.reads}
            tensors = {n: one for n, one in self.model.named_parameters() if id(one) in frozen}
            self._weights = WatchedWeights({**tensors, **dict(self.model.named_buffers())})
            self._code = code_of(self.model, list(plan.answers))
        fields = [[str(field.name), field.per, field.tail] for field in plan.fields]
        names = {part: name for name, part in self.model.named_modules()}
        where = [names[plan.end], self.layers, plan.unpad, sorted(plan.names)]
        return key_of([self._weights.hash(), self._code, where, fields])

    def _resting(self) -> list[nn.Module]:
        """Return the modules of the frozen part, where it can't be led past."""
        if self.layers == "all":
            frozen = {id(one) for one in self.parameters()}
            return [
                part
                for part in self.model.modules()
                if (own := list(part.parameters())) and all(id(one) in frozen for one in own)
            ]
        _, layers = layers_of(self.model)
        resting: list[nn.Module] = []
        above = {id(part) for part in layers[self.layers :]}
        for part in self.model.modules():  # in the order in which parameters count as lower
            if id(part) in above:
                break
            inside = {id(one) for one in part.modules()}
            if id(layers) not in inside:
                resting.append(part)
            if part is layers[self.layers - 1]:
                resting += list(part.modules())
                break
        return resting

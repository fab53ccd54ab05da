"""The frozen part of a task's network: at rest in every pass, and run once for each sample."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from altasks.committees.modes import evaluating, every_mode_restored
from altasks.errors import TrainingError
from altasks.tasks._shared.adapters import has_adapters
from altasks.tasks._shared.checkpoints import head_parameters
from altasks.tasks._shared.frozen.batch import (
    NOT_READ,
    Extent,
    batch_of,
    keys_of,
    rows_of,
    some_rows,
)
from altasks.tasks._shared.frozen.cache import FeatureCache
from altasks.tasks._shared.frozen.detour import Detour, tensors_of
from altasks.tasks._shared.frozen.exam import Plan, Unfit, examine
from altasks.tasks._shared.frozen.freeze import (
    Layers,
    frozen_parameters,
    layers_of,
    without_gradient,
)
from altasks.tasks._shared.frozen.rows import Rows
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
    ) -> None:
        self.model = model
        self.layers = layers
        self.cache = cache
        self._head = head
        self._insists = insists
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

    def examine(self, run: Callable[[], Any]) -> None:
        """Find out how the frozen part is led past, once, by the inputs of a pass.

        Args:
            run: calls the network once with a batch.
        """
        first = next(self.model.parameters(), None)
        now = None if first is None else (first.dtype, first.device)
        if self._plan is not None and now == self._tried_as:
            return
        self._tried_as, self._weights = now, None
        inputs = _inputs_of(self.model, run)
        try:
            end, before = self._modules()
            if inputs is None:
                raise Unfit("it isn't called with its inputs by name")
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

    def _modules(self) -> tuple[nn.Module, list[nn.Module]]:
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
                raise Unfit("it doesn't name its trunk (base_model_prefix)")
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
        with without_gradient([*self.parameters(), *reads]), self.led_past(alone=alone):
            yield

    @contextmanager
    def led_past(self, *, alone: bool = True) -> Iterator[None]:
        """Run passes of the network with the frozen part at rest, and not run for what is known.

        Args:
            alone: as in `fitting`; if not, everything runs.
        """
        with every_mode_restored(self.model), ExitStack() as stack:
            if isinstance(self._plan, Plan) and alone:
                passes = _Passes(self.model, self._plan, self.cache, self._kind)
                stack.enter_context(passes.attached())
            else:
                stack.enter_context(_at_rest(self.model, self._resting()))
            yield

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


class _Passes:
    """Passes of one network while its frozen part is led past."""

    def __init__(
        self,
        model: nn.Module,
        plan: Plan,
        cache: FeatureCache | None,
        kind: Callable[[], str],
    ) -> None:
        self._model, self._plan, self._cache = model, plan, cache
        self._kind = None if cache is None else kind()
        self._detour: Detour = plan.detour()
        self._inside = False  # of a pass that computes what isn't known
        self._skipping = False
        self._rows: dict[tuple[str, np.dtype], Rows] = {}

    @contextmanager
    def attached(self) -> Iterator[None]:
        """Listen to passes of the network."""
        handles = [
            self._model.register_forward_pre_hook(self._begin, with_kwargs=True, prepend=True),
            self._model.register_forward_hook(self._end, always_call=True),
        ]
        try:
            with self._detour.installed():
                yield
        finally:
            for handle in handles:
                handle.remove()

    def _begin(self, module: nn.Module, args: tuple[Any, ...], named: dict[str, Any]) -> None:
        del module
        if self._inside:
            return
        inputs = {
            name: values
            for name, values in named.items()
            if isinstance(values, Tensor)
            and name not in NOT_READ
            and name not in self._plan.ignored
        }
        if args or not inputs:  # by a callback of the user's, say
            return
        rows = len(next(iter(inputs.values())))
        tensors, columns = self._output(inputs)
        answers = self._plan.answers
        output = answers[self._plan.end].made(rows, columns, tensors)
        self._skipping = True
        self._detour.skip(output, self._plan.filler(rows, columns))

    def _end(self, module: nn.Module, args: Any, output: Any) -> None:
        del module, args
        if self._inside or not self._skipping:
            return
        self._skipping = False
        self._detour.off()
        if output is not None and self._detour.calls != 1:
            raise TrainingError(
                f"The network ran its frozen part {self._detour.calls} times in one pass, and once "
                "when it was tried. Use frozen_layers=0, and freeze parameters yourself by "
                "requires_grad_(False)."
            )

    def _output(self, inputs: dict[str, Tensor]) -> tuple[dict[Any, Tensor], int | None]:
        """Return what the frozen part makes of a batch, and how many columns it has."""
        plan, fields = self._plan, self._plan.fields
        extent = Extent.of(inputs, unpad=plan.unpad)
        if extent is None or self._cache is None or not self._is_usual(inputs, extent):
            made = self._computed(inputs)
            columns = next((int(one.shape[1]) for one in inputs.values() if one.ndim > 1), None)
            return {field.name: made[field.name] for field in fields}, columns
        keys = keys_of(inputs, extent)
        like = _types(plan, inputs)
        store = self._store(like)
        rows = store.find(keys)
        missing = [row for row, one in enumerate(rows) if one is None]
        self._cache.found += len(rows) - len(missing)
        self._cache.computed += len(missing)
        if missing:
            part, first = some_rows(inputs, extent, missing)
            spans = [
                (extent.spans[row][0] - first, extent.spans[row][1] - first) for row in missing
            ]
            new = rows_of(self._computed(part), fields, spans)
            new = [one.astype(store.dtype, copy=False) for one in new]
            store.add([keys[row] for row in missing], new)
            for row, one in zip(missing, new, strict=True):
                rows[row] = one
        known = [one for one in rows if one is not None]
        return batch_of(known, fields, extent, like), extent.length

    def _is_usual(self, inputs: Mapping[str, Tensor], extent: Extent) -> bool:
        """Return whether a batch is of the kind that was tried."""
        kinds = {field.per for field in self._plan.fields}
        if self._plan.names != set(inputs) or (extent.length is None and kinds != {"sample"}):
            return False
        return "first" not in kinds or all(start == 0 for start, _ in extent.spans)

    def _computed(self, inputs: Mapping[str, Tensor]) -> dict[Any, Tensor]:
        """Return what comes out of the frozen part, at rest; the upper part isn't run."""
        self._inside = True
        try:
            with torch.no_grad(), evaluating(self._model):
                return tensors_of(self._detour.reach(lambda: self._model(**inputs)))
        finally:
            self._inside = False

    def _store(self, like: Mapping[Any, Tensor]) -> Rows:
        """Return the rows for numbers of the type that the network works with now."""
        assert self._cache is not None
        assert self._kind is not None
        working = next(iter(like.values()))
        device = working.device.type
        precision = (
            str(torch.get_autocast_dtype(device)) if torch.is_autocast_enabled(device) else "own"
        )
        # NumPy has no bfloat16; in float32 nothing of it is lost.
        half = working.dtype == torch.bfloat16
        dtype = np.dtype(np.float32 if half else str(working.dtype).removeprefix("torch."))
        key = (precision, dtype)
        if key not in self._rows:
            kind = key_of([self._kind, precision, device, str(working.dtype)])
            self._rows[key] = self._cache.rows(kind, dtype)
        return self._rows[key]


def _types(plan: Plan, inputs: Mapping[str, Tensor]) -> dict[Any, Tensor]:
    """Return an empty tensor of the type and on the device of each field."""
    device = next(iter(inputs.values())).device
    made = tensors_of(plan.answers[plan.end].output)
    return {name: one.new_empty(0, device=device) for name, one in made.items()}


def _inputs_of(model: nn.Module, run: Callable[[], Any]) -> dict[str, Tensor] | None:
    """Return the inputs by name with which a network is called; None if it is called otherwise."""
    found: list[dict[str, Tensor] | None] = []

    class _Seen(Exception):  # noqa: N818
        pass

    def look(module: nn.Module, args: tuple[Any, ...], named: dict[str, Any]) -> None:
        del module
        found.append(
            None
            if args
            else {
                name: values
                for name, values in named.items()
                if isinstance(values, Tensor) and name not in NOT_READ
            }
        )
        raise _Seen

    handle = model.register_forward_pre_hook(look, with_kwargs=True)
    try:
        run()
    except _Seen:
        pass
    finally:
        handle.remove()
    return (found[0] or None) if found else None


@contextmanager
def _at_rest(model: nn.Module, parts: list[nn.Module]) -> Iterator[None]:
    """Bring some modules to rest before each pass, whatever mode the model was set to."""

    def rest(module: nn.Module, args: Any) -> None:
        del module, args
        for part in parts:
            if part.training:
                part.training = False

    handle = model.register_forward_pre_hook(rest)
    try:
        yield
    finally:
        handle.remove()

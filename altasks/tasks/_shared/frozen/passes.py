"""Passes of a network whose frozen part is led past."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from altasks.committees.modes import evaluating
from altasks.errors import TrainingError
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
from altasks.tasks._shared.frozen.plan import Plan
from altasks.tasks._shared.frozen.rows import Rows
from altasks.tasks._shared.frozen.tickets import keys_on
from altasks.tasks._shared.frozen.weights import key_of


class Passes:
    """Passes of one network while its frozen part is led past.

    Args:
        model: the network.
        plan: how it is led past.
        cache: where its output is kept; None computes it in each pass.
        kind: names the frozen part, asked for if there is a cache.
        loose: rows that found no room there, by key.
    """

    def __init__(
        self,
        model: nn.Module,
        plan: Plan,
        cache: FeatureCache | None,
        kind: Callable[[], str],
        loose: dict[bytes, np.ndarray],
    ) -> None:
        self._model, self._plan, self._cache = model, plan, cache
        self._kind = None if cache is None else kind()
        self._loose = loose
        self._detour: Detour = plan.detour()
        self._inside = False  # of a pass that computes what isn't known
        self._skipping = False
        self._rows: tuple[torch.dtype, Rows] | None = None

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
        if plan.tickets and (given := keys_on(next(iter(inputs.values())))) is not None:
            return self._of_tickets(given, inputs), None
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

    def _of_tickets(self, keys: Sequence[bytes], inputs: Mapping[str, Tensor]) -> dict[Any, Tensor]:
        """Return what is kept under some keys as one batch."""
        like = _types(self._plan, inputs)
        found = self._found(keys, like)
        rows = [row for row in found if row is not None]
        if len(rows) < len(keys):
            raise TrainingError(
                "What the frozen part made of a sample is gone, while it was being used. Was its "
                "file changed or removed? Run it again, or use keep_frozen=False."
            )
        assert self._cache is not None
        self._cache.found += len(rows)
        return batch_of(rows, self._plan.fields, Extent(None, [(0, 0)] * len(rows)), like)

    def _found(self, keys: Sequence[bytes], like: Mapping[Any, Tensor]) -> list[np.ndarray | None]:
        rows = self._store(like).find(keys)
        return [
            self._loose.get(key) if row is None else row
            for key, row in zip(keys, rows, strict=True)
        ]

    def unknown(self, keys: Sequence[bytes]) -> list[int]:
        """Return the places of the keys under which nothing is kept."""
        first = next(self._model.parameters())
        rows = self._found(keys, _types(self._plan, {"weights": first}))
        return [place for place, row in enumerate(rows) if row is None]

    def learn(self, keys: Sequence[bytes], inputs: Mapping[str, Tensor]) -> bool:
        """Keep what the frozen part makes of samples; return whether all of it is kept."""
        assert self._cache is not None
        store = self._store(_types(self._plan, inputs))
        rows = rows_of(self._computed(inputs), self._plan.fields, [(0, 0)] * len(keys))
        rows = [row.astype(store.dtype, copy=False) for row in rows]
        store.add(keys, rows)
        self._cache.computed += len(rows)
        kept = [row is not None for row in store.find(keys)]
        self._loose.update(
            {key: row for key, row, one in zip(keys, rows, kept, strict=True) if not one}
        )
        return all(kept)

    def _is_usual(self, inputs: Mapping[str, Tensor], extent: Extent) -> bool:
        """Return whether a batch is of the kind that was tried."""
        kinds = {field.per for field in self._plan.fields}
        if self._plan.names != set(inputs) or (extent.length is None and kinds != {"sample"}):
            return False
        return "first" not in kinds or all(start == 0 for start, _ in extent.spans)

    def _computed(self, inputs: Mapping[str, Tensor]) -> dict[Any, Tensor]:
        """Return what comes out of the frozen part, at rest; the upper part isn't run.

        What is kept is computed in the network's own precision, whatever that of the pass is: so a
        fit in mixed precision and a prediction without find the same numbers.
        """
        own = self._cache is not None
        run: Callable[..., Any] = self._model
        if own:  # accelerate wraps mixed precision around the forward
            run = self._model.__dict__.get("_original_forward", self._model.forward)
        device = next(iter(inputs.values())).device.type
        precision = torch.autocast(device, enabled=False) if own else nullcontext()
        self._inside = True
        try:
            with torch.no_grad(), evaluating(self._model), precision:
                return tensors_of(self._detour.reach(partial(run, **inputs)))
        finally:
            self._inside = False

    def _store(self, like: Mapping[Any, Tensor]) -> Rows:
        """Return the rows for numbers of the type that the network works with now."""
        assert self._cache is not None
        assert self._kind is not None
        working = next(iter(like.values()))
        if self._rows is None or self._rows[0] != working.dtype:
            # NumPy has no bfloat16; in float32 nothing of it is lost.
            half = working.dtype == torch.bfloat16
            dtype = np.dtype("float32" if half else str(working.dtype).removeprefix("torch."))
            kind = key_of([self._kind, working.device.type, str(working.dtype)])
            self._rows = working.dtype, self._cache.rows(kind, dtype)
        return self._rows[1]


def _types(plan: Plan, inputs: Mapping[str, Tensor]) -> dict[Any, Tensor]:
    """Return an empty tensor of the type and on the device of each field."""
    device = next(iter(inputs.values())).device
    made = tensors_of(plan.answers[plan.end].output)
    return {name: one.new_empty(0, device=device) for name, one in made.items()}


def inputs_of(model: nn.Module, run: Callable[[], Any]) -> dict[str, Tensor] | None:
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
def at_rest(model: nn.Module, parts: list[nn.Module]) -> Iterator[None]:
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

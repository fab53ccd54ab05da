"""Can the lower part of a network be led past? Tried on a few short rows before it is believed."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from altasks.committees.modes import eager, evaluating
from altasks.tasks._shared.frozen.batch import MASK, Extent, Field, batch_of, rows_of
from altasks.tasks._shared.frozen.detour import Detour, logits_of, tensors_of
from altasks.tasks._shared.frozen.plan import Answer, Plan, Unfit
from altasks.tasks._shared.frozen.tickets import SHAPE, tickets_of

#: Tokens of the rows that are tried, and columns of padding behind the longest.
TRIED, PADDED = (8, 5, 3), 2
#: How much two computations of the same may differ, as a share of the largest number.
ROUNDING = 1e-4


def examine(
    model: nn.Module, end: nn.Module, before: Sequence[nn.Module], inputs: Mapping[str, Tensor]
) -> Plan:
    """Return how to lead past the frozen part of a network, after trying it.

    Tried is: that each module runs once in a pass; which of the numbers that the last one gives are
    read by the rest (others are replaced by NaN, which spoils whatever reads it); that nothing else
    of the frozen part is read; that padding changes nothing; and that the logits come out the same.

    Args:
        model: any network, called with `inputs` by name.
        end: the last module of the frozen part.
        before: those before it that are skipped, in the order in which they run; what makes the
            input of the first is found and added.
        inputs: a batch.

    Raises:
        Unfit: saying what stands in the way.
    """
    with (
        torch.inference_mode(False),
        evaluating(model),
        eager(model),
        _every_gradient(model),
    ):
        try:
            return _examined(model, end, before, _short(model, inputs))
        except Unfit:
            raise
        except Exception as error:  # whatever an unknown architecture raises on short rows
            raise Unfit(f"{type(error).__name__}: {error}") from error


@contextmanager
def _every_gradient(model: nn.Module) -> Iterator[None]:
    """Let every parameter need a gradient for a while, to see which of them are read."""
    changed = [
        one for one in model.parameters() if one.is_floating_point() and not one.requires_grad
    ]
    for one in changed:
        one.requires_grad_(True)
    try:
        yield
    finally:
        for one in changed:
            one.requires_grad_(False)


def _short(model: nn.Module, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a few short rows of a batch, padded on the side where it is."""
    extent = Extent.of(inputs, unpad=True)
    if extent is None or extent.length is None:
        return two_rows(inputs)
    left = any(start > 0 for start, _ in extent.spans)
    columns = min(max(TRIED) + PADDED, max(stop - start for start, stop in extent.spans) + PADDED)
    rows = [row % len(extent.spans) for row in range(len(TRIED))]
    made = {}
    for name, values in inputs.items():
        if values.ndim < 2 or values.shape[1] != extent.length:
            made[name] = values[torch.tensor(rows, device=values.device)]
            continue
        fill = _padding_id(model) if name == "input_ids" else 0
        part = values.new_full((len(rows), columns, *values.shape[2:]), fill)
        for place, (row, most) in enumerate(zip(rows, TRIED, strict=True)):
            start, stop = extent.spans[row]
            tokens = values[row, start : min(stop, start + most)]
            first = columns - len(tokens) if left else 0
            part[place, first : first + len(tokens)] = tokens
        made[name] = part
    return made


def two_rows(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the first two rows of a batch; of one row, that twice, so that rows can be told."""
    count = len(next(iter(inputs.values())))
    chosen = torch.tensor([0, min(1, count - 1)])
    return {name: values[chosen.to(values.device)] for name, values in inputs.items()}


def _padding_id(model: nn.Module) -> int:
    found = getattr(getattr(model, "config", None), "pad_token_id", None)
    return int(found) if isinstance(found, int) else 0


def _examined(
    model: nn.Module, end: nn.Module, before: Sequence[nn.Module], inputs: dict[str, Tensor]
) -> Plan:
    extent = Extent.of(inputs, unpad=True)
    if extent is None:
        raise Unfit("the tokens of a row don't stand side by side")
    if extent.length is None and not all(one.is_floating_point() for one in inputs.values()):
        raise Unfit("it is called without an attention mask")
    outputs, source, logits = _watched(model, [*before, end], inputs)
    if source is not None:
        outputs[source[0]] = source[1]
    tensors = tensors_of(outputs[end])
    if not tensors or not all(one.is_floating_point() for one in tensors.values()):
        raise Unfit(f"{type(end).__name__} gives no numbers to keep")
    reads = _read_by(model, list(tensors.values()))
    rows, columns = len(logits), extent.length
    answers = {module: Answer.of(output, rows, columns) for module, output in outputs.items()}
    tensors = {name: one.detach() for name, one in tensors.items()}
    plan = Plan(end, answers, [], False, reads, frozenset(inputs), frozenset())
    trial = _Trial(model, plan, plan.detour(), inputs, extent, logits)
    with torch.no_grad(), trial.detour.installed():
        if not trial.same(tensors):
            raise Unfit("its upper part reads more of the lower one than comes out at its end")
        fields = trial.needed(tensors)
        unpad = columns is not None and trial.padding_is_nothing(fields, tensors)
        as_kept = Extent.of(inputs, unpad=unpad)
        assert as_kept is not None
        kept = batch_of(rows_of(tensors, fields, as_kept.spans), fields, as_kept, tensors)
        if not trial.same(kept):
            raise Unfit("its upper part gives something else from what was kept")
        ignored = trial.not_looked_at(tensors)
        tickets = {field.per for field in fields} == {"sample"} and trial.takes_tickets(tensors)
    return replace(
        plan,
        fields=fields,
        unpad=unpad,
        names=plan.names - ignored,
        ignored=ignored,
        tickets=tickets,
    )


def _watched(
    model: nn.Module, modules: Sequence[nn.Module], inputs: Mapping[str, Tensor]
) -> tuple[dict[nn.Module, Any], tuple[nn.Module, Tensor] | None, Tensor]:
    """Return the outputs of modules in a pass, what makes the first one's input, and the logits."""
    outputs: dict[nn.Module, Any] = {}
    calls: dict[nn.Module, int] = dict.fromkeys(modules, 0)
    finished: list[tuple[nn.Module, Tensor]] = []  # before the first of the modules begins
    entered: list[Tensor] = []

    def on_entry(module: nn.Module, args: tuple[Any, ...], named: dict[str, Any]) -> None:
        if module is modules[0] and not entered:
            tensors = [one for one in (*args, *named.values()) if isinstance(one, Tensor)]
            entered.extend(tensors[:1])

    def on_exit(module: nn.Module, args: Any, output: Any) -> None:
        del args
        if module in calls:
            calls[module] += 1
            outputs[module] = output
        elif not entered and isinstance(output, Tensor):
            finished.append((module, output))

    handles = [modules[0].register_forward_pre_hook(on_entry, with_kwargs=True)]
    handles += [module.register_forward_hook(on_exit) for module in model.modules()]
    try:
        with torch.enable_grad():
            logits = logits_of(model(**inputs)).detach()
    finally:
        for handle in handles:
            handle.remove()
    if any(count != 1 for count in calls.values()):
        raise Unfit("a frozen layer runs more or less often than once in a pass")
    sources = [one for one in finished if entered and one[1] is entered[0]]
    return outputs, sources[-1] if sources else None, logits


def _read_by(model: nn.Module, made: Sequence[Tensor]) -> list[nn.Parameter]:
    """Return the parameters that some numbers depend on."""
    parameters = [one for one in model.parameters() if one.requires_grad]
    known = [one for one in made if one.requires_grad]
    if not known:
        return []
    with torch.enable_grad():
        total = torch.stack([one.float().sum() for one in known]).sum()
    slopes = torch.autograd.grad(total, parameters, allow_unused=True)
    return [one for one, slope in zip(parameters, slopes, strict=True) if slope is not None]


@dataclass(frozen=True, eq=False)
class _Trial:
    """Passes over a few rows that skip the frozen part."""

    model: nn.Module
    plan: Plan
    detour: Detour
    inputs: dict[str, Tensor]
    extent: Extent
    logits: Tensor

    def same(self, tensors: Mapping[Any, Tensor]) -> bool:
        """Return whether the logits come out as they should, from tensors and no lower part.

        Modules that are skipped answer with NaN, which spoils what reads it.
        """
        rows, columns = len(self.logits), self.extent.length
        output = self.plan.answers[self.plan.end].made(rows, columns, tensors)
        self.detour.skip(output, self.plan.filler(rows, columns, float("nan")))
        try:
            found = logits_of(self.model(**self.inputs))
        except (RuntimeError, TypeError, AttributeError, KeyError, IndexError):
            return False
        finally:
            self.detour.off()
        if self.detour.calls != 1 or found.shape != self.logits.shape:
            return False
        wanted = self.logits
        if wanted.ndim > 2 and wanted.shape[1] == columns:  # of padding, nothing is asked
            seen = self.inputs[MASK].bool()
            found, wanted = found[seen], wanted[seen]
        return _close(found, wanted)

    def needed(self, tensors: Mapping[Any, Tensor]) -> list[Field]:
        """Return what of the frozen part's output is read."""
        fields = []
        for name, one in tensors.items():
            nan = {**tensors, name: torch.full_like(one, float("nan"))}
            if self.same(nan):
                continue
            columns = self.extent.length
            if columns is None or one.ndim < 2 or one.shape[1] != columns:
                fields.append(Field(name, "sample", tuple(one.shape[1:])))
                continue
            behind = one.clone()
            behind[:, 1:] = float("nan")
            first = all(start == 0 for start, _ in self.extent.spans)
            per = "first" if first and self.same({**tensors, name: behind}) else "token"
            fields.append(Field(name, per, tuple(one.shape[2:])))
        if not fields:
            raise Unfit("nothing that it gives is read")
        return fields

    def takes_tickets(self, tensors: Mapping[Any, Tensor]) -> bool:
        """Return whether the logits are the same with a ticket in place of each sample."""
        if len(self.inputs) != 1 or self.extent.length is not None:
            return False
        ((name, values),) = self.inputs.items()
        if not values.is_floating_point() or tuple(values.shape[1:]) == SHAPE:
            return False
        tickets = tickets_of([bytes(16)] * len(values)).to(values)
        return replace(self, inputs={name: tickets}).same(tensors)

    def not_looked_at(self, tensors: Mapping[Any, Tensor]) -> frozenset[str]:
        """Return the inputs that the network has no name for, and that change nothing.

        A tokenizer may say of what kind a token is where the network doesn't ask, and Trainer then
        leaves that out.
        """
        known = inspect.signature(self.model.forward).parameters
        ignored = set()
        for name, values in self.inputs.items():
            if name in known or name == MASK:
                continue
            rest = {key: one for key, one in self.inputs.items() if key != name}
            changed = {**rest, name: torch.ones_like(values)}
            if all(self._gives(one, tensors) for one in (rest, changed)):
                ignored.add(name)
        return frozenset(ignored)

    def _gives(self, inputs: Mapping[str, Tensor], tensors: Mapping[Any, Tensor]) -> bool:
        try:
            made = tensors_of(self.detour.reach(partial(self.model, **inputs)))
        except (RuntimeError, TypeError, IndexError):
            return False
        return all(torch.equal(made[name], one) for name, one in tensors.items())

    def padding_is_nothing(self, fields: Sequence[Field], tensors: Mapping[Any, Tensor]) -> bool:
        """Return whether each row comes out the same without its padding."""
        for row, (start, stop) in enumerate(self.extent.spans):
            alone = {
                name: values[row : row + 1, start:stop]
                if values.ndim > 1 and values.shape[1] == self.extent.length
                else values[row : row + 1]
                for name, values in self.inputs.items()
            }
            made = tensors_of(self.detour.reach(partial(self.model, **alone)))
            for field in fields:
                before, after = tensors[field.name][row], made[field.name][0]
                if field.per == "token":
                    before = before[start:stop]
                elif field.per == "first":
                    before, after = before[0], after[0]
                if before.shape != after.shape or not _close(after, before):
                    return False
        return True


def _close(found: Tensor, wanted: Tensor) -> bool:
    """Return whether two tensors are the same but for rounding."""
    coarse = wanted.dtype in (torch.float16, torch.bfloat16)
    most = float(wanted.abs().max()) if wanted.numel() else 0.0
    difference = (found.double() - wanted.double()).abs()
    return bool((difference <= (300 if coarse else 1) * ROUNDING * max(most, 1e-6)).all())

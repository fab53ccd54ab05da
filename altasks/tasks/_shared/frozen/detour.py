"""Calls of modules inside a model, led past them: its lower part is skipped, its upper part runs.

No architecture's code is repeated here. The model runs as it is written; only the modules of the
frozen part, when they are called, answer with what they made before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn


class Reached(Exception):  # noqa: N818 - no error: it ends a pass whose upper part isn't wanted
    """The end of the frozen part was reached."""


class Detour:
    """Stands in for modules while it is installed.

    Args:
        end: the last module of the frozen part, whose output is kept.
        before: modules that run before it, and whose output only it reads.

    Attributes:
        mode: `"off"`: all run as they are; `"reach"`: they run, and `end` raises `Reached` with its
            output in `made`; `"skip"`: `end` answers with `output`, the others with something of
            the right shape that nobody reads.
        output: what `end` answers.
        filler: makes the answer of another module.
        calls: how often `end` was called.
    """

    def __init__(self, end: nn.Module, before: Sequence[nn.Module]) -> None:
        self.end = end
        self.before = list(before)
        self.mode: Literal["off", "reach", "skip"] = "off"
        self.output: Any = None
        self.made: Any = None
        self.filler: Callable[[nn.Module], Any] = lambda _: None
        self.calls = 0

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Stand in for the modules' `forward`; they have their own again afterwards."""
        modules = [self.end, *self.before]
        own = [module.__dict__.get("forward") for module in modules]
        for module in modules:
            module.forward = partial(self._call, module, module.forward)
        try:
            yield
        finally:
            self.mode, self.output, self.made = "off", None, None
            for module, forward in zip(modules, own, strict=True):
                del module.__dict__["forward"]
                if forward is not None:
                    module.__dict__["forward"] = forward

    def skip(self, output: Any, filler: Callable[[nn.Module], Any]) -> None:
        """Answer with `output` from now on."""
        self.mode, self.output, self.filler, self.calls = "skip", output, filler, 0

    def off(self) -> None:
        """Let all modules run."""
        self.mode, self.output = "off", None

    def reach(self, run: Callable[[], Any]) -> Any:
        """Return what `end` makes in a pass; what comes after it is not run.

        Raises:
            RuntimeError: if the pass ends without it.
        """
        before, self.mode = self.mode, "reach"
        try:
            run()
        except Reached:
            made, self.made = self.made, None
            return made
        finally:
            self.mode = before
        raise RuntimeError("the pass ended before the end of the frozen part")

    def _call(
        self, module: nn.Module, forward: Callable[..., Any], *args: Any, **named: Any
    ) -> Any:
        if self.mode == "off":
            return forward(*args, **named)
        if self.mode == "skip":
            if module is not self.end:
                return self.filler(module)
            self.calls += 1
            return self.output
        made = forward(*args, **named)
        if module is self.end:
            self.made = made
            raise Reached
        return made


def tensors_of(output: Any) -> dict[Any, Tensor]:
    """Return the tensors of a module's output by name or place; what else is in it is left out."""
    if isinstance(output, Tensor):
        return {None: output}
    if isinstance(output, Mapping):
        return {name: one for name, one in output.items() if isinstance(one, Tensor)}
    if isinstance(output, tuple | list):
        return {place: one for place, one in enumerate(output) if isinstance(one, Tensor)}
    return {}


def like(output: Any, tensors: Mapping[Any, Tensor]) -> Any:
    """Return an output built as another was, with other tensors; what has none is left out.

    Args:
        output: a tensor, a tuple, a dict or a `ModelOutput`.
        tensors: as `tensors_of` names them.
    """
    if isinstance(output, Tensor):
        return tensors[None]
    if isinstance(output, Mapping):
        kind: Any = type(output)
        return kind(**tensors) if kind is not dict else dict(tensors)
    return tuple(tensors.get(place) for place in range(len(output)))


def logits_of(output: Any) -> Tensor:
    """Return the logits of a model's output."""
    logits: Tensor = output["logits"] if isinstance(output, Mapping) else output[0]
    return logits


def nothing(shape: Sequence[int], like: Tensor, value: float = 0.0) -> Tensor:
    """Return a tensor of one value, which takes no memory."""
    return torch.full((), value, dtype=like.dtype, device=like.device).expand(tuple(shape))

"""Dropout that is a call and not a module: `F.dropout(x, p=self.drop_rate, ...)`.

timm's EfficientNet and MobileNetV3 drop this way in front of their head, torchvision's DenseNet and
Swin, and many models of transformers inside. A forward hook sees none of it. A torch function mode
does: for the time it is on, and for this thread only, every call of a torch function passes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from altasks.committees.drawn_masks import DrawnMasks


class _Signature(NamedTuple):
    """Where a function has its probability and its switch: names, places and defaults."""

    p: str
    p_place: int
    p_default: float
    training: str | None
    training_place: int
    training_default: bool


_FUNCTIONAL = _Signature("p", 1, 0.5, "training", 2, True)
_OFF_BY_DEFAULT = _Signature("p", 1, 0.5, "training", 2, False)
_BUILTIN = _Signature("p", 1, 0.5, "train", 2, True)

#: Functions of torch that drop, called by models directly. `nn.Dropout` calls the functional ones.
_SIGNATURES: dict[Callable[..., Any], _Signature] = {
    functional.dropout: _FUNCTIONAL,
    functional.dropout1d: _FUNCTIONAL,
    functional.dropout2d: _FUNCTIONAL,
    functional.dropout3d: _FUNCTIONAL,
    functional.alpha_dropout: _OFF_BY_DEFAULT,
    functional.feature_alpha_dropout: _OFF_BY_DEFAULT,
    torch.dropout: _BUILTIN,
    torch.dropout_: _BUILTIN,
    torch.feature_dropout: _BUILTIN,
    torch.feature_dropout_: _BUILTIN,
    torch.alpha_dropout: _BUILTIN,
    torch.alpha_dropout_: _BUILTIN,
    torch.feature_alpha_dropout: _BUILTIN,
    torch.feature_alpha_dropout_: _BUILTIN,
    torch.native_dropout: _BUILTIN,
    # Attention drops inside one call, which has no switch of its own or a probability of 0 at rest.
    functional.scaled_dot_product_attention: _Signature("dropout_p", 4, 0.0, None, 0, True),
    functional.multi_head_attention_forward: _Signature("dropout_p", 10, 0.0, "training", 13, True),
}
#: Those that drop each number by itself, for which masks may be drawn beforehand.
_PLAIN = (functional.dropout, torch.dropout)
_ATTENTION = (
    functional.scaled_dot_product_attention,
    functional.multi_head_attention_forward,
)
_ATTENTION_ARGUMENTS = ("query", "key", "value", "attn_mask", "dropout_p", "is_causal")


class DropoutCalls(TorchFunctionMode):
    """Listens to the calls of torch's dropout functions, and may set their probability.

    Calls made by `nn.Dropout` pass as well. What a model drops in another way (by a mask that it
    draws itself) is no call of a dropout function and isn't seen.

    Args:
        p: what calls that drop are given instead of their own probability; None leaves it.
        at_rest: whether all calls are kept from dropping.

    Attributes:
        fired: names of the functions that dropped something.
        masks: what drops instead of torch, where it can; None leaves all to torch.

    Example:
        >>> with DropoutCalls(p=0.5) as calls:
        ...     _ = functional.dropout(torch.ones(3), p=0.0)
        >>> calls.fired
        {'dropout'}
    """

    def __init__(self, p: float | None = None, *, at_rest: bool = False) -> None:
        super().__init__()
        self.p = p
        self.at_rest = at_rest
        self.masks: DrawnMasks | None = None
        self.fired: set[str] = set()
        # Its output is held: memory that was let go could come back as another tensor.
        self._last: tuple[Tensor, float, str] | None = None

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Call `func`, with the probability that this mode sets if it drops."""
        signature = _SIGNATURES.get(func)
        if signature is None:
            return func(*args, **(kwargs or {}))
        named = dict(kwargs or {})
        p = _argument(args, named, signature.p, signature.p_place, signature.p_default)
        drops = signature.training is None or bool(
            _argument(
                args,
                named,
                signature.training,
                signature.training_place,
                signature.training_default,
            )
        )
        if func in _ATTENTION and not p:
            drops = False  # how a model says "at rest" there
        own = float(p)
        if drops and self.at_rest:
            args = _set(args, named, signature.p, signature.p_place, 0.0)
        elif drops:
            if self.p is not None:
                args = _set(args, named, signature.p, signature.p_place, self.p)
                p = self.p
            if p:
                self.fired.add(func.__name__)
                if self.masks is not None:
                    output = _by_masks(self.masks, func, args, named, float(p))
                    if output is not None:
                        return output
        output = func(*args, **named)
        if isinstance(output, Tensor) and func not in _ATTENTION:
            self._last = (output, own, func.__name__)
        return output

    def in_front_of(self, features: Tensor) -> float | None:
        """Return the probability of the call whose output `features` is; None if it is no call's.

        Where it doesn't drop, a dropout hands on the very memory it was given.
        """
        if self._last is None or self._last[0].data_ptr() != features.data_ptr():
            return None
        return self._last[1]

    def forget(self) -> None:
        """Let go of the last output."""
        self._last = None


def _by_masks(
    masks: DrawnMasks,
    func: Callable[..., Any],
    args: tuple[Any, ...],
    named: dict[str, Any],
    p: float,
) -> Tensor | None:
    """Return what `func` returns, but for the masks; None where it is better left to `func`."""
    if func in _PLAIN:
        values: Any = args[0] if args else named.get("input")
        inplace = _argument(args, named, "inplace", 3, False)
        return None if inplace or not masks.can_drop(values, p) else masks.dropout(values, p)
    if func is functional.scaled_dot_product_attention:
        own = {**dict(zip(_ATTENTION_ARGUMENTS, args, strict=False)), **named, "dropout_p": p}
        if not own.pop("enable_gqa", False) and all(
            masks.can_drop(own.get(name), p) for name in ("query", "key", "value")
        ):
            return masks.attention(**own)
    return None


def _argument(
    args: tuple[Any, ...], named: dict[str, Any], name: str, place: int, default: Any
) -> Any:
    if name in named:
        return named[name]
    return args[place] if place < len(args) else default


def _set(
    args: tuple[Any, ...], named: dict[str, Any], name: str, place: int, value: float
) -> tuple[Any, ...]:
    if name not in named and place < len(args):
        return (*args[:place], value, *args[place + 1 :])
    named[name] = value
    return args

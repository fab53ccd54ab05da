"""Switching a model's modes for the time of a prediction, and giving every one of them back."""

from __future__ import annotations

import functools
import re
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch
from torch import Tensor, nn

from altasks.committees.dropout_calls import DropoutCalls

# Attributes by which modules keep the probability of a dropout that they apply themselves:
# attention's in transformers (BERT, ViT, ModernBERT, GPT-2, Bart, ...), `dropout` in
# torch.nn.MultiheadAttention and the recurrent layers, `drop_rate` in timm and torchvision. They
# are set as well as the calls, since a model may ask `if self.drop_rate > 0` before it calls.
_PROBABILITY = re.compile(
    r"(?:.*_)?(?:p?drop(?:out)?|drop_?path|drop_?connect|stochastic_depth)"
    r"(?:_?(?:p|prob|probs|probability|rate|ratio))?"
)
# Layer drop is no dropout: it leaves out whole layers, and few models bear it at other rates.
_LAYER_DROP = re.compile(r".*layer_?drop")
# Layers that leave out whole branches or blocks: a dropout, but not of single inputs.
_BRANCH_DROPS = re.compile(r"DropPath|DropBlock|DropConnect|StochasticDepth", re.IGNORECASE)

# Beside the models and not on them: a lock can be neither copied nor saved.
_LOCKS: weakref.WeakKeyDictionary[nn.Module, threading.RLock] = weakref.WeakKeyDictionary()
_LOCKS_LOCK = threading.Lock()

_NORMS = (
    nn.modules.batchnorm._NormBase,  # BatchNorm*, InstanceNorm*, SyncBatchNorm
    nn.LayerNorm,
    nn.GroupNorm,
    nn.RMSNorm,
    nn.LocalResponseNorm,
    nn.CrossMapLRN2d,
)


def is_dropout(module: nn.Module) -> bool:
    """Return whether `module` is a dropout layer: torch's, or one that names itself so."""
    return isinstance(module, nn.modules.dropout._DropoutNd) or (
        type(module).__name__.endswith("Dropout") and not list(module.children())
    )


def is_normalisation(module: nn.Module) -> bool:
    """Return whether `module` normalises: torch's layers, or a leaf with "norm" in its name.

    Models bring their own (`LlamaRMSNorm`, `FrozenBatchNorm2d`). A *block* with "Norm" in its
    name has children, and its own dropout must fire, so only leaves are judged by name.
    """
    if isinstance(module, _NORMS):
        return True
    return "norm" in type(module).__name__.lower() and not list(module.children())


def drops_branches(module: nn.Module) -> bool:
    """Return whether `module` leaves out whole branches: stochastic depth, timm's `DropPath`."""
    return bool(_BRANCH_DROPS.search(type(module).__name__)) and not list(module.children())


def _probability_attributes(module: nn.Module) -> list[str]:
    own = is_dropout(module) or drops_branches(module)
    return [
        name
        for name, value in module.__dict__.items()
        if isinstance(value, float | int)
        and not isinstance(value, bool)  # that is a switch
        and 0 <= value <= 1
        and ((name == "p" and own) or _names_a_probability(name))
    ]


@functools.cache
def _names_a_probability(name: str) -> bool:
    found = name.lower()
    return bool(_PROBABILITY.fullmatch(found)) and not _LAYER_DROP.fullmatch(found)


def dropout_probabilities(model: nn.Module) -> dict[str, float]:
    """Return every dropout probability found in `model`, as dotted name -> p.

    Example:
        >>> from torch import nn
        >>> dropout_probabilities(nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.1)))
        {'1.p': 0.1}
    """
    return {
        f"{name}.{attribute}".lstrip("."): float(getattr(module, attribute))
        for name, module in model.named_modules()
        for attribute in _probability_attributes(module)
    }


@contextmanager
def every_mode_restored(model: nn.Module) -> Iterator[None]:
    """Give every module back its own `training` flag afterwards, whatever happens inside.

    Threads that share a model take turns: modes and hooks belong to the model, so one thread's
    passes would run with another's dropout, and it would keep the modes that were meant to pass.
    """
    with _turn_of(model):
        before = [(module, module.training) for module in model.modules()]
        try:
            yield
        finally:
            for module, mode in before:
                _set_mode(module, mode)


def _set_mode(module: nn.Module, mode: bool) -> None:
    # Setting an attribute of a module is slow: of hundreds, a tenth of a small batch's pass.
    if module.training is not mode:
        module.training = mode


def _turn_of(model: nn.Module) -> threading.RLock:
    with _LOCKS_LOCK:
        return _LOCKS.setdefault(model, threading.RLock())


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Run with every module in evaluation mode.

    The flags are set one by one instead of through `model.eval()`, which a model may have given
    a second meaning.
    """
    with every_mode_restored(model):
        for module in model.modules():
            _set_mode(module, False)
        yield


@contextmanager
def dropout_firing(
    model: nn.Module, p: float | None = None, *, listen: bool = False
) -> Iterator[DropoutCalls]:
    """Run with every dropout drawing and every normalisation layer at rest.

    Attention's dropout reads the `training` flag of the module around it, so setting the dropout
    layers alone would miss it: everything is set to training but the normalisation layers.

    Args:
        model: any module.
        p: the probability that every dropout has while the context is open, also those that are
            calls and not modules; None leaves each its own.
        listen: whether to listen to the calls of dropout functions where `p` is None as well.

    Yields:
        The calls of dropout functions.
    """
    changed: list[tuple[nn.Module, str, object]] = []
    with every_mode_restored(model):
        # A copy is kept of every buffer: a layer that updates one while training (a running mean
        # under an unusual name, a codebook) must not learn from predicting. Copied in turn, like
        # all else: another thread's passes may have changed them before.
        buffers = [(buffer, buffer.clone()) for buffer in model.buffers()]
        calls = DropoutCalls(p)
        try:
            for module in model.modules():
                _set_mode(module, not is_normalisation(module))
                new: dict[str, float | bool] = {}
                # Recomputing activations only makes sense where there is a backward pass.
                if module.__dict__.get("gradient_checkpointing") is True:
                    new["gradient_checkpointing"] = False
                if p is not None:
                    new |= dict.fromkeys(_probability_attributes(module), p)
                for name, value in new.items():
                    changed.append((module, name, getattr(module, name)))
                    setattr(module, name, value)
            with eager(model), calls if listen or p is not None else nullcontext():
                yield calls
        finally:
            for module, name, before in changed:
                setattr(module, name, before)
            _restore(buffers)


@contextmanager
def eager(model: nn.Module) -> Iterator[None]:
    """Run a compiled model as it was written, so that hooks on its layers are called.

    A hook that is added after a compiled model's first call never fires, and what was compiled
    draws other masks than what was written does for the same seed.
    """
    compiled = any(
        hasattr(module, "_orig_mod") or getattr(module, "_compiled_call_impl", None) is not None
        for module in model.modules()
    )
    with torch.compiler.set_stance("force_eager") if compiled else nullcontext():
        yield


def _restore(buffers: list[tuple[Tensor, Tensor]]) -> None:
    with torch.no_grad():
        for buffer, copy in buffers:
            if not torch.equal(buffer, copy):
                buffer.copy_(copy)

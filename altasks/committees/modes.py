"""Switching a model's modes for the time of a prediction, and giving every one of them back."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

# Attributes by which modules outside torch.nn keep the probability of a dropout they apply
# themselves: attention's in transformers (BERT, ViT, ModernBERT, GPT-2, Bart, ...), and
# torch.nn.MultiheadAttention and the recurrent layers, which call theirs `dropout`.
_PROBABILITIES = (
    "dropout",
    "dropout_p",
    "dropout_prob",
    "drop_prob",
    "attn_dropout",
    "attention_dropout",
    "activation_dropout",
    "hidden_dropout",
    "attention_probs_dropout_prob",
    "hidden_dropout_prob",
)

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
    """Return whether `module` normalises: torch's layers, or a leaf that says so in its name.

    Models bring their own (`LlamaRMSNorm`, `FrozenBatchNorm2d`). A *block* with "Norm" in its
    name has children, and its own dropout must fire, so only leaves are judged by name.
    """
    if isinstance(module, _NORMS):
        return True
    return "norm" in type(module).__name__.lower() and not list(module.children())


def _probability_attributes(module: nn.Module) -> list[str]:
    names = ("p", *_PROBABILITIES) if is_dropout(module) else _PROBABILITIES
    found = {name: module.__dict__.get(name) for name in names}
    return [
        name
        for name, value in found.items()
        if isinstance(value, float | int) and not isinstance(value, bool)  # that is a switch
    ]


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
            module.training = False
        yield


@contextmanager
def dropout_firing(model: nn.Module, p: float | None = None) -> Iterator[None]:
    """Run with every dropout drawing and every normalisation layer at rest.

    Attention's dropout reads the `training` flag of the module around it, so setting the dropout
    layers alone would miss it: everything is set to training but the normalisation layers.

    Args:
        model: any module.
        p: the probability that every dropout has meanwhile; None leaves each its own.
    """
    changed: list[tuple[nn.Module, str, object]] = []
    with every_mode_restored(model):
        # A copy is kept of every buffer: a layer that updates one while training (a running mean
        # under an unusual name, a codebook) must not learn from being asked. Taken in turn, like
        # all else: meanwhile another thread's passes may have changed them.
        buffers = [(buffer, buffer.clone()) for buffer in model.buffers()]
        try:
            for module in model.modules():
                module.training = not is_normalisation(module)
                # Recomputing activations only makes sense where there is a backward pass.
                if module.__dict__.get("gradient_checkpointing") is True:
                    changed.append((module, "gradient_checkpointing", True))
                    setattr(module, "gradient_checkpointing", False)  # noqa: B010 - not torch's attribute
                for name in _probability_attributes(module) if p is not None else []:
                    changed.append((module, name, getattr(module, name)))
                    setattr(module, name, p)
            yield
        finally:
            for module, name, value in changed:
                setattr(module, name, value)
            _restore(buffers)


def _restore(buffers: list[tuple[Tensor, Tensor]]) -> None:
    with torch.no_grad():
        for buffer, copy in buffers:
            if not torch.equal(buffer, copy):
                buffer.copy_(copy)

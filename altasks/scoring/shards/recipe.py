"""What the parts of one scoring have in common: pool, weights, function."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePath
from typing import Any

import torch
from torch import Tensor, nn

from altasks.data import Pool

__all__ = ["digest_pool", "digest_weights", "name_of", "settings_of"]

#: Bytes of a digest.
_SIZE = 16


def digest_pool(pool: Pool) -> str:
    """Return a digest of the ids of a pool in their order, and of what its samples say.

    Of samples in memory, texts, numbers and rows of tables count, so that row numbers of another
    file are not taken for those of this one. Of files the id alone counts, since a path is another
    on another machine, and so it does of arrays and of what is decoded as it is fetched.

    Example:
        >>> import altasks as al
        >>> digest_pool(al.as_pool(["one", "two"])) == digest_pool(al.as_pool(["two", "one"]))
        False
    """
    made = hashlib.blake2b(digest_size=_SIZE)
    for row, name in enumerate(pool.ids):
        _feed(made, name.encode())
        if pool.in_memory:
            _feed(made, _content(pool.at(row)))
    return made.hexdigest()


def _feed(made: Any, content: bytes) -> None:
    made.update(len(content).to_bytes(8, "little"))
    made.update(content)


def _content(sample: Any) -> bytes:
    if isinstance(sample, str):
        return sample.encode("utf-8", "surrogatepass")
    if isinstance(sample, PurePath):
        return b""
    if not isinstance(sample, int | float | list | tuple | Mapping | None):
        return type(sample).__name__.encode()

    def other(value: Any) -> Any:
        return dict(value) if isinstance(value, Mapping) else type(value).__name__

    try:
        return json.dumps(sample, sort_keys=True, default=other).encode()
    except (TypeError, ValueError):  # keys of several kinds, or a list in itself
        return type(sample).__name__.encode()


def digest_weights(task: Any) -> str | None:
    """Return a digest of the weights of a task's networks; None where none can be seen.

    Networks are what a task holds as `torch.nn.Module` under a public name, such as `model`, and
    so do the members of an ensemble.

    Example:
        >>> from types import SimpleNamespace
        >>> one, two = (SimpleNamespace(model=nn.Linear(2, 1)) for _ in range(2))
        >>> digest_weights(one) == digest_weights(two), digest_weights(object()) is None
        (False, True)
    """
    made = hashlib.blake2b(digest_size=_SIZE)
    found = False
    for name, module in _modules(task, 3):
        found = True
        for key, tensor in module.state_dict().items():
            if not isinstance(tensor, Tensor):  # what a quantized layer keeps beside its weights
                continue
            _feed(made, f"{name} {key} {tuple(tensor.shape)} {tensor.dtype}".encode())
            flat = tensor.detach().to("cpu").contiguous().reshape(-1)
            if flat.numel():
                made.update(flat.view(torch.uint8).numpy().data)
    return made.hexdigest() if found else None


def _modules(value: Any, depth: int, name: str = "") -> Iterable[tuple[str, nn.Module]]:
    """Yield the networks in an object, with where they are: what is private may be a copy."""
    if isinstance(value, nn.Module):
        yield name, value
        return
    held: Iterable[tuple[str, Any]] = ()
    if isinstance(value, list | tuple):
        held = ((str(place), one) for place, one in enumerate(value))
    elif hasattr(value, "__dict__") and not isinstance(value, type):
        held = sorted(vars(value).items())
    for key, one in held if depth else ():
        if not key.startswith("_"):
            yield from _modules(one, depth - 1, f"{name}.{key}")


def settings_of(value: Any) -> dict[str, Any]:
    """Return an object's class and its public settings that are plain; of a committee, say.

    Example:
        >>> import altasks as al
        >>> found = settings_of(al.MCDropout(5, seed=2))
        >>> found["class"], found["passes"], found["seed"]
        ('MCDropout', 5, 2)
    """
    plain = {
        key: one
        for key, one in sorted(getattr(value, "__dict__", {}).items())
        if not key.startswith("_") and key != "round" and isinstance(one, str | int | float | None)
    }
    return {"class": type(value).__qualname__, **plain}


def name_of(value: Any) -> Any:
    """Return what a function, a calibration or the like is called: JSON that compares.

    Example:
        >>> name_of("bald"), name_of(1.5), name_of(len), name_of(object())
        ('bald', 1.5, 'len', 'object')
    """
    if value is None or isinstance(value, str | int | float):
        return value
    named: Callable[..., Any] | type = value if hasattr(value, "__qualname__") else type(value)
    return named.__qualname__

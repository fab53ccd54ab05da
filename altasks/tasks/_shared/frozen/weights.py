"""A name for a frozen part: of its weights, its code, and all else that decides its output."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch
from torch import Tensor, nn

#: Raise it when what is kept changes its meaning.
FORMAT = 1
#: Numbers of each weight that are compared each time, for changes that torch does not count.
COMPARED = 8
#: Settings of a model that say nothing about its frozen part; Trainer changes some of them.
_OF_HEAD = (
    *("id2label", "label2id", "num_labels", "problem_type", "_name_or_path", "architectures"),
    *("use_cache", "bos_token_id", "eos_token_id", "dtype", "transformers_version"),
)


class WatchedWeights:
    """Weights with a hash of their content, computed again when they change.

    A change is seen by torch's count of the writes to a tensor, and by its place in memory. Writes
    to `weight.data` are not counted, so a few numbers of each weight are compared as well.

    Args:
        tensors: by name.
    """

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        self._tensors = dict(tensors)
        self._state: list[tuple[int, int]] | None = None
        self._groups: list[list[Tensor]] = []
        self._values: list[Tensor] = []
        self._hash = ""

    def hash(self) -> str:
        """Return the hash of names, shapes, types and numbers."""
        state = [_state(one) for one in self._tensors.values()]
        if state != self._state or not self._as_sampled():
            self._hash = self._computed()
            self._state = state
            self._sample()
        return self._hash

    def _computed(self) -> str:
        made = hashlib.sha256()  # processors have instructions for it: twice as fast as others
        for name, one in self._tensors.items():
            made.update(f"{name} {tuple(one.shape)} {one.dtype}".encode())
            flat = one.detach().to("cpu").contiguous().reshape(-1)
            if flat.numel():
                made.update(flat.view(torch.uint8).numpy().data)
        return made.hexdigest()

    def _sample(self) -> None:
        """Note a few numbers of each weight, as views that see later changes."""
        groups: dict[tuple[torch.device, torch.dtype], list[Tensor]] = {}
        for one in self._tensors.values():
            if one.numel() and one.is_contiguous():
                flat = one.detach().view(-1)
                step = max(1, flat.numel() // COMPARED)
                groups.setdefault((one.device, one.dtype), []).append(flat[::step])
        self._groups = list(groups.values())
        self._values = [torch.cat(group) for group in self._groups]

    def _as_sampled(self) -> bool:
        return all(
            torch.equal(torch.cat(group), values)
            for group, values in zip(self._groups, self._values, strict=True)
        )


def _state(tensor: Tensor) -> tuple[int, int]:
    try:
        written = tensor._version
    except RuntimeError:  # made in inference mode, where writes aren't counted
        written = -1
    return tensor.data_ptr(), written


def code_of(model: nn.Module, parts: Sequence[nn.Module]) -> str:
    """Return a hash of what a frozen part is, its weights aside.

    That is the classes of the model's modules with their code, the settings that show in the frozen
    ones, the model's config but for what describes its head, and the versions of the libraries.

    Args:
        model: the whole.
        parts: the frozen modules.
    """
    made = hashlib.blake2b(digest_size=16)
    made.update(f"{FORMAT} torch {torch.__version__} transformers {_version()}".encode())
    for kind in sorted({type(part) for part in model.modules()}, key=_name):
        code = getattr(kind.forward, "__code__", None)
        made.update(_name(kind).encode())
        if code is not None:
            made.update(code.co_code)
    for part in parts:
        made.update(repr(part).encode())
    config: Any = getattr(model, "config", None)
    if hasattr(config, "to_dict"):
        settings = {name: value for name, value in config.to_dict().items() if name not in _OF_HEAD}
        settings["attention"] = getattr(config, "_attn_implementation", None)
        made.update(json.dumps(settings, sort_keys=True, default=str).encode())
    return made.hexdigest()


def _name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _version() -> str:
    try:
        return version("transformers")
    except PackageNotFoundError:
        return "none"


def key_of(parts: Sequence[Any]) -> str:
    """Return a short name for a list of JSON values."""
    text = json.dumps(list(parts), sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()

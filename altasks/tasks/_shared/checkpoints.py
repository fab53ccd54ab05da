"""Loading a Hugging Face model, going back to the weights it came with, and its device."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from altasks._internal.extras import require
from altasks._internal.random import derive_seed, isolated
from altasks.committees.head import is_adapted_layer
from altasks.errors import InvalidInputError, first_line, invalid
from altasks.tasks._shared.adapters import (
    adapter_base,
    adapter_shapes,
    changing,
    has_adapters,
    inside,
    with_adapter,
)
from altasks.tasks._shared.wrappers import unwrapped


@dataclass(frozen=True, eq=False)
class Loaded:
    """A model as the task found it.

    Attributes:
        model: the module.
        new: names of the parameters that no checkpoint brought: the head's, usually.
    """

    model: Any
    new: frozenset[str]


@contextmanager
def quiet() -> Iterator[None]:
    """Silence transformers' load reports and progress bars."""
    logging = require("transformers", "text", "A Hugging Face model").utils.logging
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


def is_local(source: str | os.PathLike[str]) -> bool:
    """Return whether a source can only be a folder on this machine, not a name on a hub.

    A name on a hub is one word, or two with a slash between. A path object, and text that begins
    or looks like a path or lies in a folder that exists, is never looked up there.

    Example:
        >>> [is_local(name) for name in ("./model", "runs/a/b", "bert-base", "google/bert")]
        [True, True, False, False]
    """
    if isinstance(source, os.PathLike):
        return True
    if source.startswith((".", "~", "/", os.sep)) or source.endswith("/") or "\\" in source:
        return True
    if source.count("/") > 1 or re.match(r"[A-Za-z]:", source):
        return True
    path = Path(source)
    return path.exists() or (len(path.parts) > 1 and path.parent.is_dir())


@contextmanager
def reading(source: str | os.PathLike[str], argument: str = "model") -> Iterator[None]:
    """Turn what goes wrong while a checkpoint is loaded into an error that names it.

    Args:
        source: hub name or folder.
        argument: which argument named it.

    Raises:
        InvalidInputError: naming the checkpoint; at once for a local one that is not there.
    """
    damaged = require("safetensors", "text", "Reading weights").SafetensorError
    name = os.fspath(source)
    whole = "Give the folder that holds config.json and the weights, all of them whole."
    if is_local(source) and not Path(name).exists():
        raise _unreadable(argument, name, "there is no such folder", whole)
    try:
        yield
    except InvalidInputError:
        raise
    except (OSError, ValueError, damaged) as error:
        if "trust_remote_code" in str(error):
            hint = (
                "Code that comes with a checkpoint is never run here (trust_remote_code is off): "
                "load the model yourself, if you trust it, and pass the object."
            )
        elif is_local(source):
            hint = whole
        else:
            hint = "A hub name needs the network, or the checkpoint in the local cache."
        raise _unreadable(argument, name, first_line(error), hint) from error


def _unreadable(argument: str, name: str, reason: str, hint: str) -> InvalidInputError:
    return invalid(
        argument,
        "a local folder with a checkpoint, or the name of one on a hub",
        f"{name!r}, which can't be read as one ({reason})",
        hint=hint,
    )


def read_config(source: str | os.PathLike[str]) -> Any:
    """Return a checkpoint's config; of an adapter folder, its base model's."""
    transformers = require("transformers", "text", "A Hugging Face model")
    place = adapter_base(source) or source
    with reading(place), quiet():
        return transformers.AutoConfig.from_pretrained(
            os.fspath(place), trust_remote_code=False, local_files_only=is_local(place)
        )


def load_model(auto_class: str, source: str | os.PathLike[str], **config: Any) -> Loaded:
    """Load a checkpoint by hub name or path, with a head as `config` says.

    Args:
        auto_class: `"AutoModelForSequenceClassification"` and the like.
        source: hub name or local folder; an adapter folder of PEFT is put on its base model.
        config: what to set on the model's config (`num_labels`, `id2label`, ...).
    """
    transformers = require("transformers", "text", "A Hugging Face model")
    base = adapter_base(source)
    place = source if base is None else base
    # The head is drawn from the seed again at each fit; until then it is the same in every run.
    with reading(place), quiet(), isolated(derive_seed(0, "head")):
        model, report = getattr(transformers, auto_class).from_pretrained(
            os.fspath(place),
            output_loading_info=True,
            ignore_mismatched_sizes=True,
            # None would ask at the terminal whether to run the checkpoint's own code.
            trust_remote_code=False,
            local_files_only=is_local(place),
            **config,
        )
        mismatched = {entry[0] for entry in report.get("mismatched_keys", ())}
        new = {*report["missing_keys"], *mismatched}
        if base is None:
            return Loaded(model.eval(), frozenset(new))
        brought = adapter_shapes(source)
        adapted = with_adapter(model, source)
    # In PEFT's wrapper a trained head is a copy beside the one that the base model came with.
    missing = {name.rpartition(".")[0] for name in new if name not in brought}
    names = [name for name in head_parameters(adapted) if any(part in name for part in missing)]
    return Loaded(adapted, frozenset(names))


def load_tokenizer(source: str | os.PathLike[str], argument: str = "model") -> Any:
    """Load the tokenizer beside a checkpoint; where an adapter has none, its base model's."""
    transformers = require("transformers", "text", "A Hugging Face model")
    base = adapter_base(source)
    if base is not None and not (Path(source) / "tokenizer_config.json").is_file():
        source = base
    with reading(source, argument), quiet():
        return transformers.AutoTokenizer.from_pretrained(
            os.fspath(source), trust_remote_code=False, local_files_only=is_local(source)
        )


def head_parameters(model: nn.Module) -> frozenset[str]:
    """Return the names of the trainable parameters outside the pretrained trunk.

    Hugging Face models name the attribute that holds the trunk in `base_model_prefix`. Compiled
    models and those with PEFT's adapters are looked into; an adapter itself is no part of the
    head, since it starts at what its method prescribes.
    """
    whole = unwrapped(model)
    base, outer = inside(whole)
    trunk = getattr(base, "base_model_prefix", "")
    if not trunk or not hasattr(base, trunk):
        return frozenset()
    adapted = tuple(f"{name}." for name, part in whole.named_modules() if is_adapted_layer(part))
    return frozenset(
        name
        for name, one in whole.named_parameters()
        if one.requires_grad
        and name.startswith(outer)
        and not name.startswith((f"{outer}{trunk}.", *adapted))
    )


def pick_device(
    device: torch.device | str | None, model: nn.Module, *, loaded: bool
) -> torch.device:
    """Return the device to work on: the one asked for, the model's own, or the best there is.

    A model that was loaded from a checkpoint has no device of its own yet.

    Raises:
        InvalidInputError: for a device that this torch doesn't know or this machine doesn't have.
    """
    if device is not None:
        try:
            return torch.empty(0, device=device).device
        except (RuntimeError, AssertionError) as error:  # a torch without CUDA asserts
            raise invalid(
                "device", "one that torch can use here, such as 'cpu'", f"{device!r}: {error}"
            ) from error
    if not loaded:
        first = next(model.parameters(), None)  # a quantised model may have none
        return torch.device("cpu") if first is None else first.device
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


class StartingPoint:
    """The weights a fit starts from, kept once, on the CPU.

    Args:
        model: in its pretrained state.
        new: names of the parameters that are drawn anew, from the seed, at each start.
    """

    def __init__(self, model: nn.Module, new: frozenset[str]) -> None:
        # Beside adapters most of a model stays, and need not be kept twice.
        self._partial = has_adapters(model)
        kept = changing(model) if self._partial else model.state_dict()
        self._state: dict[str, Tensor] = {
            name: value.detach().to("cpu", copy=True) for name, value in kept.items()
        }
        self.new = new

    def reset(self, model: nn.Module) -> None:
        """Put the model back to exactly the weights it came with."""
        model.load_state_dict(self._state, strict=not self._partial)

    def restore(self, model: nn.Module, seed: int) -> None:
        """Put the model back to its pretrained weights, the new ones drawn from `seed`."""
        self.reset(model)
        if self.new:
            with isolated(derive_seed(seed, "head")), torch.no_grad():
                draw_parameters(model, self.new)


def draw_parameters(model: nn.Module, names: Sequence[str] | frozenset[str]) -> None:
    """Initialise the layers that own `names`, as the model's own class would.

    Drawn on the CPU, so that a seed means the same on every device.
    """
    owners = sorted({name.rpartition(".")[0] for name in names})
    for owner in owners:
        module = model.get_submodule(owner)
        initialise: Any = getattr(model, "_init_weights", None)
        reset: Any = getattr(module, "reset_parameters", None)
        device = next(module.parameters()).device
        module.to("cpu")
        others = {
            name: one.detach().clone()
            for name, one in module.named_parameters(recurse=False)
            if f"{owner}.{name}".lstrip(".") not in names
        }
        for parameter in module.parameters(recurse=False):
            # transformers marks what it has initialised and passes over it the next time.
            parameter.__dict__.pop("_is_hf_initialized", None)
        if initialise is not None:
            initialise(module)
        elif reset is not None:
            reset()
        for name, value in others.items():  # someone else's choice, such as a frozen weight
            module.get_parameter(name).copy_(value)
        module.to(device)


def require_directory(directory: Path | str, needs: Sequence[str]) -> Path:
    """Return `directory` as a path, refusing one that lacks what `save` writes.

    Raises:
        InvalidInputError: naming the first missing file.
    """
    path = Path(directory)
    for name in needs:
        if not (path / name).is_file():
            raise invalid(
                "directory",
                f"a folder written by save(), with {', '.join(needs)}",
                f"no {name} in {path}",
            )
    return path

"""What every task on a Hugging Face model shares: loading it, starting over, its device."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from altasks._internal.extras import require
from altasks._internal.random import derive_seed, isolated
from altasks.errors import InvalidInputError, first_line, invalid


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
    """Keep transformers from printing load reports and progress bars meanwhile."""
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


@contextmanager
def reading(source: str | os.PathLike[str]) -> Iterator[None]:
    """Say in our own words that a checkpoint can't be read, with transformers' reason behind.

    Raises:
        InvalidInputError: naming the checkpoint.
    """
    damaged = require("safetensors", "text", "Reading weights").SafetensorError
    try:
        yield
    except InvalidInputError:
        raise
    except (OSError, ValueError, damaged) as error:
        name = os.fspath(source)
        if "trust_remote_code" in str(error):
            hint = (
                "Code that comes with a checkpoint is never run here (trust_remote_code is off): "
                "load the model yourself, if you trust it, and pass the object."
            )
        elif Path(name).exists() or name.startswith((".", "~", os.sep)):
            hint = "Give the folder that holds config.json and the weights, all of them whole."
        else:
            hint = "A hub name needs the network, or the checkpoint in the local cache."
        raise invalid(
            "model",
            "a local folder with a checkpoint, or the name of one on a hub",
            f"{name!r}, which can't be read as one ({first_line(error)})",
            hint=hint,
        ) from error


def load_model(auto_class: str, source: str | os.PathLike[str], **config: Any) -> Loaded:
    """Load a checkpoint by hub name or path, with a head as `config` says.

    Args:
        auto_class: `"AutoModelForSequenceClassification"` and the like.
        source: hub name or local folder.
        config: what to set on the model's config (`num_labels`, `id2label`, ...).
    """
    transformers = require("transformers", "text", "A Hugging Face model")
    # The head is drawn from the seed again at each fit; until then it is the same in every run.
    with reading(source), quiet(), isolated(derive_seed(0, "head")):
        model, report = getattr(transformers, auto_class).from_pretrained(
            os.fspath(source),
            output_loading_info=True,
            ignore_mismatched_sizes=True,
            # None would ask at the terminal whether to run the checkpoint's own code.
            trust_remote_code=False,
            **config,
        )
    mismatched = {entry[0] for entry in report.get("mismatched_keys", ())}
    return Loaded(model.eval(), frozenset({*report["missing_keys"], *mismatched}))


def load_tokenizer(source: str | os.PathLike[str]) -> Any:
    """Load the tokenizer beside a checkpoint."""
    transformers = require("transformers", "text", "A Hugging Face model")
    with reading(source), quiet():
        return transformers.AutoTokenizer.from_pretrained(
            os.fspath(source), trust_remote_code=False
        )


def head_parameters(model: nn.Module) -> frozenset[str]:
    """Return the names of the parameters outside the pretrained trunk.

    Hugging Face models name the attribute that holds the trunk in `base_model_prefix`.
    """
    prefix = getattr(model, "base_model_prefix", "")
    if not prefix or not hasattr(model, prefix):
        return frozenset()
    return frozenset(
        name for name, _ in model.named_parameters() if not name.startswith(prefix + ".")
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
        return next(model.parameters()).device
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
        self._state: dict[str, Tensor] = {
            name: value.detach().to("cpu", copy=True) for name, value in model.state_dict().items()
        }
        self.new = new

    def restore(self, model: nn.Module, seed: int) -> None:
        """Put the model back to its pretrained weights, the new ones drawn from `seed`."""
        model.load_state_dict(self._state)
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
        for parameter in module.parameters(recurse=False):
            # transformers marks what it has initialised and passes over it the next time.
            parameter.__dict__.pop("_is_hf_initialized", None)
        if initialise is not None:
            initialise(module)
        elif reset is not None:
            reset()
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

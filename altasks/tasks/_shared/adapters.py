"""Models with adapters (LoRA and other kinds of PEFT): finding, loading, saving and reading them.

A fit changes a few weights of such a model, its adapters and perhaps its head. `save` writes
those alone, and beside them a mark of each weight that stays, by which `load` recognises the
base model.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from altasks._internal.extras import require
from altasks.errors import InvalidInputError, first_line, invalid

#: PEFT's own files of an adapter.
ADAPTER_SETTINGS, ADAPTER_WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
#: The weights that a fit changes, under the names they have in the task's model.
TRAINED = "trained.safetensors"
#: Differences of a mark, as a share of the weight's norm, that 16-bit rounding explains.
ROUNDING = 0.05


def has_adapters(model: Any) -> bool:
    """Return whether PEFT, or transformers' own integration of it, put adapters into a model."""
    if any(kind.__name__ == "PeftModel" for kind in type(model).__mro__):
        return True
    return bool(getattr(model, "_hf_peft_config_loaded", False))


def inside(model: nn.Module) -> tuple[nn.Module, str]:
    """Return the transformers model within PEFT's wrapper, and the prefix of its parameters."""
    if any(kind.__name__ == "PeftModel" for kind in type(model).__mro__):
        base = model.get_base_model()  # type: ignore[operator]
        prefix = next(name for name, part in model.named_modules() if part is base)
        return base, f"{prefix}." if prefix else ""
    return model, ""


def adapter_base(source: Any) -> str | None:
    """Return the base model that an adapter folder names; None for anything but such a folder.

    Raises:
        InvalidInputError: if the folder names none.
    """
    if not isinstance(source, str | os.PathLike):
        return None
    settings = Path(source) / ADAPTER_SETTINGS
    if not settings.is_file():
        return None
    try:
        base = json.loads(settings.read_text(encoding="utf-8")).get("base_model_name_or_path")
    except (ValueError, AttributeError) as error:
        raise invalid(
            "model", "an adapter folder", f"a damaged {settings.name} ({error})", where=str(source)
        ) from error
    if not base:
        raise invalid(
            "model",
            "an adapter folder that names its base model",
            f"no base_model_name_or_path in {settings.name}",
            where=str(source),
            hint="Load it yourself, peft.PeftModel.from_pretrained(base, folder, "
            "is_trainable=True), and pass the object.",
        )
    return str(base)


def adapter_shapes(folder: str | os.PathLike[str]) -> dict[str, list[int]]:
    """Return the shape of each tensor of an adapter folder, by its name in the base model."""
    path = Path(folder) / ADAPTER_WEIGHTS
    if not path.is_file():
        return {}
    open_file = require("safetensors", "text", "Reading weights").safe_open
    with open_file(path, "pt") as file:
        return {
            name.removeprefix("base_model.model."): list(file.get_slice(name).get_shape())
            for name in file.keys()  # noqa: SIM118
        }


def with_adapter(model: nn.Module, folder: str | os.PathLike[str]) -> nn.Module:
    """Return the base model with the adapter of a folder, ready to be trained further.

    Raises:
        InvalidInputError: if the adapter is of another model.
    """
    peft = require("peft", "peft", "An adapter folder")
    try:
        with warnings.catch_warnings():
            # PEFT reads a name that transformers is about to drop.
            warnings.simplefilter("ignore", FutureWarning)
            adapted: nn.Module = peft.PeftModel.from_pretrained(
                model, os.fspath(folder), is_trainable=True
            )
    except (RuntimeError, ValueError, KeyError) as error:
        raise invalid(
            "model",
            "an adapter of its base model, with as many outputs as labels",
            first_line(error),
            where=os.fspath(folder),
        ) from error
    return adapted.eval()


def write_adapted(model: Any, folder: Path) -> dict[str, Any]:
    """Write what a fit changes, and the adapter as PEFT reads it; return what to note beside it."""
    trainable_embeddings = any(
        one.requires_grad
        for part in model.modules()
        if isinstance(part, nn.Embedding)
        for one in part.parameters()
    )
    # "auto" would look on the hub for the base model's vocabulary.
    model.save_pretrained(folder, save_embedding_layers=trainable_embeddings)
    safetensors = require("safetensors.torch", "text", "Writing weights")
    tensors = {name: value.detach().contiguous() for name, value in changing(model).items()}
    safetensors.save_file(_distinct(tensors), folder / TRAINED)
    return {"base": base_marks(model)}


def _distinct(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors with a copy for each that shares another's memory."""
    seen: set[int] = set()
    made = {}
    for name, value in tensors.items():
        made[name] = value.clone() if value.data_ptr() in seen else value
        seen.add(value.data_ptr())
    return made


def read_adapted(model: nn.Module, folder: Path, marks: Any, device: torch.device) -> None:
    """Read back, in place, what `write_adapted` wrote; the model is left alone if it is refused.

    Raises:
        InvalidInputError: for a damaged file, another adapter, or another base model.
    """
    safetensors = require("safetensors", "text", "Reading weights")
    path = folder / TRAINED
    try:
        found: dict[str, Tensor] = require(
            "safetensors.torch", "text", "Reading weights"
        ).load_file(path, device=str(device))
    except (safetensors.SafetensorError, OSError) as error:
        raise _other(path, f"a damaged file: {error}") from error
    mine = changing(model)
    for name in sorted({*mine, *found}):
        if name not in found or name not in mine:
            whose = "the model's" if name in mine else "the file's"
            raise _other(path, f"others: {whose} {name!r} is missing in the other")
        if found[name].shape != mine[name].shape:
            shapes = f"{list(found[name].shape)}, the model's {list(mine[name].shape)}"
            raise _other(path, f"others: {name!r} is {shapes}")
    _require_same_base(model, marks, path)
    with torch.no_grad():
        for name, value in mine.items():
            value.copy_(found[name])


def _require_same_base(model: nn.Module, marks: Any, path: Path) -> None:
    mine = base_marks(model)
    if not isinstance(marks, Mapping) or set(marks) != set(mine):
        raise _other(path, "those beside another base model")
    for name, (*sums, norm) in mine.items():
        for total, theirs in zip(sums, marks[name], strict=False):
            if abs(float(theirs) - total) > ROUNDING * max(norm, 1e-12):
                raise _other(path, f"those beside another base model: its {name!r} differs")


def _other(path: Path, found: str) -> InvalidInputError:
    return invalid(
        "directory",
        "weights as save() wrote them, of a task with this base model and adapter",
        found,
        where=str(path),
        hint="If it is a loop's, delete the folder: the fit is repeated from its log.",
    )


def changing(model: nn.Module) -> dict[str, Tensor]:
    """Return the weights and buffers of a model but for the parameters that need no gradient."""
    frozen = {name for name, one in model.named_parameters() if not one.requires_grad}
    return {
        name: value
        for name, value in model.state_dict().items()
        if name not in frozen and isinstance(value, Tensor)
    }


def base_marks(model: nn.Module) -> dict[str, list[float]]:
    """Return, for each parameter that needs no gradient, three numbers by which to recognise it.

    Its sum and its sum with alternating signs, one of which differs between weights that were
    drawn or trained apart, and its norm, of which 16-bit rounding explains a small share.
    """
    marks = {}
    for name, one in model.named_parameters():
        if one.requires_grad or one.is_meta:
            continue
        flat = one.detach().flatten().double()
        even, odd = float(flat[::2].sum()), float(flat[1::2].sum())
        marks[name] = [even + odd, even - odd, float(flat.norm())]
    return marks

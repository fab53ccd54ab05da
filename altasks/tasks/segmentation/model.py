"""From what a user names as the model to a model with heads on its stages."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from altasks._internal.settings import read_settings
from altasks.errors import invalid
from altasks.tasks._shared.checkpoints import Loaded, require_directory
from altasks.tasks._shared.trained_task import SETTINGS, WEIGHTS
from altasks.tasks._shared.weights import read_weights
from altasks.tasks._shared.wrappers import unwrapped
from altasks.tasks.segmentation.deep_supervision import (
    DeepSupervised,
    build,
    image_channels,
    supervise,
)

#: The task's name, in saved settings.
NAME = "segmentation"


def saved_settings(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Return what `Segmentation.save` wrote beside the weights.

    Raises:
        InvalidInputError: for a folder that it did not write.
    """
    path = require_directory(Path(folder), (SETTINGS, WEIGHTS)) / SETTINGS
    settings = read_settings(path)
    if settings.get("task") != NAME:
        raise invalid(
            "model",
            "a folder written by Segmentation.save",
            f"one of the task {settings.get('task')!r}",
            where=str(folder),
        )
    _require_whole_settings(settings, path)
    return settings


def _require_whole_settings(settings: Mapping[str, Any], path: Path) -> None:
    """Refuse a file in which something is missing, or isn't what `save` writes there."""
    names, numbers = ("labels", "stages"), ("channels", "stride", "tile", "overlap", "void")
    kinds: dict[str, tuple[type, ...]] = {
        **dict.fromkeys(names, (list,)),
        **dict.fromkeys(numbers, (int, type(None))),
        **dict.fromkeys(("mean", "std", "counts"), (list, type(None))),
        "model": (dict, type(None)),
    }
    for name, kind in kinds.items():
        value = settings.get(name)
        if isinstance(value, bool) or not isinstance(value, kind):
            raise invalid(
                "model",
                f"a folder written by Segmentation.save, its {path.name} whole",
                f"{name}: {value!r}" if name in settings else f"no {name!r} in it",
                where=str(path),
            )


def load_supervised(
    source: Any,
    labels: Sequence[Any],
    stages: int | Sequence[int | str] | None,
    given: dict[str, Any],
) -> Loaded:
    """Return the model with its heads, and which parameters are drawn at each fit.

    Args:
        source: a module, a mapping for segmentation-models-pytorch, or a folder.
        labels: the classes.
        stages: as the task was given them.
        given: its settings; `channels` and `stride` are filled in.

    Raises:
        InvalidInputError: for anything that is no model of these classes.
    """
    classes = len(labels)
    folder: Path | None = None
    saved: dict[str, Any] = {}
    if isinstance(source, str | os.PathLike):
        folder, saved = Path(source), saved_settings(source)
        _require_same_labels(labels, saved["labels"], folder)
        source = _spec(saved, folder)
    drawn = isinstance(source, Mapping) and folder is None
    net = build(source, classes) if isinstance(source, Mapping) else source
    if not isinstance(net, nn.Module):
        raise invalid("model", "a module, a mapping or a folder", type(net).__name__)
    net = unwrapped(net)
    encoder = getattr(net, "encoder", None)
    given["channels"] = int(given["channels"] or image_channels(net))
    given["stride"] = int(given["stride"] or getattr(encoder, "output_stride", 32))
    wide = {"channels": given["channels"], "stride": given["stride"]}
    known = None
    if folder is not None:
        known = supervise(net, saved["stages"], classes, **wide)
        read_weights(
            known,
            folder / WEIGHTS,
            argument="model",
            expected="weights as save() wrote them",
        )
    made: DeepSupervised = supervise(net, stages, classes, **wide)
    made.train(net.training)
    if known is not None:
        return Loaded(made, _with_heads_of(known, made))
    new = [
        name
        for name, _ in made.named_parameters()
        if name.startswith("heads.") or (drawn and not name.startswith("model.encoder."))
    ]
    return Loaded(made, frozenset(new))


def _require_same_labels(labels: Sequence[Any], saved: Sequence[Any], folder: Path) -> None:
    """Refuse to read a folder's outputs as other classes than those they were trained for."""
    mine, theirs = list(map(str, labels)), list(map(str, saved))
    if len(mine) != len(theirs) or (mine != theirs and set(mine) == set(theirs)):
        raise invalid(
            "labels",
            f"the classes of the model, in its order, {theirs!r}",
            f"{mine!r}",
            where=str(folder),
        )


def _with_heads_of(known: DeepSupervised, made: DeepSupervised) -> frozenset[str]:
    """Copy the heads of the stages that both have; return the names of those it hasn't."""
    new = []
    for place, name in enumerate(made.stages):
        if name in known.stages:
            head = known.heads[known.stages.index(name)]
            made.heads[place].load_state_dict(head.state_dict())
        else:
            new += [f"heads.{place}.{one}" for one, _ in made.heads[place].named_parameters()]
    return frozenset(new)


def _spec(settings: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    spec = settings.get("model")
    if not isinstance(spec, dict):
        raise invalid(
            "model",
            "a folder with a model of segmentation-models-pytorch",
            "the weights of another module",
            where=str(folder),
            hint="Make the task with the module, then load(folder).",
        )
    return spec

"""Parse the `members` argument of OCR: networks, readers, functions and paths."""

from __future__ import annotations

import copy
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import nn

from altasks._internal.numbers import require_whole
from altasks._internal.settings import read_settings
from altasks.errors import invalid
from altasks.tasks._shared.wrappers import unwrapped
from altasks.tasks.ocr.crnn import CRNN
from altasks.tasks.ocr.crnn import SETTINGS as CRNN_SETTINGS
from altasks.tasks.ocr.readers import LineReader

SETTINGS = "altasks.json"


def saved_networks(folder: Path) -> list[CRNN]:
    """Return the networks in a folder that `OCR.save` wrote.

    Raises:
        InvalidInputError: if it was written by another task, or is damaged.
    """
    found = read_settings(folder / SETTINGS)
    task, networks = found.get("task"), found.get("networks")
    if task != "ocr":
        raise invalid(
            "directory", "a folder that OCR.save wrote", f"one of {task!r}", where=str(folder)
        )
    if isinstance(networks, bool) or not isinstance(networks, int) or networks < 0:
        raise invalid(
            "directory",
            f"a folder that OCR.save wrote, its {SETTINGS} whole",
            f"networks: {networks!r}",
            where=str(folder / SETTINGS),
        )
    return [CRNN.read(folder / f"member-{k}") for k in range(networks)]


def sources_of(
    model: Any,
    members: Sequence[Any] | None,
    committee: int | None,
    alphabet: Sequence[str] | None,
    *,
    device: Any = None,
) -> list[Any]:
    """Return the members: each a CRNN, a LineReader or a callable.

    `device` is where a checkpoint that is loaded here works.
    """
    if members is not None:
        if model is not None or committee is not None:
            raise invalid("members", "None beside model or committee", "both")
        if isinstance(members, str | os.PathLike) or not isinstance(members, Sequence):
            raise invalid("members", "a list of members", repr(members))
        found = [one for k, source in enumerate(members) for one in _from(source, k, device)]
        if not found:
            raise invalid("members", "at least one member", "none")
        return found
    if model is None and alphabet is not None:
        model = CRNN(alphabet)
    if model is None:
        raise invalid("model", "a member, or members=[...]", "None")
    found = _from(model, 0, device)
    if committee is None:
        return found
    require_whole("committee", committee, 2)
    if len(found) != 1 or not isinstance(found[0], CRNN):
        raise invalid(
            "committee", "one CRNN as model, of which copies are trained", repr(model),
            hint="Other members are listed: members=[...]; an ImageToText has beams=, samples= "
            "and passes=.",
        )  # fmt: skip
    return [copy.deepcopy(found[0]) for _ in range(int(committee))]


def _from(source: Any, k: int, device: Any) -> list[Any]:
    source = unwrapped(source)
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        if (path / CRNN_SETTINGS).is_file():
            return [CRNN.read(path)]
        if (path / SETTINGS).is_file():
            networks = saved_networks(path)
            if not networks:
                raise invalid(
                    "members", "a folder of at least one network", f"none in {path}",
                    where=f"member {k}", hint="Functions are not saved: give them again.",
                )  # fmt: skip
            return list(networks)
        if path.suffix == ".pth":
            return [CRNN.from_easyocr(path)]
        from altasks.tasks.ocr.image_to_text import ImageToText

        return [ImageToText(source, device=device)]
    if isinstance(source, CRNN | LineReader) or (
        callable(source) and not isinstance(source, nn.Module)
    ):
        return [source]
    raise invalid(
        "members",
        "a CRNN, an ImageToText, a callable from images to texts, or a path",
        type(source).__name__,
        where=f"member {k}",
        hint="A Hugging Face model is given with its processor: ImageToText(model, processor)."
        if isinstance(source, nn.Module)
        else "",
    )


def with_alphabet(sources: Sequence[Any], alphabet: Sequence[str]) -> list[Any]:
    """Return the members, each network able to write these characters, in this order."""
    return [
        source.with_alphabet(alphabet)
        if isinstance(source, CRNN) and source.alphabet != tuple(alphabet)
        else source
        for source in sources
    ]


def networks_like(networks: Sequence[CRNN], folder: Path, *, extend_alphabet: bool) -> list[CRNN]:
    """Return the networks in a folder that `OCR.save` wrote, built like those of a task.

    Args:
        networks: of the task.
        folder: the folder.
        extend_alphabet: whether they may write other characters.

    Raises:
        InvalidInputError: if they are others, or the folder is damaged.
    """
    models = saved_networks(folder)
    mine = [build_of(model) for model in networks]
    if [build_of(model) for model in models] != mine:
        raise invalid(
            "directory",
            f"{len(mine)} networks (height, channels, hidden) {mine}",
            f"{[build_of(model) for model in models]}",
            where=str(folder),
        )
    for model, own in zip(models, networks, strict=True):
        if model.alphabet != own.alphabet and not extend_alphabet:
            raise invalid(
                "directory",
                f"networks of the same {len(own.alphabet)} characters",
                f"{len(model.alphabet)}, or in another order",
                where=str(folder),
            )
    return models


def build_of(model: CRNN) -> tuple[int, int, int]:
    """Return the height, channels and hidden width of a network."""
    return model.height, model.channels, model.hidden

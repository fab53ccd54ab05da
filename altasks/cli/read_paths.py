"""Whether what a command reads is there: asked before torch and a model are loaded, for seconds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from altasks._internal.names import did_you_mean
from altasks.cli.rankers.base import RankRequest
from altasks.errors import invalid

#: How a model's name begins that can't be one of a hub.
_LOCAL = ("/", "./", "../", "~", "\\")


def check_request_paths(request: RankRequest) -> None:
    """Refuse what `altasks rank` or `altasks score` was to read and isn't there."""
    check_paths(
        {"--pool": request.pool, "--labelled": request.labelled, "--target": request.target},
        request.model,
    )


def check_paths(paths: Mapping[str, Path | None], model: str | None) -> None:
    """Refuse a file or folder that isn't there.

    Args:
        paths: option -> what it names, None if it wasn't given.
        model: `--model`, a path or the name of a model on a hub.

    Raises:
        InvalidInputError: naming the option, and a file of nearly that name.
    """
    named = dict(paths)
    if model is not None and model.startswith(_LOCAL):
        named["--model"] = Path(model)
    for option, path in named.items():
        if path is not None and not path.exists():
            raise invalid(
                option, "an existing file or folder", repr(str(path)), hint=_way_out(path)
            )


def _way_out(path: Path) -> str:
    if str(path).startswith("~"):
        return "Shells know '~' at the beginning of a word alone."
    try:
        return did_you_mean(path.name, (one.name for one in path.parent.iterdir()))
    except OSError:  # there is no such folder either
        return ""

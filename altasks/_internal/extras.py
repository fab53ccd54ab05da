"""Optional libraries: imported where they are used, with an error that says what to install."""

from __future__ import annotations

import importlib
from types import ModuleType

from altasks._internal.versions import warn_if_untested
from altasks.errors import MissingExtraError


def how_to_install(extra: str) -> str:
    """Return the command that brings an extra; altasks is on no index, so it is run in a clone.

    Example:
        >>> how_to_install("text")
        "pip install '.[text]' in the clone of altasks"
    """
    return f"pip install '.[{extra}]' in the clone of altasks"


def require(module: str, extra: str, purpose: str) -> ModuleType:
    """Import and return `module`.

    Raises:
        MissingExtraError: naming the extra to install, if the library is absent. A library that
            is there but fails while it is imported raises its own error.

    Example:
        >>> require("json", "text", "an example").__name__
        'json'
    """
    try:
        loaded = importlib.import_module(module)
    except ModuleNotFoundError as error:
        top = module.partition(".")[0]
        if error.name is None or error.name.partition(".")[0] != top:
            raise
        raise MissingExtraError(
            f"{purpose} needs the library {top!r}, which is not installed. "
            f"Install it: {how_to_install(extra)}."
        ) from error
    warn_if_untested(module.partition(".")[0])
    return loaded

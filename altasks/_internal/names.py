"""Names that a person could not tell apart, and names that are nearly right."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable
from typing import Any


def alike(names: Iterable[Any]) -> tuple[Any, Any] | None:
    """Return the first two names that read the same once they are text, or None.

    So do 1 and "1", "é" as one character and as a letter with an accent, and "a" with a space
    behind it and without. In a file, a table or a question to a person the two would be one.

    Example:
        >>> alike([1, "2", "1"]), alike(["a", "A"])
        ((1, '1'), None)
    """
    seen: dict[str, Any] = {}
    for name in names:
        text = unicodedata.normalize("NFC", str(name)).strip()
        if text in seen:
            return seen[text], name
        seen[text] = name
    return None


def did_you_mean(name: Any, known: Iterable[str]) -> str:
    """Return the question for the name that was probably meant, or an empty text.

    Example:
        >>> did_you_mean("lable", ["id", "label"]), did_you_mean("x", ["id", "label"])
        ("Did you mean 'label'?", '')
    """
    close = difflib.get_close_matches(str(name), list(known), n=1)
    return f"Did you mean {close[0]!r}?" if close else ""

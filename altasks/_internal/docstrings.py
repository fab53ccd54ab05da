"""Sections of docstrings, so that arguments that several things share are described once."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from typing import Any

_ENTRY = re.compile(r"^    (\*{0,2}\w+): ", re.MULTILINE)
_OWN = "\n\nOwn arguments:\n"


def described(thing: Any, heading: str) -> dict[str, str]:
    """Return what a docstring says of each name in one of its sections.

    Args:
        thing: a class or function.
        heading: of the section: `"Args"`, `"Attributes"`.

    Example:
        >>> described(described, "Args")["heading"]
        'of the section: `"Args"`, `"Attributes"`.'
    """
    _, _, after = _cleaned(thing).partition(f"\n\n{heading}:\n")
    return _entries(after.partition("\n\n")[0])


def with_arguments(thing: Any, names: Iterable[str], shared: Mapping[str, str]) -> str | None:
    """Return a docstring whose section "Own arguments" is "Args", with what is shared as well.

    Args:
        thing: a class or function; its own section comes before `shared`.
        names: of its arguments, in the order of the signature; those nobody describes stay out.
        shared: name -> its description, continuation lines indented by 8.

    Returns:
        None where there is no such section, such as under `python -OO`.
    """
    before, heading, after = _cleaned(thing).partition(_OWN)
    if not heading:
        return None
    body, end, after = after.partition("\n\n")
    texts = {**shared, **_entries(body)}
    lines = [f"    {name}: {texts[name]}" for name in names if name in texts]
    return f"{before}\n\nArgs:\n" + "\n".join(lines) + end + after


def _cleaned(thing: Any) -> str:
    return inspect.cleandoc(thing.__doc__ or "")


def _entries(body: str) -> dict[str, str]:
    parts = _ENTRY.split(body)[1:]  # name, text, name, text, ...
    texts = (text.rstrip("\n") for text in parts[1::2])
    return dict(zip(parts[::2], texts, strict=True))

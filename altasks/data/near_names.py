"""Ways out where a file that is named isn't there."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path


def look_alike(name: str, others: Iterable[str]) -> str:
    """Return the hint that one of `others` reads like `name`, or an empty text.

    File systems and archives write an accent as one character with its letter (NFC) or as two
    (NFD); both look the same. So may names that differ in upper and lower case alone.

    Example:
        >>> look_alike("b.PNG", ["a.png", "b.png"])
        "There is 'b.png': rename one of the two."
    """
    wanted = unicodedata.normalize("NFC", name)
    cased = ""
    for other in others:
        normal = unicodedata.normalize("NFC", other)
        if normal == wanted and other != name:
            forms = f"{other!a}, and not {name!a}"
            return f"There is one that looks the same, {forms}: rename one of the two."
        if normal.casefold() == wanted.casefold() and other != name:
            cased = cased or other
    return f"There is {cased!r}: rename one of the two." if cased else ""


def look_alike_of(path: Path) -> str:
    """Return `look_alike` of a missing file among those in its folder."""
    try:
        return look_alike(path.name, sorted(one.name for one in path.parent.iterdir()))
    except (OSError, ValueError):  # no such folder, or no such name
        return ""


def way_to(folder: Path, name: str, argument: str = "images") -> str:
    """Return a hint for a path in a file that isn't there below a folder.

    Args:
        folder: what the path should be relative to.
        name: the path as it is written.
        argument: how the caller was given the folder.
    """
    plain = name.replace("\\", "/")
    alike = look_alike_of(folder / plain)
    if alike:
        return alike
    last = plain.rpartition("/")[2]
    try:
        elsewhere = last not in (plain, "", ".", "..") and (folder / last).is_file()
    except (OSError, ValueError):
        elsewhere = False
    if elsewhere:
        return f"There is {last!r} in {folder}: take the folders off the names in the file."
    if plain.startswith("/") or "://" in plain or re.match("[A-Za-z]:/", plain):
        return (
            f"Names are read relative to {argument}=: give the folder that all images lie below, "
            "and take what is before it off the names in the file."
        )
    return ""

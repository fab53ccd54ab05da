"""The newest version of each heavy library that the tests have run with."""

from __future__ import annotations

import functools
import re
import warnings
from importlib.metadata import PackageNotFoundError, version

from altasks.errors import UntestedVersionWarning

#: Package -> the newest (major, minor) that the tests have run with. `pyproject.toml` refuses the
#: next major version; between the two a warning says that nobody has looked yet.
TESTED = {
    "datasets": (5, 2),
    "ray": (2, 60),
    "segmentation-models-pytorch": (0, 6),
    "timm": (1, 0),
    "torch": (2, 15),
    "torchvision": (0, 29),
    "transformers": (5, 24),
    "ultralytics": (8, 4),
}


def untested(package: str, found: str) -> str | None:
    """Return what to warn of if `found` is newer than the tests know, else None.

    Example:
        >>> untested("torch", "2.6.1+cpu") is None
        True
        >>> untested("torch", "2.99.0").partition(";")[0]
        'torch 2.99.0 is newer than the newest version altasks was tested with, 2.15'
    """
    numbers = re.match(r"(\d+)\.(\d+)", found)
    if package not in TESTED or numbers is None:
        return None
    major, minor = TESTED[package]
    if (int(numbers[1]), int(numbers[2])) <= (major, minor):
        return None
    return (
        f"{package} {found} is newer than the newest version altasks was tested with, "
        f"{major}.{minor}; if something looks wrong, try '{package}<{major}.{minor + 1}'."
    )


@functools.cache
def warn_if_untested(package: str) -> None:
    """Warn, once in a process, if the installed version of a library is newer than was tested."""
    package = package.replace("_", "-")
    if package not in TESTED:
        return
    try:
        message = untested(package, version(package))
    except PackageNotFoundError:  # imported from a folder: there is no version to compare
        return
    if message is not None:
        warnings.warn(UntestedVersionWarning(message), stacklevel=3)

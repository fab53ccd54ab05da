"""Names that load the module that holds them at first use, and module paths of earlier versions."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any


def lazy_names(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """Return the `__getattr__` of a package (PEP 562) whose names live in other modules.

    Args:
        package: the `__name__` of the package.
        homes: name -> the module that holds it, or `"module:attribute"` where it has another name
            there.

    Example:
        >>> load = lazy_names("shop", {"OrderedDict": "collections"})
        >>> load("price")
        Traceback (most recent call last):
        AttributeError: module 'shop' has no attribute 'price'
    """

    def load(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, _, attribute = homes[name].partition(":")
        value = getattr(importlib.import_module(module), attribute or name)
        if package in sys.modules:
            setattr(sys.modules[package], name, value)
        return value

    return load


class _MovedModule(ModuleType):
    """Stands under the path a module had in an earlier version, and loads it at first use."""

    def __init__(self, name: str, home: str) -> None:
        super().__init__(name, f"Moved to `{home}`.")
        self.__dict__["_home"] = home

    def __getattr__(self, name: str) -> Any:
        # The import system asks for `__path__` and the like, and must not load anything by it.
        if name.startswith("__") and name != "__all__":
            raise AttributeError(name)
        return getattr(importlib.import_module(self.__dict__["_home"]), name)


def keep_old_paths(package: str, moved: Mapping[str, str]) -> None:
    """Let `import package.name` go on working for modules that have moved.

    Called by the package itself, which Python imports before it looks for what lies in it.

    Args:
        package: the `__name__` of the package.
        moved: the module's name in the package -> the module's path now.
    """
    for name, home in moved.items():
        module = _MovedModule(f"{package}.{name}", home)
        sys.modules.setdefault(module.__name__, module)
        setattr(sys.modules[package], name, module)

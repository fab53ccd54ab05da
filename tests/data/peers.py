"""Other tools' packages, in this environment or in one of their own.

Some need other versions of packages than ours, or than each other. They run in a process of a
Python that `ALTASKS_PEER_PYTHON` names, several separated as in PATH: of environments with datumaro
1.13, label-studio-sdk 2.1 and argilla 2.8, and with pypxml 5.1, as `.ci/run` makes them.
"""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from typing import Any

import pytest


@functools.cache
def python_with(package: str) -> str | None:
    """Return the Python that has a package, or None."""
    for python in (sys.executable, *os.environ.get("ALTASKS_PEER_PYTHON", "").split(os.pathsep)):
        asked = f"import importlib.util, sys; sys.exit(not importlib.util.find_spec({package!r}))"
        if python and not subprocess.run([python, "-c", asked], check=False).returncode:
            return python
    return None


def run_with(package: str, *arguments: Any) -> str:
    """Run a Python that has a package, and return what it prints; skip where there is none.

    Args:
        package: its import name.
        arguments: of Python: a script or `-c` and code, and theirs.
    """
    python = python_with(package)
    if python is None:
        pytest.skip(f"needs {package}, here or in an environment of ALTASKS_PEER_PYTHON")
    done = subprocess.run(
        [python, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout

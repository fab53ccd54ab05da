"""The work folder: weights of the last fits, each complete or not there at all."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import uuid
from pathlib import Path
from typing import Any

from altasks.errors import StoreError
from altasks.loop.base import LoggedFit

_MANIFEST = "altasks-fit.json"
_TEMPORARY = re.compile(r"\.unfinished-(?P<host>.+)-(?P<pid>\d+)-[0-9a-f]+")


class WorkFolder:
    """Where a loop keeps the weights of its last fits, as `fit-0001`, `fit-0002`, ...

    Weights are written to a temporary name and renamed when they are whole; a manifest says which
    fit of which store they are and how long each file is. So a folder left over from a deleted
    store, or cut short, is not taken for the real one.

    Args:
        path: the folder; made at the first save.
        keep: how many fits to keep.
    """

    def __init__(self, path: Path, keep: int = 2) -> None:
        self.path = path
        self.keep = keep

    def folder(self, fit: int) -> Path:
        """Return where the weights of a fit belong."""
        return self.path / f"fit-{fit:04d}"

    def save(self, task: Any, token: str) -> Path:
        """Let `task` save into a temporary folder, and return that folder, complete."""
        name = f".unfinished-{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex}"
        folder = self.path / name
        try:
            folder.mkdir(parents=True)
            task.save(folder)
            sizes = {}
            for file in sorted(path for path in folder.rglob("*") if path.is_file()):
                sizes[file.relative_to(folder).as_posix()] = file.stat().st_size
                _sync(file)
            manifest = folder / _MANIFEST
            manifest.write_text(json.dumps({"token": token, "files": sizes}), encoding="utf-8")
            _sync(manifest)
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise StoreError(
                f"work_dir: the weights of a fit could not be saved in {self.path}: {error}. The "
                "fit is not logged; the labels are safe. Make room and call fit again."
            ) from error
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return folder

    def publish(self, temporary: Path, fit: int) -> None:
        """Give a finished folder its name; calling it again does nothing."""
        final = self.folder(fit)
        if temporary.exists():
            if final.exists():  # saved by a process that died before it logged its fit
                shutil.rmtree(final)
            temporary.rename(final)
            _sync(self.path)

    def complete(self, fit: LoggedFit) -> Path | None:
        """Return the folder with the weights of `fit`, if it is there and whole."""
        folder = self.folder(fit.fit)
        try:
            manifest = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
            files = manifest["files"].items()
            whole = manifest["token"] == fit.token and all(
                (folder / name).stat().st_size == size for name, size in files
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        return folder if whole else None

    def prune(self, last: int) -> None:
        """Delete all but the last `keep` fits, and what dead processes left unfinished."""
        if not self.path.is_dir():
            return
        for entry in self.path.iterdir():
            number = re.fullmatch(r"fit-(\d+)", entry.name)
            left = _TEMPORARY.fullmatch(entry.name)
            old = number is not None and int(number[1]) <= last - self.keep
            if old or (left is not None and _is_dead(left["host"], int(left["pid"]))):
                shutil.rmtree(entry, ignore_errors=True)


def _is_dead(host: str, pid: int) -> bool:
    # On Windows os.kill does not ask, it kills.
    if host != socket.gethostname() or os.name == "nt":
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _sync(path: Path) -> None:
    """Make sure that a power cut leaves it whole; where a folder can't be synced, so be it."""
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0)
    try:
        handle = os.open(path, flags)
    except PermissionError:  # Windows, for a folder
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

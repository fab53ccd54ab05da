"""The work folder: weights of the last fits, each complete or absent."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import tempfile
import uuid
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from altasks.errors import StoreError
from altasks.loop.base import LoggedFit

_MANIFEST = "altasks-fit.json"
_TEMPORARY = re.compile(r"\.unfinished-(?P<host>.+)-(?P<pid>\d+)-[0-9a-f]+")
_FIT = re.compile(r"fit-(?P<number>\d+)(?:-(?P<token>[0-9a-f]+))?")
#: Characters of a fit's token in the name of its folder.
_SHORT = 8
#: Texts of errors where a disk is full, whoever wrapped them (safetensors and torch do).
_FULL = re.compile(
    r"no space left|disk full|file too large|quota exceeded|os error (27|28|122)\b"
    r"|code: (27|28|122)\b|input/output error|\bio ?error|failed writing file|unexpected pos",
    re.IGNORECASE,
)


class WorkFolder:
    """Where a loop keeps the weights of its last fits, as `fit-0001-1f0c9a3e`, ...

    The end of the name is of the fit's token, so that several stores may share a folder. Weights
    are written to a temporary name and renamed when they are whole; a manifest has the token and
    the length of each file. So a folder that is left over from a deleted store, or was cut short,
    is not taken for another.

    Args:
        path: the folder; made at the first save.
        keep: how many fits to keep.
        earlier: folders in which version 0.1 may have left weights, as `fit-0001`.
        owned: whether the folder is of one store alone, so that weights that its log doesn't know
            are left over from a deleted store, or from a fit that was never logged.
    """

    def __init__(
        self, path: Path, keep: int = 2, *, earlier: Sequence[Path] = (), owned: bool = True
    ) -> None:
        self.path = path
        self.keep = keep
        self.earlier = tuple(earlier)
        self.owned = owned

    def folder(self, fit: LoggedFit) -> Path:
        """Return where the weights of a fit belong."""
        return self._folder(fit.fit, fit.token)

    def _folder(self, number: int, token: str) -> Path:
        return self.path / f"fit-{number:04d}-{token[:_SHORT]}"

    def _candidates(self, fit: LoggedFit) -> Iterator[Path]:
        yield self.folder(fit)
        for place in (self.path, *self.earlier):
            yield place / f"fit-{fit.fit:04d}"

    def require_writable(self) -> None:
        """Refuse, before anything is trained, a folder in which no weights could be saved.

        Raises:
            StoreError: if it can't be made or written to.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            # Only trying is reliable: permission bits don't cover read-only disks.
            with tempfile.TemporaryFile(dir=self.path):
                pass
        except OSError as error:
            raise StoreError(
                f"work_dir: the weights of a fit can't be saved in {self.path}: {error}. Nothing "
                "was trained; the labels are safe. Give work_dir= a folder that can be written to."
            ) from error

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
        except BaseException as error:
            shutil.rmtree(folder, ignore_errors=True)
            if isinstance(error, OSError) or (
                isinstance(error, Exception) and _FULL.search(f"{error}")
            ):
                raise StoreError(
                    f"work_dir: the weights of a fit could not be saved in {self.path}: {error}. "
                    "The fit is not logged; the labels are safe. Make room and call fit again."
                ) from error
            raise
        return folder

    def publish(self, temporary: Path, number: int, token: str) -> None:
        """Give a finished folder its name; calling it again does nothing."""
        final = self._folder(number, token)
        if temporary.exists():
            if final.exists():  # incomplete: the fit is being repeated
                shutil.rmtree(final)
            temporary.rename(final)
            _sync(self.path)

    def complete(self, fit: LoggedFit) -> Path | None:
        """Return the folder with the weights of `fit`, if it is there and whole."""
        for folder in self._candidates(fit):
            try:
                manifest = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
                files = manifest["files"].items()
                whole = manifest["token"] == fit.token and all(
                    (folder / name).stat().st_size == size for name, size in files
                )
            except (OSError, ValueError, KeyError, TypeError, AttributeError):
                continue
            if whole:
                return folder
        return None

    def prune(self, last: int, tokens: Collection[str]) -> None:
        """Delete all but the last `keep` fits, and what dead processes left unfinished.

        Args:
            last: the number of the last fit.
            tokens: of the fits that the store has logged. Weights of others are of another store,
                unless the folder is of this one alone.
        """
        for place in (self.path, *self.earlier):
            for entry in place.iterdir() if place.is_dir() else ():
                left = _TEMPORARY.fullmatch(entry.name)
                if left is not None and place == self.path:
                    gone = _is_dead(left["host"], int(left["pid"]))
                else:
                    fit = _FIT.fullmatch(entry.name)
                    gone = fit is not None and int(fit["number"]) <= last - self.keep
                    gone = gone and ((self.owned and place == self.path) or _token(entry) in tokens)
                if gone:
                    shutil.rmtree(entry, ignore_errors=True)


def _token(folder: Path) -> str:
    """Return the token in a folder's manifest; empty without one."""
    try:
        return str(json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))["token"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


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
    """Write a file or folder to the disk; folders that cannot be fsynced are skipped."""
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0)
    try:
        handle = os.open(path, flags)
    except PermissionError:  # Windows, for a folder
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

"""Saving a trained model into a folder, whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from altasks.abilities import Saves, provides
from altasks.errors import InvalidInputError, invalid


def check_folder(out: Path, *, force: bool) -> None:
    """Refuse, before any work, a folder that could not or should not be written.

    Raises:
        InvalidInputError: naming `--out`.
    """
    if out.exists() and not out.is_dir():
        raise invalid("--out", "a folder for the model", f"the file {str(out)!r}")
    if out.is_dir() and any(out.iterdir()) and not force and not _is_saved(out):
        raise invalid(
            "--out", "a new folder, or one with a saved model", f"{str(out)!r}",
            hint="Choose another, or replace all that is in it with --force.",
        )  # fmt: skip
    if not out.parent.is_dir():
        raise invalid("--out", "a folder in an existing one", repr(str(out)))


def _is_saved(folder: Path) -> bool:
    return (folder / "altasks.json").is_file() or (folder / "config.json").is_file()


def save_task(
    task: Any, out: Path, *, force: bool, beside: Mapping[str, str] | None = None
) -> None:
    """Save a task beside `out`, then put it in its place.

    Args:
        task: with `save`.
        out: the folder.
        force: whether another folder's content is replaced.
        beside: further files, name -> text.

    Raises:
        InvalidInputError: for a task that can't be saved, and as `check_folder`.
    """
    if not provides(task, Saves):
        raise InvalidInputError(f"--out: {type(task).__name__} can't be saved: it has no save().")
    check_folder(out, force=force)
    temporary = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}.", suffix=".tmp"))
    try:
        task.save(temporary)
        for name, text in (beside or {}).items():
            (temporary / name).write_text(text, encoding="utf-8")
        temporary.chmod(0o755)
        if out.exists():
            # Two renames: a reader may find no folder for a moment, and never half of one.
            old = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}.", suffix=".old"))
            out.rename(old / out.name)
            temporary.rename(out)
            shutil.rmtree(old, ignore_errors=True)
        else:
            temporary.rename(out)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise

"""Paths that files name, kept inside their folder, and paths that writers choose."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from altasks.data.near_names import look_alike_of
from altasks.data.text_files import file_error
from altasks.errors import invalid


def require_folder(path: Path, argument: str) -> Path:
    """Return a path that is a folder."""
    if not path.is_dir():
        hint = "Unpack it first." if path.suffix.lower() == ".zip" and path.exists() else ""
        raise invalid(argument, "an existing folder", repr(str(path)), hint=hint)
    return path


def path_inside(
    folder: Path, name: str, source: Path, line: int | None = None, *, hint: str = ""
) -> Path:
    r"""Return `folder / name`, which a file named, refusing one that leads out of the folder.

    Both `/` and `\` separate folders.

    Raises:
        InvalidInputError: naming the file with that name in it, and its line.
    """
    if not name or "\0" in name or len(name) > 4000:
        raise file_error(source, line, "the name of a file", repr(name[:80]))
    path = folder / name.replace("\\", "/")
    if not _lies_in(path, folder):
        raise file_error(
            source, line, f"a path inside {folder}", f"{name!r}, which leads out of it", hint
        )
    return path


def existing_inside(
    folder: Path,
    name: str,
    bases: Sequence[Path],
    source: Path,
    line: int | None = None,
    *,
    wanted: str = "a file",
    hint: str = "",
) -> Path:
    """Return what a file names relative to one of several folders, if it lies in `folder`.

    Args:
        folder: what nothing may lead out of.
        name: as it is written; both separators work.
        bases: the folders it may be relative to, the likeliest first.
        source: the file that names it.
        line: its line.
        wanted: what it should be, for the error.
        hint: a way out, for the error.

    Raises:
        InvalidInputError: naming file and line, for what isn't there or lies elsewhere.
    """
    if not name or "\0" in name or len(name) > 4000:
        raise file_error(source, line, "the name of a file", repr(name[:80]))
    outside: Path | None = None
    for base in bases:
        path = base / name.replace("\\", "/")
        try:
            there = path.exists()
        except OSError:  # a name too long for the system
            there = False
        if not there:
            continue
        if _lies_in(path, folder):
            # Ids are made of it: without `..`, unless a link on the way makes that another path.
            plain = Path(os.path.normpath(path))
            return plain if plain.exists() and plain.samefile(path) else path
        outside = outside or path
    if outside is not None:
        raise file_error(
            source, line, f"a path inside {folder}", f"{name!r}, which leads out of it", hint
        )
    missing = bases[0] / name.replace("\\", "/")
    hint = look_alike_of(missing) or hint
    raise file_error(source, line, wanted, f"{missing}, which isn't there", hint)


def _lies_in(path: Path, folder: Path) -> bool:
    try:
        return path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # a name too long, a link to itself
        return False


def path_relative_to(image: Path, folder: Path) -> Path:
    """Return where in `folder` an image is, one of which may be absolute and the other not."""
    if image.is_relative_to(folder):
        return image.relative_to(folder)
    return image.resolve().relative_to(folder.resolve())


def plain_path(path: Path) -> str:
    """Return an absolute path without `..`, links left as they are: each is a file of its own."""
    return os.path.normpath(path.absolute())


def existing_image(path: Path, source: Path, line: int | None = None, *, hint: str = "") -> Path:
    """Return the path of an image file that is there.

    Raises:
        InvalidInputError: naming the file that wants it.
    """
    if not is_file(path):
        hint = look_alike_of(path) or hint
        raise file_error(source, line, "an image that is there", f"{path}, which isn't", hint)
    return path


def is_file(path: Path) -> bool:
    """Return whether a path is that of a file; one that the system can't hold isn't."""
    try:
        return path.is_file()
    except OSError:  # a name that is too long
        return False


def without_first(name: str, folder: str) -> str | None:
    """Return a relative path without its first folder, if that is called `folder`.

    Example:
        >>> without_first("images/a.jpg", "images"), without_first("a.jpg", "images")
        ('a.jpg', None)
    """
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return "/".join(parts[1:]) if len(parts) > 1 and parts[0] == folder else None


def output_path(folder: Path, name: str) -> Path:
    """Return where a writer puts the file called `name`, its folder made.

    Raises:
        InvalidInputError: for an id that would be written outside `folder`.
    """
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise invalid("ids", f"ids that stay inside {folder}", repr(name))
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def copy_image(image: Path | str, path: Path) -> None:
    """Copy a file to where a writer puts it, unless that is where it lies."""
    if not (path.exists() and path.samefile(image)):
        shutil.copyfile(image, path)


def label_files(names: Iterable[str], suffix: str) -> dict[str, str]:
    """Return id -> the name of the file that its label is written into.

    Raises:
        InvalidInputError: for two ids that differ in the suffix alone: one label would be lost.
    """
    owners: dict[str, str] = {}
    for name in names:
        owner = owners.setdefault(str(Path(name).with_suffix(suffix)), name)
        if owner != name:
            raise invalid("ids", f"ids that differ without their suffix, for {suffix} files",
                          f"{owner!r} and {name!r}")  # fmt: skip
    return {name: file for file, name in owners.items()}

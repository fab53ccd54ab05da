"""Where the shell may write, and lines that are written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from altasks._internal.whole_files import written_whole
from altasks.errors import InvalidInputError, invalid


def check_target(path: Path, *, force: bool, argument: str = "--out") -> None:
    """Refuse, before any work is done, a path that could not or should not be written.

    Raises:
        InvalidInputError: if the file exists and `force` is False, if it is a folder, or if its
            folder doesn't exist or can't be written to, or if it is a device or a pipe.
    """
    if path.is_dir():
        raise invalid(argument, "the path of a file", f"the folder {str(path)!r}")
    if path.exists() and not path.is_file():
        # Renaming a file into the place of /dev/null would take it away from everyone.
        raise invalid(argument, "the path of a file", f"{str(path)!r}, a device or a pipe")
    if path.exists() and not force:
        raise invalid(
            argument,
            "a path where there is nothing yet",
            f"{str(path)!r}, which exists",
            hint="Choose another, or overwrite it with --force.",
        )
    if not path.parent.is_dir():
        hint = f"Make it first: mkdir -p {path.parent}."
        if str(path).startswith("~"):
            hint = f"Shells know '~' at the beginning of a word alone: {argument} {path}."
        raise invalid(argument, "a path in an existing folder", f"{str(path)!r}", hint=hint)
    try:
        # Only trying is reliable: permission bits don't cover read-only or virtual disks.
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise invalid(
            argument, "a path in a folder that can be written to", f"{str(path)!r}: {error}"
        ) from error


def check_distinct(
    targets: Mapping[str, Path | None],
    sources: Mapping[str, Path | None],
    *,
    replaceable: Callable[[Path], bool],
) -> None:
    """Refuse to write where something is read, or two things to one place.

    Files are compared, not spellings: a link, a relative path, or another case on a disk that
    doesn't tell cases apart, is the same file. `--force` does not help.

    Args:
        targets: option -> the file it writes.
        sources: option -> the file or folder it reads.
        replaceable: whether a file that lies in a folder of `sources` is an earlier result.

    Raises:
        InvalidInputError: naming both options.
    """
    written: list[tuple[str, Path]] = []
    for option, path in targets.items():
        if path is None:
            continue
        for other, source in sources.items():
            if source is None or not path.exists() or not source.exists():
                continue  # what is read exists, so what doesn't exist isn't read
            inside = source.is_dir() and source.resolve() in path.resolve().parents
            if path.samefile(source) or (inside and not replaceable(path)):
                found = f"in the folder of {other}" if inside else f"the file of {other}"
                raise invalid(
                    option,
                    f"a path that is not read as {other}",
                    f"{str(path)!r}, {found}",
                    hint="Choose another; --force doesn't overwrite what is read.",
                )
        for other, taken in written:
            if _same_place(path, taken):
                raise invalid(option, "a path of its own", f"{str(path)!r}, which is {other}'s")
        written.append((option, path))


def _same_place(one: Path, other: Path) -> bool:
    if one.exists() and other.exists():
        return one.samefile(other)
    return os.path.realpath(one) == os.path.realpath(other)


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write lines to a temporary file beside `path`, then rename it into place."""
    with written_whole(path) as file:
        for line in lines:
            file.write(f"{line}\n".encode())


def keep_lines(path: Path, lines: Iterable[str], *, force: bool, argument: str = "--out") -> None:
    """Write lines whose making took long; where `path` fails, into a new temporary folder.

    Raises:
        InvalidInputError: if the path can't or should not be written (a disk that is full, a file
            that wasn't there before); the message names where the lines are, if they could be kept.
    """
    kept = list(lines)
    try:
        check_target(path, force=force, argument=argument)
        write_lines(path, kept)
    except (OSError, InvalidInputError) as error:
        try:
            aside = Path(tempfile.mkdtemp(prefix="altasks-")) / path.name
            write_lines(aside, kept)
        except OSError as second:
            hint = f"Nor could it be put aside ({second}): free some space and run this again."
        else:
            hint = f"Nothing is lost: what should stand there is in {aside}."
        found = f"{str(path)!r} ({error})"
        raise invalid(argument, "a path that can be written", found, hint=hint) from error

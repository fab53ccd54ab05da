"""Which files of a folder are samples: one notion of an image file for pools, readers and shell.

What a system leaves behind (`.DS_Store`, `._photo.jpg`, `Thumbs.db`, `.ipynb_checkpoints`,
`__MACOSX`) is never a sample. Everything else that isn't taken is listed with its reason, and a
file that looks like an image although it can't be read here is warned about.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from altasks.errors import DataWarning, InvalidInputError, invalid

#: Files of a folder that are taken for images, by suffix in any case: what Pillow reads by itself.
IMAGE_SUFFIXES = (
    ".apng", ".avif", ".bmp", ".dib", ".gif", ".j2c", ".j2k", ".jfif", ".jp2", ".jpc", ".jpe",
    ".jpeg", ".jpf", ".jpg", ".jpx", ".mpo", ".pbm", ".pcx", ".pgm", ".png", ".pnm", ".ppm", ".qoi",
    ".tga", ".tif", ".tiff", ".webp",
)  # fmt: skip
#: Images that a plugin of Pillow may read, such as pillow-heif.
_BY_PLUGIN = (".avifs", ".heic", ".heif", ".heics", ".heifs", ".hif", ".jxl")
#: Images of other programs: a person who looks into the folder sees a picture.
_OTHER_IMAGES = (
    ".3fr", ".arw", ".cr2", ".cr3", ".cur", ".dcm", ".dds", ".dng", ".eps", ".erf", ".exr", ".hdr",
    ".icns", ".ico", ".jif", ".jxr", ".nef", ".orf", ".pef", ".pfm", ".psd", ".raf", ".raw", ".rw2",
    ".sgi", ".srw", ".svg", ".xbm", ".xcf", ".xpm",
)  # fmt: skip
#: Suffixes of label files that lie beside images, one for each.
_BESIDE_IMAGES = (".csv", ".json", ".md", ".npy", ".txt", ".xml", ".yaml", ".yml")
_SYSTEM_NAMES = (
    "$recycle.bin", "@eadir", "__macosx", "desktop.ini", "ehthumbs.db", "ehthumbs_vista.db",
    "icon\r", "system volume information", "thumbs.db",
)  # fmt: skip
#: How the files of common formats begin.
_SIGNATURES = (
    b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*",
    b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51",
)  # fmt: skip
_BRANDS = (b"avif", b"avis", b"heic", b"heix", b"heif", b"mif1", b"msf1")
#: How many names a message lists.
_SHOWN = 5

_SYSTEM = "a system file"
_OTHER_SUFFIX = "another suffix"
_UNREAD = "an image that isn't read here"


@dataclass(frozen=True)
class FolderListing:
    """The files of a folder and of those in it.

    Attributes:
        folder: where they are.
        files: relative path with `/` -> file, sorted.
        passed_over: relative path -> why it isn't among the files.
    """

    folder: Path
    files: dict[str, Path]
    passed_over: dict[str, str]


def is_image_name(name: str | os.PathLike[str]) -> bool:
    """Return whether a file is taken for an image, by its suffix and as Pillow is installed.

    Example:
        >>> [is_image_name(name) for name in ("a.JPG", "a.jfif", "a.txt", "._a.jpg")]
        [True, True, False, False]
    """
    path = Path(name)
    return path.suffix.lower() in _image_suffixes() and not is_system_name(path.name)


def is_system_name(name: str) -> bool:
    """Return whether a file or folder is one that a system leaves behind, or hidden.

    Example:
        >>> [is_system_name(name) for name in ("._a.png", "Thumbs.db", "__MACOSX", "a.png")]
        [True, True, True, False]
    """
    return name.startswith(".") or name.lower() in _SYSTEM_NAMES


def list_images(folder: Path, argument: str = "images") -> FolderListing:
    """Return the images of a folder; raises and warns as `list_folder`."""
    return list_folder(folder, IMAGE_SUFFIXES, argument=argument)


def list_folder(
    folder: Path, suffixes: Sequence[str] | None = None, *, argument: str = "pool"
) -> FolderListing:
    """Return the files of a folder with certain suffixes, in any case, or all of them.

    Where all of `IMAGE_SUFFIXES` are wanted, what a plugin of Pillow reads is taken as well, and
    there is a warning about other files that look like images.

    Args:
        folder: searched with the folders in it.
        suffixes: such as `(".png", ".jpg")`; None for all files.
        argument: how errors call the folder.

    Raises:
        InvalidInputError: for a folder that can't be listed, a link to a folder, and a wanted file
            that is a broken link, leads out of the folder or is no file.
    """
    wanted = None if suffixes is None else {suffix.lower() for suffix in suffixes}
    as_images = wanted is not None and wanted >= set(IMAGE_SUFFIXES)
    if wanted is not None and as_images:
        wanted |= _image_suffixes()
    root = folder.resolve()
    files: dict[str, Path] = {}
    passed_over: dict[str, str] = {}
    for here, folders, names in os.walk(folder, followlinks=False, onerror=_raiser(argument)):
        for name in list(folders):
            path = Path(here, name)
            if is_system_name(name):
                folders.remove(name)
                passed_over[path.relative_to(folder).as_posix() + "/"] = _SYSTEM
            elif path.is_symlink():
                raise InvalidInputError(
                    f"{argument}: {path} links to a folder, which would be left out; copy "
                    "the folder in, remove the link, or begin where it leads."
                )
        folders.sort()
        for name in names:
            path = Path(here, name)
            relative = path.relative_to(folder).as_posix()
            if is_system_name(name):
                passed_over[relative] = _SYSTEM
            elif wanted is not None and path.suffix.lower() not in wanted:
                shown = as_images and _looks_like_an_image(path)
                passed_over[relative] = _UNREAD if shown else _OTHER_SUFFIX
            else:
                _require_own_file(path, root, folder, argument)
                files[relative] = path
    if as_images:
        _warn_about_images(folder, passed_over, argument)
    return FolderListing(folder, dict(sorted(files.items())), dict(sorted(passed_over.items())))


def passed_over_line(passed_over: Mapping[str, str]) -> str:
    """Return what was passed over as one sentence, system files left out; empty if there is none.

    Example:
        >>> passed_over_line({"a.txt": "another suffix", "b.txt": "another suffix"})
        'Passed over 2 files: another suffix (a.txt, b.txt).'
    """
    reasons: dict[str, list[str]] = {}
    for name, reason in passed_over.items():
        if reason != _SYSTEM:
            reasons.setdefault(reason, []).append(name)
    if not reasons:
        return ""
    count = sum(map(len, reasons.values()))
    parts = [f"{reason} ({few(names)})" for reason, names in sorted(reasons.items())]
    return f"Passed over {count:,} file{'s' if count > 1 else ''}: {'; '.join(parts)}."


def few(names: Iterable[str]) -> str:
    """Return the first few names, and how many more there are.

    Example:
        >>> few(["a", "b"]), few("abcdefgh")
        ('a, b', 'a, b, c, d, e and 3 more')
    """
    listed = list(names)
    more = f" and {len(listed) - _SHOWN:,} more" if len(listed) > _SHOWN else ""
    return ", ".join(listed[:_SHOWN]) + more


def _image_suffixes() -> set[str]:
    found = set(IMAGE_SUFFIXES)
    pil = sys.modules.get("PIL.Image")  # a plugin has to be imported, and imports Pillow
    if pil is not None:
        registered = pil.registered_extensions()
        found.update(suffix for suffix in _BY_PLUGIN if registered.get(suffix) in pil.OPEN)
    return found


def _looks_like_an_image(path: Path) -> bool:
    suffix = path.suffix.lower()
    if suffix in (*_BY_PLUGIN, *_OTHER_IMAGES):
        return True
    if suffix in _BESIDE_IMAGES:  # as many as there are images: not opened
        return False
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError:
        return False
    boxed = head[4:8] == b"ftyp" and head[8:12] in _BRANDS
    webp = head[:4] == b"RIFF" and head[8:12] == b"WEBP"
    return head.startswith(_SIGNATURES) or boxed or webp


def _require_own_file(path: Path, root: Path, folder: Path, argument: str) -> None:
    if not path.is_file():
        raise InvalidInputError(
            f"{argument}: expected files in the folder {folder}, found {path}, which is a "
            "broken link, a pipe or a device. Remove it."
        )
    if path.is_symlink() and not path.resolve().is_relative_to(root):
        raise InvalidInputError(
            f"{argument}: {path} links to a file outside the folder {folder}; copy it in or "
            "remove the link."
        )


def _warn_about_images(folder: Path, passed_over: Mapping[str, str], argument: str) -> None:
    names = [name for name, reason in passed_over.items() if reason == _UNREAD]
    if names:
        warnings.warn(
            f"{argument}: {len(names):,} files of {folder} look like images and are passed over: "
            f"{few(names)}. Convert them, or give them their usual suffix.",
            DataWarning,
            stacklevel=2,
        )


def _raiser(argument: str) -> Callable[[OSError], None]:
    def fail(error: OSError) -> None:
        # A folder that can't be listed would otherwise be left out without a word.
        raise invalid(argument, "a folder that can be listed", f"{error}") from error

    return fail

"""Which image a label file of its own is for, as VOC and labelme have one an image."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from altasks.data.boxes.paths import existing_image, is_file, path_inside, path_relative_to
from altasks.data.near_names import way_to
from altasks.data.text_files import file_error
from altasks.errors import InvalidInputError


def images_by_stem(names: Iterable[str]) -> dict[str, list[str]]:
    """Return relative path without suffix -> the images of that name."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(without_suffix(name), []).append(name)
    return found


def without_suffix(name: str) -> str:
    """Return a relative path without its suffix."""
    path = PurePosixPath(name)
    return path.with_suffix("").as_posix() if path.name else name


def image_of_label(
    named: str,
    folder: Path,
    by_stem: Mapping[str, Sequence[str]],
    path: Path,
    inside: Path,
    *,
    field: str,
) -> str:
    """Return the image of a label file, relative to the folder of images.

    Args:
        named: the image that the file names; empty where it names none.
        folder: of images.
        by_stem: relative path without suffix -> the images of that name.
        path: the label file.
        inside: the folder it lies in, relative to that of all label files.
        field: where it names its image, for errors.

    Raises:
        InvalidInputError: for an image that isn't there or leads out of the folder, several of one
            name, or a file that names another existing image than the one it is called after.
    """
    named = named.replace("\\", "/")
    own = _called(path.stem, inside, by_stem)
    # A bare name is of the folder beside first: `b/1.xml` names `1.png`, and so does `1.xml`.
    places = [named, (inside / named).as_posix()] if named else []
    chosen: list[str] = []
    for place in places if "/" in named else places[::-1]:
        try:
            image = path_inside(folder, place, path)
        except InvalidInputError:
            # Where the image was on the machine of the tool: here it may be by its bare name.
            if not _called(without_suffix(PurePosixPath(named).name), inside, by_stem):
                raise
            continue
        if is_file(image):
            chosen = [path_relative_to(image, folder).as_posix()]
            break
    if named and not chosen:  # with another suffix, or written without one
        bare = PurePosixPath(named).name
        chosen = _called(bare, inside, by_stem)
        chosen = chosen or _called(without_suffix(bare), inside, by_stem)
    if chosen and own and without_suffix(chosen[0]) != without_suffix(own[0]):
        raise file_error(
            path,
            None,
            f"its {field} and its own name to mean one image, {own[0]!r}",
            f"{field} {named!r}, which is another image that is there",
            f"Correct {field}, or rename the file after its image.",
        )
    chosen = chosen or own
    if len(chosen) > 1:
        raise file_error(
            path,
            None,
            "one image of its name",
            f"{chosen[0]!r} and {chosen[1]!r}",
            f"Name the one in {field}.",
        )
    if not chosen:
        missing = named or (inside / f"{path.stem}.jpg").as_posix()
        existing_image(folder / missing, path, hint=way_to(folder, missing))
    return chosen[0]


def _called(stem: str, inside: Path, by_stem: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the images with a name, of the folder beside if there are any."""
    return list(by_stem.get((inside / stem).as_posix()) or by_stem.get(stem) or ())

"""Labelled data as rankers read it, by the readers that are registered for a task."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from altasks.errors import AltasksError, invalid

if TYPE_CHECKING:
    from altasks.data import LabelledPool

#: Files that are tables.
TABLES = (".csv", ".tsv", ".jsonl", ".ndjson")


def formats_of(task: str) -> list[str]:
    """Return the formats whose samples and labels are a task's, those of other packages included.

    Example:
        >>> formats_of("srl")
        ['srl']
    """
    from altasks.registry import READERS, get_reader

    names = []
    for name in READERS:
        try:
            tasks = get_reader(name).tasks
        except AltasksError:  # a package that can't be loaded is not asked
            continue
        if task in tasks:
            names.append(name)
    return names


def read_format(
    path: Path,
    task: str,
    *,
    format: str | None,
    usual: str | None = None,
    options: Mapping[str, Any],
    columns: Mapping[str, str | None],
) -> LabelledPool:
    """Return labelled samples by a registered reader.

    Args:
        path: the file or folder.
        task: whose samples they are.
        format: the reader that was asked for; None: `usual`, or the task's only one.
        usual: the one for a file like this.
        options: of the reader.
        columns: further options of it, which count where they aren't None.

    Raises:
        InvalidInputError: naming the shell's option, for a format that isn't the task's, none
            where there are several, and as the reader does.
    """
    from altasks.data import read
    from altasks.registry import get_reader

    known = formats_of(task)
    chosen = format or usual or (known[0] if len(known) == 1 else None)
    if chosen is None or (format is not None and format not in known):
        listed = ", ".join(known)
        raise invalid(
            "--format",
            f"one of {listed}" if known else f"a reader that is registered for {task}",
            "none" if format is None else repr(format),
            hint="" if known else "Register one (entry-point group 'altasks.readers').",
        )
    takes = getattr(get_reader(chosen), "options", None)
    given = dict(options)
    for name, column in columns.items():
        if column is None:
            continue
        if takes is not None and name not in takes:
            flag = f"--{name.replace('_', '-')}"
            raise invalid(flag, f"not to be given: the format {chosen} has no columns", "it")
        given.setdefault(name, column)
    return read(path, chosen, **given)


def settings_in(items: Sequence[str], flag: str) -> dict[str, Any]:
    r"""Return the settings of an option that is given as NAME=VALUE, once for each.

    Values are JSON where they can be read so, else text.

    Raises:
        InvalidInputError: for one without a name, or a name twice.

    Example:
        >>> settings_in(["epochs=3", "optimizer=AdamW", "names=[\"cat\"]"], "--training-arg")
        {'epochs': 3, 'optimizer': 'AdamW', 'names': ['cat']}
    """
    found: dict[str, Any] = {}
    for item in items:
        name, equals, text = item.partition("=")
        if not equals or not name.strip():
            raise invalid(flag, "NAME=VALUE", repr(item))
        if name in found:
            raise invalid(flag, "each name once", f"{name!r} twice")
        try:
            found[name] = json.loads(text)
        except ValueError:
            found[name] = text
    return found


def class_names(data: LabelledPool) -> list[Any]:
    """Return the classes of labelled data: as it names them, or else those that occur.

    Example:
        >>> from altasks.data import LabelledPool, Pool
        >>> class_names(LabelledPool(Pool(["a", "b"], [1, 2].__getitem__,
        ...                               labels={"a": ["x", "y"], "b": ["z"]})))
        ['x', 'y', 'z']
    """
    from altasks._internal.natural_order import in_natural_order

    if data.classes:
        return list(data.classes)
    labels = list(data.pool.labels.values())
    found = {one for label in labels for one in (label if isinstance(label, list) else [label])}
    if all(isinstance(one, str) for one in found):
        return in_natural_order(found)
    return sorted(found, key=lambda one: (str(type(one)), one))


def has_several(data: LabelledPool) -> bool:
    """Return whether a label is a list of classes."""
    return any(isinstance(label, list) for label in data.pool.labels.values())

"""One shape for what any file format holds: samples by id, the labels there are, the classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any, Protocol, runtime_checkable

from altasks._internal.arrays import is_listed
from altasks.data.pool import Pool
from altasks.errors import InvalidInputError, invalid
from altasks.registry import READERS, get_reader


@dataclass(frozen=True)
class LabelledPool:
    """A pool with its labels and class names, as a reader returns it.

    Attributes:
        pool: the samples by id; `pool.labels` holds the labels there are, in the form that the
            tasks of the reader take. A sample without an entry is there to be labelled.
        classes: the names of the classes, in their order; empty where labels are not of classes
            (transcripts, numbers).
        source: what the reader made of the file itself, for what is special to its format.

    Raises:
        InvalidInputError: for a label of an id that isn't in the pool, or a class named twice.

    Example:
        >>> data = LabelledPool(Pool(["a", "b"], ["yes", "no"].__getitem__, labels={"a": 1}))
        >>> data.pairs(), data.unlabelled
        ((['yes'], [1]), ['b'])
    """

    pool: Pool
    classes: Sequence[str] = ()
    source: Any = None

    def __post_init__(self) -> None:
        if not isinstance(self.pool, Pool):
            raise invalid("pool", "a Pool", type(self.pool).__name__, hint="Use as_pool(...).")
        if not is_listed(self.classes):
            raise invalid("classes", "a list of names", repr(self.classes)[:80])
        for name in self.pool.labels:
            if name not in self.pool:
                raise invalid("pool", "labels of samples in it", f"one of {name!r}")
        object.__setattr__(self, "classes", tuple(self.classes))
        if not all(isinstance(name, str) for name in self.classes):
            raise invalid("classes", "names that are strings", f"{list(self.classes)}"[:200])
        if len(set(self.classes)) != len(self.classes):
            raise invalid("classes", "distinct names", f"{list(self.classes)}")

    def __len__(self) -> int:
        """Return how many samples there are."""
        return len(self.pool)

    @property
    def unlabelled(self) -> list[str]:
        """The ids of the samples without a label."""
        return [name for name in self.pool.ids if name not in self.pool.labels]

    def pairs(self) -> tuple[list[Any], list[Any]]:
        """Return the labelled samples and their labels, as `fit` and `evaluate` take them."""
        ids = [name for name in self.pool.ids if name in self.pool.labels]
        return [self.pool[name] for name in ids], [self.pool.labels[name] for name in ids]


@runtime_checkable
class Reader(Protocol):
    """Reads one file format; registered as an object, or as a class made without arguments."""

    @property
    def reads(self) -> str:
        """The kind of file it reads, in a phrase: `"a JSON file in COCO's form, with boxes"`."""
        ...

    @property
    def tasks(self) -> tuple[str, ...]:
        """The registered names of the tasks whose samples and labels these are."""
        ...

    def read(self, path: str | PathLike[str], **options: Any) -> LabelledPool:
        """Return what the file or folder holds.

        Raises:
            InvalidInputError: naming the file and the line, for what can't be read; or an option
                there isn't.
        """
        ...


def read(path: str | PathLike[str], format: str, **options: Any) -> LabelledPool:
    r"""Return the samples and labels of a file or folder in a format known by name.

    Args:
        path: the file or folder.
        format: a registered reader, such as `"coco"`, `"yolo"`, `"masks"`, `"conll"`,
            `"label_studio_boxes"` or `"table"`; `formats()` lists all, with those that other
            packages bring.
        **options: the reader's own, such as `images=` of `"coco"`; those of a built-in format are
            the keyword arguments of `altasks.data.read_coco` and the like.

    Raises:
        UnknownNameError: for a format that isn't registered.
        InvalidInputError: for an option that the reader hasn't or misses, a file that can't be
            read (naming it and the line), or a reader that returns something else.

    Example:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     path = Path(folder, "tagged.conll")
        ...     _ = path.write_text("Ada B-PER\nwrote O\n", encoding="utf-8")
        ...     data = read(path, "conll")
        >>> data.classes, data.pairs()
        (('PER',), ([['Ada', 'wrote']], [['B-PER', 'O']]))
    """
    found = get_reader(format).read(path, **options)
    if not isinstance(found, LabelledPool):
        raise InvalidInputError(
            f"format: expected a LabelledPool from the reader {format!r}, found "
            f"{type(found).__name__}."
        )
    return found


def formats() -> dict[str, str]:
    """Return every format there is and what it reads, those of other packages included.

    Example:
        >>> formats()["srl"]
        'JSON lines of sentences with semantic roles'
    """
    return {name: get_reader(name).reads for name in READERS}

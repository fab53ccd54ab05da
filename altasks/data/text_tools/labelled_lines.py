"""Pools of texts with classes, from records of a tool."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from altasks.data.boxes.classes import check_class_list, require_class
from altasks.data.folders import few
from altasks.data.pool import Pool
from altasks.data.text_files import cut_character
from altasks.errors import DataWarning, InvalidInputError, describe_fault


@dataclass
class LabelledLines:
    """Collects texts and their labels, one record at a time.

    Args:
        path: the file.
        names: the classes there may be; None for any.
        multiple: whether a label is a list of classes.
        unit: what a record is in the file, for errors.
    """

    path: Path
    names: Sequence[str] | None = None
    multiple: bool = False
    unit: str = "line"
    texts: dict[str, str] = field(default_factory=dict)
    labels: dict[str, Any] = field(default_factory=dict)
    passed_over: dict[str, str] = field(default_factory=dict)
    _lines: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.names = None if self.names is None else check_class_list(self.names)

    def fault(
        self, place: int | None, expected: str, found: str, hint: str = ""
    ) -> InvalidInputError:
        """Return an error about a record, to be raised by the caller."""
        where = "" if place is None else f"{self.unit} {place}"
        return InvalidInputError(
            describe_fault(str(self.path), expected, found, where=where, hint=hint)
        )

    def name_of(self, given: Any, line: int) -> str:
        """Return a record's id: what is given, or its place.

        Raises:
            InvalidInputError: for an id that is neither a text nor a whole number.
        """
        if given is None:
            return str(line - 1)
        if isinstance(given, bool) or not isinstance(given, str | int) or given == "":
            raise self.fault(line, "an id that is a text or a number", repr(given)[:80])
        return str(given)

    def add(self, name: str, text: Any, line: int) -> None:
        """Add a text.

        Raises:
            InvalidInputError: for what is no text, or an id that another text has.
        """
        if not isinstance(text, str) or cut_character([text]) is not None:
            raise self.fault(line, "a text of whole characters", repr(text)[:80])
        if self.texts.setdefault(name, text) != text:
            found = f"{name!r}, which another text has in line {self._lines[name]}"
            raise self.fault(line, "distinct ids", found)
        self._lines.setdefault(name, line)

    def label(self, name: str, chosen: Sequence[str], line: int) -> None:
        """Label a text that was added with the classes people chose.

        Raises:
            InvalidInputError: for an unknown class, two where one is wanted, or another label
                than before.
        """
        for one in chosen:
            if not isinstance(one, str):
                raise self.fault(line, "names of classes", repr(one)[:80])
            require_class(one, self.names, Path(f"{self.path}, {self.unit} {line}"), None)
        if len(set(chosen)) != len(chosen):
            raise self.fault(line, "distinct classes", ", ".join(map(repr, chosen)))
        if len(chosen) > 1 and not self.multiple:
            raise self.fault(
                line, "one class for a text", ", ".join(map(repr, chosen)),
                "Say multiple=True for lists of them.",
            )  # fmt: skip
        if not chosen and not self.multiple:
            self.leave(name, "no class was chosen")
            return
        label = list(chosen) if self.multiple else chosen[0]
        before = self.labels.setdefault(name, label)
        if before != label and (not self.multiple or sorted(before) != sorted(label)):
            raise self.fault(
                line, "one answer for a text", f"{label!r} after {before!r}",
                "Keep the answer of one annotator.",
            )  # fmt: skip

    def strings(self, value: Any, line: int, what: str) -> list[str]:
        """Return a list of names; one name is a list of one.

        Raises:
            InvalidInputError: for anything else.
        """
        found = [value] if isinstance(value, str) else value
        if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
            raise self.fault(line, f"{what} as a list of names", repr(value)[:80])
        return found

    def leave(self, name: str, reason: str) -> None:
        """Note a text that stays without a label although people saw it."""
        self.passed_over[name] = reason

    def pool(self) -> Pool:
        """Return the texts, with a warning of those that were left.

        Raises:
            InvalidInputError: if there are none.
        """
        if not self.texts:
            raise self.fault(None, "at least one text", "none")
        left = {name: why for name, why in self.passed_over.items() if name not in self.labels}
        reasons: dict[str, list[str]] = {}
        for name, reason in left.items():
            reasons.setdefault(reason, []).append(name)
        for reason, names in reasons.items():
            warnings.warn(
                f"{self.path}: {len(names):,} texts have no label: {reason} ({few(names)}).",
                DataWarning,
                stacklevel=3,
            )
        ids = list(self.texts)
        return Pool(
            ids, list(self.texts.values()).__getitem__, labels=self.labels, in_memory=True,
            passed_over=left,
        )  # fmt: skip

"""The tags a model emits: their scheme, their numbers, and their way to IOB2 and back."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

from altasks._internal.names import alike, did_you_mean
from altasks.data.tagging.schemes import ALL_LETTERS, LETTERS, known_scheme
from altasks.data.tagging.tags import convert, spans_of, tags_of
from altasks.errors import invalid

_LIKE_A_TAG = re.compile(rf"[{ALL_LETTERS}]-.+", re.DOTALL)


@dataclass(frozen=True)
class TagSet:
    """Tags in the order of a model's outputs.

    Attributes:
        tags: such as `["O", "B-PER", "I-PER"]`.
        scheme: how they are written, one of `altasks.data.tagging.tags.SCHEMES`.
    """

    tags: tuple[str, ...]
    scheme: str

    @classmethod
    def of(cls, labels: Iterable[Any], scheme: str | None = None) -> Self:
        """Return the tags for span labels, or for tags (if `O` is among them) as they are.

        Args:
            labels: such as `["PER", "LOC"]` or `["O", "B-PER", "I-PER"]`.
            scheme: None: as the letters say; IOB2 for span labels.

        Raises:
            InvalidInputError: for no labels, one twice, two that read alike, one that is no string,
                or tags without `O`.

        Example:
            >>> TagSet.of(["PER"]).tags
            ('O', 'B-PER', 'I-PER')
            >>> TagSet.of(["O", "S-PER", "B-PER", "I-PER", "E-PER"]).scheme
            'BIOES'
        """
        if isinstance(labels, str) or not isinstance(labels, Iterable):
            raise invalid("labels", "a list of labels", repr(labels))
        names = list(labels)
        for place, name in enumerate(names):
            if not isinstance(name, str) or not name.strip():
                raise invalid("labels", "names (str)", repr(name), where=f"label {place}")
            if name in names[:place]:
                raise invalid("labels", "distinct labels", f"{name!r} twice")
        pair = alike(names)
        if pair is not None:
            raise invalid(
                "labels", "names that can be told apart", f"{pair[0]!r} and {pair[1]!r}",
                hint="Rename one of them.",
            )  # fmt: skip
        if scheme is not None:
            scheme = known_scheme(scheme)
            if not LETTERS[scheme]:
                raise invalid("scheme", "a scheme with letters, such as BIO", repr(scheme))
        if "O" not in names:
            if not names:
                raise invalid("labels", "at least one label", "none")
            if all(map(_LIKE_A_TAG.fullmatch, names)):
                raise invalid(
                    "labels",
                    "'O' among the tags, or span labels ('PER')",
                    f"tags without it, such as {names[0]!r}",
                )
            letters = LETTERS[scheme or "IOB2"]
            return cls(
                ("O", *(f"{letter}-{name}" for name in names for letter in letters)),
                scheme or "IOB2",
            )
        found = scheme or _scheme_of(names)
        for place, name in enumerate(names):
            letter, hyphen, label = name.partition("-")
            known = len(letter) == 1 and letter in LETTERS[found]
            if name != "O" and not (known and hyphen and label):
                raise invalid(
                    "labels",
                    f"'O' and tags of the form B-PER, with the letters {LETTERS[found]} ({found})",
                    repr(name),
                    where=f"label {place}",
                    hint="Leave 'O' out to have the tags made from span labels.",
                )
        return cls(tuple(names), found)

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The labels of spans, in the order of the tags."""
        return tuple(dict.fromkeys(tag.partition("-")[2] for tag in self.tags if tag != "O"))

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {tag: number for number, tag in enumerate(self.tags)}

    def check(self, tags: Sequence[str], where: str) -> None:
        """Refuse tags of unknown labels.

        Raises:
            InvalidInputError: naming the word, and the closest label.
        """
        for word, tag in enumerate(tags):
            label = tag.partition("-")[2]
            if tag != "O" and label not in self.labels:
                raise invalid(
                    "labels",
                    f"tags of the labels {', '.join(self.labels)}",
                    repr(tag),
                    where=f"{where}, word {word}" if where else f"word {word}",
                    hint=did_you_mean(label, self.labels),
                )

    def encode(self, tags: Sequence[str], where: str) -> list[int]:
        """Return the class of each word.

        Args:
            tags: IOB2.
            where: for messages.

        Raises:
            InvalidInputError: for a tag the model has no output for.
        """
        self.check(tags, where)
        written = tags if self.scheme == "IOB2" else convert(tags, "IOB2", self.scheme)
        try:
            return [self._numbers[tag] for tag in written]
        except KeyError as error:
            word = next(i for i, tag in enumerate(written) if tag not in self._numbers)
            raise invalid(
                "labels",
                f"tags the model has an output for: {', '.join(self.tags)}",
                repr(written[word]),
                where=f"{where}, word {word}" if where else f"word {word}",
                hint=f"The model's tags were read as {self.scheme}; say scheme= for another.",
            ) from error

    def decode(self, classes: Iterable[int]) -> list[str]:
        """Return classes as IOB2 tags, read as conlleval reads ill-formed ones."""
        tags = [self.tags[number] for number in classes]
        if all(tag == "O" for tag in tags):
            return tags
        return tags_of(spans_of(tags, self.scheme, repair=True), len(tags))


def _scheme_of(tags: Iterable[str]) -> str:
    letters = {tag[0] for tag in tags if tag != "O"}
    if letters & {"L", "U"}:
        return "BILOU"
    if "W" in letters:
        return "BMEWO"
    if "M" in letters:
        return "BMES"
    if letters & {"E", "S"}:
        return "BIOES"
    return "IOB2" if "B" in letters or not letters else "IOB1"

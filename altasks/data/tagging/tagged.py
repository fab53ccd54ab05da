"""Sentences whose words are tagged, and what every reader of them checks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from altasks._internal.frames import is_series, series_values
from altasks._internal.natural_order import in_natural_order
from altasks.data.pool import Pool
from altasks.data.tagging.tags import Span, convert, find_tag_problem, scheme_found, spans_of
from altasks.data.text_files import cut_character
from altasks.errors import InvalidInputError, UnknownNameError, invalid


@dataclass(frozen=True)
class TaggedSentences:
    """N sentences of words, a tag for each word.

    Checked when made: as many tags as words, well-formed IOB2, at least one word a sentence,
    distinct ids.

    Attributes:
        tokens: N lists of words.
        tags: N lists of IOB2 tags (`B-PER`, `I-PER`, `O`), one a word.
        ids: N distinct strings; positions in the source, unless it had ids of its own.
        extra: more about the sentences, such as their documents or intents: N values each.
        positional: whether the ids are nothing but positions, see `Pool`.

    Raises:
        InvalidInputError: naming the sentence.

    Example:
        >>> sentences = TaggedSentences([["Ada", "wrote"]], [["B-PER", "O"]], ["0"])
        >>> sentences.labels, sentences.words
        (['PER'], 2)
        >>> sentences.pool()["0"], sentences.pool().labels["0"]
        (['Ada', 'wrote'], ['B-PER', 'O'])
    """

    tokens: list[list[str]]
    tags: list[list[str]]
    ids: list[str]
    extra: dict[str, list[Any]] = field(default_factory=dict)
    positional: bool = True

    def __post_init__(self) -> None:
        # A Series has rows by its index as well as by position: lists have them by position only.
        for name in ("tokens", "tags", "ids"):
            if is_series(getattr(self, name)):
                object.__setattr__(self, name, series_values(getattr(self, name)))
            given = getattr(self, name)
            if isinstance(given, str) or not isinstance(given, Sequence):
                raise invalid(name, "a list with a row for each sentence", type(given).__name__)
        if not all(isinstance(name, str) for name in self.ids):
            raise invalid("ids", "strings", f"{self.ids}"[:80])
        columns: dict[str, Sequence[Any]] = {"tags": self.tags, "ids": self.ids, **self.extra}
        for name, column in columns.items():
            if len(column) != len(self.tokens):
                raise invalid(name, f"one for each of {len(self)} sentences", str(len(column)))
        for name, count in Counter(self.ids).items():
            if count > 1:
                raise invalid("ids", "distinct ids", f"{name!r} {count} times")
        for name, words, tags in zip(self.ids, self.tokens, self.tags, strict=True):
            check_words(words, tags, lambda expected, found: invalid(
                "tokens", expected, found, where=f"sentence {name!r}"  # noqa: B023 - called now
            ))  # fmt: skip
            problem = find_tag_problem(tags)
            if problem is not None:
                where = f"sentence {name!r}, word {problem.word}"
                raise InvalidInputError(problem.describe("tags", where))

    def __len__(self) -> int:
        """Return N, the number of sentences."""
        return len(self.tokens)

    @property
    def words(self) -> int:
        """The number of words in all sentences."""
        return sum(map(len, self.tokens))

    @property
    def labels(self) -> list[str]:
        """The distinct labels of the spans, in alphabetical order, numbers in theirs."""
        return in_natural_order({tag[2:] for tags in self.tags for tag in tags} - {""})

    def spans(self, row: int) -> list[Span]:
        """Return the spans of the sentence in a row."""
        return spans_of(self.tags[row])

    def subset(self, rows: Sequence[int]) -> TaggedSentences:
        """Return some of the sentences, under the same ids."""
        return TaggedSentences(
            [self.tokens[row] for row in rows],
            [self.tags[row] for row in rows],
            [self.ids[row] for row in rows],
            {name: [column[row] for row in rows] for name, column in self.extra.items()},
            self.positional,
        )

    def rows(self, ids: Sequence[str]) -> list[int]:
        """Return where the sentences with these ids stand.

        Raises:
            UnknownNameError: if there is no such id.
        """
        row_of = {name: row for row, name in enumerate(self.ids)}
        for name in ids:
            if name not in row_of:
                raise UnknownNameError(f"id: {name!r} is not among the {len(self)} sentences.")
        return [row_of[name] for name in ids]

    def pool(self) -> Pool:
        """Return the sentences as a pool: the samples are lists of words, the labels their tags."""
        labels = dict(zip(self.ids, self.tags, strict=True))
        return Pool(
            self.ids,
            self.tokens.__getitem__,
            positional=self.positional,
            labels=labels,
            in_memory=type(self.tokens) in (list, tuple),
        )


def check_words(words: Any, tags: Any, error: Callable[[str, str], InvalidInputError]) -> None:
    """Raise `error(expected, found)` unless these are words and as many tags."""
    for kind, column in (("words", words), ("tags", tags)):
        if not isinstance(column, list | tuple) or not all(isinstance(x, str) for x in column):
            raise error(f"a list of {kind}", repr(column)[:80])
        cut = cut_character(column)
        if cut is not None:
            raise error(f"{kind} of whole characters", repr(cut))
    if not words:
        raise error("at least one word in every sentence", "none")
    if len(words) != len(tags):
        raise error(f"a tag for each of {len(words)} words", f"{len(tags)} tags")


def as_iob2(
    tags: Sequence[Sequence[str]],
    scheme: str | None,
    *,
    repair: bool,
    place: Callable[[int, int], str],
) -> list[list[str]]:
    """Return the tags of many sentences in IOB2.

    Args:
        tags: one sequence for each sentence.
        scheme: how they are written; None finds it.
        repair: see `spans_of`.
        place: where (sentence, word) stands, for errors.

    Raises:
        InvalidInputError: as `find_scheme` and `spans_of`, saying the place.
    """
    if scheme is None:
        scheme = scheme_found(tags, place, repair=repair)
    for i, sentence in enumerate(tags):
        problem = find_tag_problem(sentence, scheme, repair=repair)
        if problem is not None:
            raise InvalidInputError(problem.describe("tags", place(i, problem.word)))
    return [convert(sentence, scheme, "IOB2", repair=repair) for sentence in tags]

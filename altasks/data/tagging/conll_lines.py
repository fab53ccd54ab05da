"""The lines of CoNLL files: words and their columns, comments, documents, CoNLL-U's numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from altasks.data.tagging.schemes import ALL_LETTERS
from altasks.data.text_files import file_error
from altasks.errors import InvalidInputError

DOCSTART = "-DOCSTART-"
# As a tag may look like in any scheme that has letters.
_TAG = re.compile(rf"O|[{ALL_LETTERS}]-.+", re.DOTALL)
# A tag with its letter written otherwise (`PER-B`, `b-per`, `B_PER`) is no plain label.
_WITH_A_LETTER = re.compile(r"[A-Za-z][-_].*|.*[-_][A-Za-z]|", re.DOTALL)
_RANGE = re.compile(r"([0-9]{1,9})-([0-9]{1,9})")
_EMPTY_NODE = re.compile(r"[0-9]{1,9}\.[0-9]{1,9}")
_NOTHING = ("O", "_", "")


@dataclass(frozen=True)
class LineFormat:
    """How the lines of a file are to be read; as `read_conll` takes it.

    Attributes:
        delimiter: None for runs of spaces and tabs.
        token_column: the column of the words.
        tag_column: the column of the tags.
        tag_key: the name of the tag among the features of its column, or None.
        comments: what a comment begins with, or None.
        plain: whether tags are labels without letters.
    """

    delimiter: str | None
    token_column: int
    tag_column: int
    tag_key: str | None
    comments: str | None
    plain: bool

    def cells(self, line: str) -> list[str]:
        """Return the columns of a line."""
        if self.delimiter is None:
            return re.split(r"[ \t]+", line.strip(" \t"))
        return line.split(self.delimiter)

    def is_comment(self, line: str) -> bool:
        """Whether a line begins as comments do."""
        return self.comments is not None and line.startswith(self.comments)


def all_have_tabs(lines: Iterable[str], comments: str | None) -> bool:
    """Return whether every line with a word has a tab."""
    return all(
        "\t" in line
        for line in lines
        if line.strip()
        and not line.startswith(DOCSTART)
        and not (comments and line.startswith(comments))
    )


def are_numbered(lines: Sequence[str], form: LineFormat) -> bool:
    """Return whether the first column counts the words of each sentence from 1, as in CoNLL-U.

    Ranges (`1-2`) and empty nodes (`2.1`) stand between the numbers. One or two words without
    any of these may be numbers by chance.
    """
    expected, seen, special = 1, 0, False
    for line in lines:
        if not line.strip():
            expected = 1
            continue
        first = form.cells(line)[0]
        if form.is_comment(line) or line.startswith(DOCSTART):
            continue
        if _RANGE.fullmatch(first) or _EMPTY_NODE.fullmatch(first):
            special = True
            continue
        seen += 1
        if first != str(expected):
            return False
        expected += 1
    return seen > 2 or (special and seen > 0)


class LineReader:
    """Collects the sentences of a file, line by line.

    Args:
        path: the file, for errors.
        form: how its lines are read.
        numbered: whether the first column numbers the words (see `are_numbered`): ranges and
            empty nodes are no words then.
    """

    def __init__(self, path: Path, form: LineFormat, *, numbered: bool) -> None:
        self.path, self.form, self.numbered = path, form, numbered
        self.tokens: list[list[str]] = []
        self.tags: list[list[str]] = []
        self.lines: list[list[int]] = []
        self.documents: list[int] = []
        self.sentence_ids: list[str | None] = []
        self.document = 0
        self.features: set[str] = set()  # names that occur in the column of the tags
        self._first: tuple[int, int] | None = None  # (line, its columns) of the first word
        self._start()

    def _start(self) -> None:
        self._open: tuple[list[str], list[str], list[int]] = ([], [], [])
        self._ranges: list[tuple[int, int, int, str]] = []  # (first word, last, line, tag)
        self._sentence_id: str | None = None

    def take(self, number: int, line: str) -> None:
        """Read one line."""
        if not line.strip():
            self.end_sentence()
            return
        cells = self.form.cells(line)
        if self.form.is_comment(line):
            self._take_comment(number, line, cells)
            return
        # Its columns may be separated otherwise than those of words.
        alone = len(cells) == 1 and line.split()[:1] == [DOCSTART]
        if line.startswith(DOCSTART) and (cells[0] == DOCSTART or alone):
            self.end_sentence()
            self.document += 1
            return
        self._refuse_line_ends(number, line)
        token = cells[self._column(cells, self.form.token_column, "token_column", number)]
        tag = self._tag(cells[self._column(cells, self.form.tag_column, "tag_column", number)])
        self._check(number, line, cells, tag)
        if self.numbered and self._is_no_word(number, cells[0], tag):
            return
        tokens, tags, lines = self._open
        tokens.append(token)
        tags.append(tag)
        lines.append(number)

    def end_sentence(self) -> None:
        """Close the sentence that is being read, if there is one."""
        tokens, tags, lines = self._open
        for first, last, number, tag in self._ranges:
            if all(one == "O" for one in tags[first - 1 : last]):
                raise self._error(
                    number, f"the tags of words {first} to {last} at those words",
                    f"{tag!r} at their range",
                )  # fmt: skip
        if tokens:
            self.tokens.append(tokens)
            self.tags.append(tags)
            self.lines.append(lines)
            self.documents.append(self.document)
            self.sentence_ids.append(self._sentence_id)
        self._start()

    def _take_comment(self, number: int, line: str, cells: list[str]) -> None:
        if self._is_word_too(cells):
            raise self._error(
                number,
                f"a comment or a word, told apart by {self.form.comments!r}",
                f"{line!r}, which could be either",
                "Take comments out of the file, or name the delimiter if it is a tab.",
            )
        name, equals, value = line.lstrip("#").partition("=")
        if equals and name.strip() == "sent_id":
            self._sentence_id = value.strip()

    def _refuse_line_ends(self, number: int, line: str) -> None:
        """Refuse a carriage return that ends a line of a word, in a file of other line ends."""
        pieces = line.split("\r") if "\r" in line else []
        whole = [piece for piece in pieces if piece.strip()]
        if len(whole) > 1 and all(len(self.form.cells(piece)) > 1 for piece in whole):
            raise self._error(
                number, "line ends of one kind", f"a carriage return in {line!r}",
                "Save the file with one kind of line ends.",
            )  # fmt: skip

    def _check(self, number: int, line: str, cells: list[str], tag: str) -> None:
        form = self.form
        if (form.token_column - form.tag_column) % len(cells) == 0:  # one counted from the end
            raise self._error(
                number,
                f"two columns (token_column={form.token_column}, tag_column={form.tag_column})",
                f"the same one of {len(cells)} in {line!r}",
                self._advice(line),
            )
        if self.numbered and form.token_column % len(cells) == 0:
            raise self._error(
                number, f"words in the column token_column={form.token_column}",
                f"{cells[0]!r}, the number of a word, in {line!r}",
                "In CoNLL-U the words stand in the column token_column=1.",
            )  # fmt: skip
        if not (tag if form.plain else _TAG.fullmatch(tag)):
            raise self._error(
                number,
                "a tag (O, or a letter such as B, a hyphen and a label)",
                f"{tag!r} in {line!r}",
                self._advice(line, tag),
            )
        if self._first is None:
            self._first = (number, len(cells))
        elif self._first[1] != len(cells):
            raise self._error(
                number,
                f"{self._first[1]} columns, as in line {self._first[0]}",
                f"{len(cells)} in {line!r}",
                self._advice(line),
            )

    def _tag(self, cell: str) -> str:
        """Return the tag in a cell: all of it, or the feature of the name given."""
        if self.form.tag_key is None:
            return cell
        features = dict(one.partition("=")[::2] for one in cell.split("|") if "=" in one)
        self.features.update(features)
        tag = features.get(self.form.tag_key, "O")
        return "O" if tag in _NOTHING else tag

    def _is_no_word(self, number: int, name: str, tag: str) -> bool:
        """Whether a line is a range or an empty node; a span that only stands there is refused."""
        words = _RANGE.fullmatch(name)
        if words and tag not in _NOTHING:
            self._ranges.append((int(words[1]), int(words[2]), number, tag))
        if not words and _EMPTY_NODE.fullmatch(name) and tag not in _NOTHING:
            raise self._error(
                number, "spans of words", f"{tag!r} at the empty node {name}, which is no word"
            )
        return bool(words) or _EMPTY_NODE.fullmatch(name) is not None

    def _column(self, cells: list[str], column: int, argument: str, number: int) -> int:
        """Return the index of a column that is there."""
        wanted = column + 1 if column >= 0 else -column
        # A line with one column has no tag, though its last column exists.
        least = max(wanted, 2)
        if len(cells) < least:
            line = " ".join(cells)
            raise self._error(
                number, f"at least {least} columns ({argument}={column})",
                f"{len(cells)} in {line!r}", self._advice(line),
            )  # fmt: skip
        return column

    def _is_word_too(self, cells: list[str]) -> bool:
        """Whether what begins like a comment could be a word with its tag."""
        if self.numbered:
            return False
        alike = self._first is None or len(cells) == self._first[1]
        return alike and len(cells) > 1 and _TAG.fullmatch(cells[-1]) is not None

    def _advice(self, line: str, tag: str | None = None) -> str:
        """Return what may help with a line that can't be read."""
        if self.form.comments is None and line.startswith("#"):
            return "If it is a comment, say what comments begin with: comments='# '."
        if tag is not None and "=" in tag:
            return "If it is a list of features, name the one with the tag, such as tag_key='NER'."
        plain = ""
        if tag is not None and not _WITH_A_LETTER.fullmatch(tag):
            plain = " If tags are labels without letters, say scheme='PLAIN'."
        if self.form.delimiter is None:
            advice = "If not spaces separate the columns, name what does, such as delimiter='\\t'."
            return advice + plain
        return f"The delimiter is {self.form.delimiter!r}.{plain}"

    def _error(self, line: int, expected: str, found: str, hint: str = "") -> InvalidInputError:
        return file_error(self.path, line, expected, found, hint)

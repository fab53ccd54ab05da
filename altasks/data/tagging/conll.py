"""CoNLL columns: one word a line, its tag in a column, a blank line between sentences."""

from __future__ import annotations

import re
from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import Any

from altasks.data.tagging.tagged import TaggedSentences, as_iob2
from altasks.data.tagging.tags import convert
from altasks.data.text_files import fault, read_lines
from altasks.errors import invalid

DOCSTART = "-DOCSTART-"
# As a tag may look like in any scheme.
_TAG = re.compile(r"O|[BIESLU]-.+", re.DOTALL)


def read_conll(
    path: str | PathLike[str],
    *,
    delimiter: str | None = None,
    token_column: int = 0,
    tag_column: int = -1,
    scheme: str | None = None,
    repair: bool = False,
    comments: str | None = None,
    encoding: str = "utf-8",
) -> TaggedSentences:
    r"""Read sentences from a file with one word a line.

    A line of nothing but whitespace ends a sentence, and so does the end of the file. Every other
    line has the same number of columns. Lines whose first column is `-DOCSTART-` separate
    documents: they are no words, and `extra["document"]` then says how many of them stand before
    each sentence.

    No line is a comment unless you say so: in tweets `#hashtag` and `#` are words.

    Args:
        path: the file; a `.gz` is unpacked.
        delimiter: what separates the columns. By default a tab if every word's line has one, so
            that words may hold spaces, or be empty; else any run of spaces and tabs. Other white
            space, such as the non-breaking space, is part of a word.
        token_column: the column of the words, from 0; negative ones count from the last.
        tag_column: the column of the tags, the same.
        scheme: how the tags are written (see `altasks.data.tagging.tags`); found from all of them
            if not given. They are returned in IOB2.
        repair: read ill-formed tag sequences as `conlleval` does, see `spans_of`.
        comments: what a comment line begins with, such as `"# "` in CoNLL-U. A line that begins
            so and could as well be a word with its tag is an error.
        encoding: of the file.

    Raises:
        InvalidInputError: for a missing column, a tag that is none, an ill-formed sequence, an
            undecodable byte or a file without words, naming the file and the line.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     file = Path(folder) / "two.conll"
        ...     _ = file.write_text("Ada I-PER\nwrote O\n\n#London I-LOC\n")
        ...     sentences = read_conll(file)
        >>> sentences.tokens, sentences.tags
        ([['Ada', 'wrote'], ['#London']], [['B-PER', 'O'], ['B-LOC']])
    """
    path = Path(path)
    if delimiter == "" or comments == "":
        name = "delimiter" if delimiter == "" else "comments"
        raise invalid(name, "at least one character, or None", "''")
    for name, column in (("token_column", token_column), ("tag_column", tag_column)):
        if isinstance(column, bool) or not isinstance(column, int):
            raise invalid(name, "the number of a column", repr(column))
    if token_column == tag_column:
        raise invalid("tag_column", "another column than the words'", str(tag_column))
    lines = list(read_lines(path, encoding, keep_nul=True))
    if delimiter is None and _all_have_tabs((line for _, line in lines), comments):
        delimiter = "\t"
    reader = _Reader(path, delimiter, token_column, tag_column, comments)
    for number, line in lines:
        reader.take(number, line)
    reader.end_sentence()
    if not reader.tokens:
        raise fault(path, None, "lines with a word and its tag", "none")
    tags = as_iob2(
        reader.tags,
        scheme,
        repair=repair,
        place=lambda sentence, word: f"{path}, line {reader.lines[sentence][word]}",
    )
    ids = [str(i) for i in range(len(tags))]
    extra = {"document": reader.documents} if reader.document else {}
    return TaggedSentences(reader.tokens, tags, ids, extra)


def _all_have_tabs(lines: Iterable[str], comments: str | None) -> bool:
    return all(
        "\t" in line
        for line in lines
        if line.strip()
        and not line.startswith(DOCSTART)
        and not (comments and line.startswith(comments))
    )


class _Reader:
    """What has been read of a file so far."""

    def __init__(
        self,
        path: Path,
        delimiter: str | None,
        token_column: int,
        tag_column: int,
        comments: str | None,
    ) -> None:
        self.path, self.delimiter, self.comments = path, delimiter, comments
        self.token_column, self.tag_column = token_column, tag_column
        self.tokens: list[list[str]] = []
        self.tags: list[list[str]] = []
        self.lines: list[list[int]] = []
        self.documents: list[int] = []
        self.document = 0
        self.first: tuple[int, int] | None = None  # (line, its columns) of the first word
        self.open: tuple[list[str], list[str], list[int]] = ([], [], [])

    def take(self, number: int, line: str) -> None:
        """Read one line."""
        if not line.strip():
            self.end_sentence()
            return
        cells = self.cells(line)
        if self.comments is not None and line.startswith(self.comments):
            if not self.is_word_too(cells):
                return
            raise fault(
                self.path,
                number,
                f"a comment or a word, told apart by {self.comments!r}",
                f"{line!r}, which could be either",
                "Take comments out of the file, or name the delimiter if it is a tab.",
            )
        # Its columns may be separated otherwise than those of words.
        alone = len(cells) == 1 and line.split()[:1] == [DOCSTART]
        if line.startswith(DOCSTART) and (cells[0] == DOCSTART or alone):
            self.end_sentence()
            self.document += 1
            return
        token = cells[self.column(cells, self.token_column, "token_column", number)]
        tag = cells[self.column(cells, self.tag_column, "tag_column", number)]
        if (self.token_column - self.tag_column) % len(cells) == 0:  # one counted from the end
            raise fault(
                self.path,
                number,
                f"two columns (token_column={self.token_column}, tag_column={self.tag_column})",
                f"the same one of {len(cells)} in {line!r}",
                self.advice(line),
            )
        if _TAG.fullmatch(tag) is None:
            raise fault(
                self.path,
                number,
                "a tag (O, or a letter such as B, a hyphen and a label)",
                f"{tag!r} in {line!r}",
                self.advice(line),
            )
        if self.first is None:
            self.first = (number, len(cells))
        elif self.first[1] != len(cells):
            raise fault(
                self.path,
                number,
                f"{self.first[1]} columns, as in line {self.first[0]}",
                f"{len(cells)} in {line!r}",
                self.advice(line),
            )
        tokens, tags, lines = self.open
        tokens.append(token)
        tags.append(tag)
        lines.append(number)

    def end_sentence(self) -> None:
        """Close the sentence that is being read, if there is one."""
        tokens, tags, lines = self.open
        if tokens:
            self.tokens.append(tokens)
            self.tags.append(tags)
            self.lines.append(lines)
            self.documents.append(self.document)
        self.open = ([], [], [])

    def cells(self, line: str) -> list[str]:
        """Return the columns of a line."""
        if self.delimiter is None:
            return re.split(r"[ \t]+", line.strip(" \t"))
        return line.split(self.delimiter)

    def column(self, cells: list[str], column: int, argument: str, number: int) -> int:
        """Return the index of a column that is there."""
        wanted = column + 1 if column >= 0 else -column
        # A line with one column has no tag, though its last column exists.
        least = max(wanted, 2)
        if len(cells) < least:
            line = " ".join(cells)
            raise fault(
                self.path, number, f"at least {least} columns ({argument}={column})",
                f"{len(cells)} in {line!r}", self.advice(line),
            )  # fmt: skip
        return column

    def is_word_too(self, cells: list[str]) -> bool:
        """Whether what begins like a comment could be a word with its tag."""
        alike = self.first is None or len(cells) == self.first[1]
        return alike and len(cells) > 1 and _TAG.fullmatch(cells[-1]) is not None

    def advice(self, line: str) -> str:
        """Return what may help with a line of the wrong number of columns."""
        if self.comments is None and line.startswith("#"):
            return "If it is a comment, say what comments begin with: comments='# '."
        if self.delimiter is None:
            return "If not spaces separate the columns, name what does, such as delimiter='\\t'."
        return f"The delimiter is {self.delimiter!r}."


def write_conll(
    path: str | PathLike[str],
    sentences: TaggedSentences,
    *,
    scheme: str = "IOB2",
    delimiter: str = "\t",
    overwrite: bool = False,
) -> None:
    r"""Write sentences to a file in UTF-8, a word and its tag a line.

    `read_conll` with the same delimiter and scheme reads the same words, tags and documents back
    (documents in ascending order: others have no place in the file, nor have ids and other
    extras).

    Args:
        path: the file.
        sentences: what to write.
        scheme: how to write the tags.
        delimiter: what to put between word and tag.
        overwrite: whether an existing file is replaced.

    Raises:
        InvalidInputError: for an existing file, or a word or label that the file can't hold
            (with a line break or the delimiter in it, ...), naming the sentence.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> sentences = TaggedSentences([["Ada"]], [["B-PER"]], ["0"])
        >>> with TemporaryDirectory() as folder:
        ...     write_conll(Path(folder) / "one.conll", sentences, scheme="BIOES")
        ...     (Path(folder) / "one.conll").read_text()
        'Ada\tS-PER\n\n'
    """
    path = Path(path)
    if path.exists() and not overwrite:
        raise fault(path, None, "a new file", "an existing one", "Or say overwrite=True.")
    if not delimiter or "\n" in delimiter or "\r" in delimiter:
        raise invalid("delimiter", "at least one character and no line break", repr(delimiter))
    parts = []
    document = 0
    for row, (tokens, tags) in enumerate(zip(sentences.tokens, sentences.tags, strict=True)):
        for now in sentences.extra.get("document", [0] * len(sentences))[row : row + 1]:
            parts.extend([f"{DOCSTART}{delimiter}O\n\n"] * (now - document))
            document = now
        for token, tag in zip(tokens, convert(tags, "IOB2", scheme), strict=True):
            _require_writable(token, tag, delimiter, sentences.ids[row])
            parts.append(f"{token}{delimiter}{tag}\n")
        parts.append("\n")
    temporary = path.with_name(path.name + ".partial")
    with temporary.open("w", encoding="utf-8", newline="") as file:
        file.writelines(parts)
    temporary.replace(path)


def _require_writable(token: str, tag: str, delimiter: str, name: Any) -> None:
    for kind, text in (("word", token), ("tag", tag)):
        for bad in ("\n", "\r", delimiter):
            if bad in text:
                raise invalid(
                    "sentences", f"no {bad!r} in a {kind}", repr(text), where=f"sentence {name!r}",
                    hint="Another delimiter may do." if bad == delimiter else "",
                )  # fmt: skip
    if token == DOCSTART or (not token and not delimiter.strip(" ")):
        raise invalid("sentences", "words that a file can hold", repr(token), where=f"{name!r}")

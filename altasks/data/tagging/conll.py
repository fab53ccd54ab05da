"""CoNLL columns: one word a line, its tag in a column, a blank line between sentences."""

from __future__ import annotations

from dataclasses import replace
from os import PathLike
from pathlib import Path

from altasks.data.tagging.conll_lines import (
    DOCSTART,
    LineFormat,
    LineReader,
    all_have_tabs,
    are_numbered,
)
from altasks.data.tagging.conll_writer import write_conll
from altasks.data.tagging.schemes import known_scheme
from altasks.data.tagging.tagged import TaggedSentences, as_iob2
from altasks.data.text_files import file_error, read_lines
from altasks.errors import invalid

__all__ = ["DOCSTART", "read_conll", "read_conllu", "write_conll"]


def read_conll(
    path: str | PathLike[str],
    *,
    delimiter: str | None = None,
    token_column: int = 0,
    tag_column: int = -1,
    scheme: str | None = None,
    repair: bool = False,
    comments: str | None = None,
    tag_key: str | None = None,
    encoding: str = "utf-8",
) -> TaggedSentences:
    r"""Read sentences from a file with one word a line.

    A line of nothing but whitespace ends a sentence, and so does the end of the file. Every other
    line has the same number of columns. Lines whose first column is `-DOCSTART-` separate
    documents: they are no words, and `extra["document"]` then counts those before
    each sentence.

    No line is a comment unless you say so: in tweets `#hashtag` and `#` are words. Where the first
    column counts the words of every sentence, as in CoNLL-U, the lines of ranges (`1-2`) and empty
    nodes (`2.1`) are no words and are passed over; a tag that stands nowhere else is an error.

    Args:
        path: the file; a `.gz` is unpacked.
        delimiter: what separates the columns. By default a tab if every word's line has one, so
            that words may hold spaces, or be empty; else any run of spaces and tabs. Other white
            space, such as the non-breaking space, is part of a word.
        token_column: the column of the words, from 0; negative ones count from the last.
        tag_column: the column of the tags, the same.
        scheme: how the tags are written (see `altasks.data.tagging.tags`); found from all of them
            if not given, unless they are labels without letters (`"PLAIN"`). They are returned in
            IOB2.
        repair: read ill-formed tag sequences as `conlleval` does, see `spans_of`.
        comments: what a comment line begins with, such as `"# "` in CoNLL-U. A line that begins
            so and could as well be a word with its tag is an error.
        tag_key: where the tag is one of several features, such as `NER=B-PER|SpaceAfter=No`: its
            name. Words without it are outside.
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
    reader = _read(
        path, encoding,
        LineFormat(delimiter, token_column, tag_column, tag_key, comments, _is_plain(scheme)),
    )  # fmt: skip
    return _sentences(reader, scheme, repair)


def read_conllu(
    path: str | PathLike[str],
    *,
    tag_column: int = -1,
    tag_key: str | None = None,
    scheme: str | None = None,
    repair: bool = False,
    encoding: str = "utf-8",
) -> TaggedSentences:
    r"""Read sentences from a CoNLL-U file: `read_conll` with its tabs, comments and columns.

    The words are the forms; ranges (`1-2`) and empty nodes (`2.1`) are none. The ids are the
    `sent_id`s, if every sentence has one.

    Args:
        path: the file; a `.gz` is unpacked.
        tag_column: the column of the tags; by default the last, MISC.
        tag_key: where the tag is one of the features of its column: its name.
        scheme: how the tags are written; found from all of them if not given.
        repair: read ill-formed tag sequences as `conlleval` does, see `spans_of`.
        encoding: of the file.

    Raises:
        InvalidInputError: as `read_conll`, and for a `sent_id` that occurs twice.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> rows = [("1-2", "du", "_"), ("1", "de", "_"), ("2", "le", "NER=B-LOC")]
        >>> with TemporaryDirectory() as folder:
        ...     file = Path(folder) / "fr.conllu"
        ...     lines = [f"{number}\t{form}\t{misc}\n" for number, form, misc in rows]
        ...     _ = file.write_text("# sent_id = a\n" + "".join(lines))
        ...     sentences = read_conllu(file, tag_key="NER")
        >>> sentences.ids, sentences.tokens, sentences.tags
        (['a'], [['de', 'le']], [['O', 'B-LOC']])
    """
    path = Path(path)
    form = LineFormat("\t", 1, tag_column, tag_key, "#", _is_plain(scheme))
    reader = _read(path, encoding, form, numbered=True)
    sentences = _sentences(reader, scheme, repair)
    ids = [name for name in reader.sentence_ids if name]
    if len(ids) < len(sentences):
        return sentences
    first: dict[str, int] = {}
    for row, name in enumerate(ids):
        if first.setdefault(name, row) != row:
            lines = [reader.lines[i][0] for i in (first[name], row)]
            raise file_error(
                path, lines[1], "distinct sent_ids", f"{name!r}, as before line {lines[0]}"
            )
    return TaggedSentences(sentences.tokens, sentences.tags, ids, sentences.extra, False)


def _is_plain(scheme: str | None) -> bool:
    return scheme is not None and known_scheme(scheme) == "PLAIN"


def _read(
    path: Path, encoding: str, form: LineFormat, *, numbered: bool | None = None
) -> LineReader:
    lines = list(read_lines(path, encoding, keep_nul=True))
    if form.delimiter is None and all_have_tabs((line for _, line in lines), form.comments):
        form = replace(form, delimiter="\t")
    if numbered is None:
        numbered = are_numbered([line for _, line in lines], form)
    reader = LineReader(path, form, numbered=numbered)
    for number, line in lines:
        reader.take(number, line)
    reader.end_sentence()
    if not reader.tokens:
        raise file_error(path, None, "lines with a word and its tag", "none")
    if form.tag_key is not None and form.tag_key not in reader.features:
        listed = ", ".join(sorted(reader.features)) or "none"
        raise file_error(path, None, f"a feature {form.tag_key!r}", f"the features {listed}")
    return reader


def _sentences(reader: LineReader, scheme: str | None, repair: bool) -> TaggedSentences:
    tags = as_iob2(
        reader.tags,
        scheme,
        repair=repair,
        place=lambda sentence, word: f"{reader.path}, line {reader.lines[sentence][word]}",
    )
    ids = [str(i) for i in range(len(tags))]
    extra = {"document": reader.documents} if reader.document else {}
    return TaggedSentences(reader.tokens, tags, ids, extra)

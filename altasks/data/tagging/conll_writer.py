"""Writing tagged sentences as CoNLL columns."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

from altasks.data.tagging.conll_lines import DOCSTART
from altasks.data.tagging.tagged import TaggedSentences
from altasks.data.tagging.tags import convert
from altasks.data.text_files import file_error
from altasks.errors import invalid


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
        raise file_error(path, None, "a new file", "an existing one", "Or set overwrite=True.")
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

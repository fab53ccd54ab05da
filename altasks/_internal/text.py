"""Other people's text, made fit for a terminal or a picture."""

from __future__ import annotations


def printable(text: str, keep: str = "") -> str:
    """Return a text with U+FFFD in the place of every character that can't be printed.

    A pool is untrusted: an escape sequence in it could clear or recolour the terminal, and a
    change of direction could make it read as something else.

    Args:
        text: whose characters.
        keep: characters that stay although they are not printable, such as a line end.

    Example:
        >>> printable("a" + chr(27) + "[2J") == "a" + chr(0xFFFD) + "[2J"
        True
    """
    return "".join(one if one.isprintable() or one in keep else "\ufffd" for one in text)


def one_line(text: str) -> str:
    """Return a text on one line, with U+FFFD for what can't be printed.

    Example:
        >>> one_line("two" + chr(10) + "  lines")
        'two lines'
    """
    return printable(" ".join(text.split()))

"""The token that callers must have: made, read, compared; never shown again."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets
from pathlib import Path

from altasks.errors import invalid

#: The variable of the environment that holds it.
VARIABLE = "ALTASKS_SERVE_TOKEN"
#: The user that goes with it; any other is as good.
USER = "altasks"
#: Shorter ones can be guessed.
_SHORTEST = 16
_BYTES = 32


class Secret:
    """A token, and a second one made of it that opens nothing but the door for webhooks.

    Label Studio shows a webhook's headers to whoever may change the project, but not the password
    of an ML backend: so they are two.

    Args:
        token: at least 16 printable ASCII characters.

    Raises:
        InvalidInputError: for another; the message doesn't show it.
    """

    def __init__(self, token: str) -> None:
        if not isinstance(token, str) or len(token) < _SHORTEST:
            raise invalid("token", f"at least {_SHORTEST} characters", "fewer, or none")
        if not token.isascii() or not token.isprintable() or " " in token:
            raise invalid("token", "printable ASCII without blanks", "something else")
        self._token = token

    def __repr__(self) -> str:
        """Return no more than what it is."""
        return "Secret()"

    @property
    def token(self) -> str:
        """The token."""
        return self._token

    @property
    def for_webhooks(self) -> str:
        """What a webhook is called with."""
        return hmac.new(self._token.encode(), b"webhook", hashlib.sha256).hexdigest()

    def opens(self, header: str | None, *, webhook: bool = False) -> bool:
        """Whether an `Authorization` header holds the token; takes as long for any other.

        Args:
            header: of the request.
            webhook: whether that for webhooks will do, too.
        """
        given = hashlib.sha256(_password(header)).digest()
        wanted = [self._token, *([self.for_webhooks] if webhook else [])]
        # No `any` of a generator: all are compared.
        same = [hmac.compare_digest(given, hashlib.sha256(one.encode()).digest()) for one in wanted]
        return any(same)


def basic(password: str) -> str:
    """Return the header of basic authentication.

    Example:
        >>> basic("secret")
        'Basic YWx0YXNrczpzZWNyZXQ='
    """
    return "Basic " + base64.b64encode(f"{USER}:{password}".encode()).decode()


def _password(header: str | None) -> bytes:
    kind, _, rest = (header or "").partition(" ")
    if kind.lower() != "basic":
        return b""
    try:
        return base64.b64decode(rest.strip(), validate=True).partition(b":")[2]
    except (binascii.Error, ValueError):
        return b""


def find_token(file: Path | None = None) -> tuple[str, bool]:
    """Return the token of a file or of the environment, or a new one; and whether it is new.

    Raises:
        InvalidInputError: for a file without one.
    """
    if file is not None:
        text = file.read_text(encoding="utf-8").strip()
        if not text:
            raise invalid("--token-file", "a file with a token in it", f"{str(file)!r}, empty")
        return text, False
    if given := os.environ.get(VARIABLE):
        return given, False
    return secrets.token_urlsafe(_BYTES), True

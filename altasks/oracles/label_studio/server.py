"""Requests to a Label Studio server, through its SDK; the token stays in there."""

from __future__ import annotations

import json
import math
import weakref
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from altasks._internal.extras import require
from altasks.errors import ToolError, invalid

#: Tasks come in pages of so many.
_PAGE = 100
#: How often a question is asked again that changes nothing.
_TRIES = 3
#: Seconds to wait for an answer.
_PATIENCE = 60.0


class Server:
    """A server and the right to use it.

    The SDK's own methods check each answer against its types, which differ from version to
    version; so this takes from it how to sign in, and speaks the documented JSON. Nothing that
    writes is sent twice: what a lost answer did is looked up.

    Args:
        url: where it is.
        token: an access token of a user.

    Raises:
        InvalidInputError: for a URL that is none, or has a password in it.
        MissingExtraError: if the SDK is not installed.
        ToolError: for a token that is none.
    """

    def __init__(self, url: str, token: str) -> None:
        parts = urlsplit(url) if isinstance(url, str) else None
        if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
            hidden = not isinstance(url, str) or "@" in url  # it may hold a password
            raise invalid(
                "url",
                "the address of a Label Studio, http://... or https://...",
                "another address" if hidden else repr(url[:80]),
            )
        if parts.username or parts.password:
            raise invalid("url", "an address without a user or password", "one with", hint="token=")
        self.url = url.rstrip("/")
        sdk = require("label_studio_sdk", "label-studio", "LabelStudio")
        self._hide = token if isinstance(token, str) else ""
        connections = require("httpx", "label-studio", "LabelStudio").Client(
            timeout=_PATIENCE, follow_redirects=True
        )
        # Whoever forgets to close leaves no open connections behind.
        self._closing = weakref.finalize(self, connections.close)
        try:
            client = sdk.LabelStudio(
                base_url=self.url, api_key=token, max_retries=0, httpx_client=connections
            )
        except Exception as error:  # an expired token, by an error of the SDK's own
            raise self._failed("signing in", error) from None
        self._http = client._client_wrapper.httpx_client

    def __repr__(self) -> str:
        """Return where it is."""
        return f"Server({self.url})"

    def close(self) -> None:
        """Close the connections."""
        self._closing()

    def get(self, path: str, doing: str, **params: Any) -> Any:
        """Return what is at a path, asking again if the connection fails."""
        for attempt in range(_TRIES):
            try:
                return self.send("GET", path, doing, params=params)
            except ToolError:
                if attempt == _TRIES - 1:
                    raise
        raise AssertionError

    def send(
        self,
        method: str,
        path: str,
        doing: str,
        body: Any = None,
        *,
        params: Mapping[str, Any] | None = None,
        file: tuple[str, bytes] | None = None,
    ) -> Any:
        """Send one request, once, and return the JSON that comes back; None if nothing does.

        Args:
            method: of HTTP.
            path: behind the address.
            doing: what for, for errors.
            body: JSON.
            params: of the query.
            file: a name and content to upload.

        Raises:
            ToolError: saying what for, and what the server said.
        """
        more: dict[str, Any] = {} if body is None else {"json": body}
        if file is not None:
            more["files"] = {"file": file}
        try:
            answer = self._http.request(path, method=method, params=dict(params or {}), **more)
            if answer.status_code >= 400:
                raise self._refused(doing, answer.status_code, answer.text)
            return answer.json() if answer.content else None
        except ToolError:
            raise
        except Exception as error:  # of the SDK, of httpx, or a page in place of JSON
            raise self._failed(doing, error) from None

    def tasks(self, project: int, *, full: bool, filters: Any = ()) -> Iterator[dict[str, Any]]:
        """Yield the tasks of a project by their ids, page by page.

        Args:
            project: its id.
            full: with annotations and predictions.
            filters: items of the data manager's filters, all of which must hold.
        """
        query: dict[str, Any] = {"ordering": ["tasks:id"]}
        if filters:
            query["filters"] = {"conjunction": "and", "items": list(filters)}
        seen: set[int] = set()
        for page in range(1, 10**9):
            found = self.get(
                "api/tasks/", "listing tasks", project=project, page=page, page_size=_PAGE,
                fields="all" if full else "task_only", query=json.dumps(query),
            )  # fmt: skip
            rows, total = found["tasks"], int(found["total"])
            for row in rows:
                if row["id"] not in seen:  # a task that moved to another page meanwhile
                    seen.add(row["id"])
                    yield row
            if not rows or page >= math.ceil(total / _PAGE):
                return

    def _refused(self, doing: str, status: int, text: str) -> ToolError:
        hint = ""
        if status in (401, 403):
            hint = (
                " Is the token right? Legacy tokens must be allowed in the organisation's "
                "settings; personal access tokens always work."
            )
        return self._error(f"{doing}: it answered {status}: {_short(text)}{hint}")

    def _failed(self, doing: str, error: Exception) -> ToolError:
        return self._error(
            f"{doing}: {type(error).__name__}: {_short(str(error))} Is it running? Then call again."
        )

    def _error(self, text: str) -> ToolError:
        hidden = text.replace(self._hide, "(token)") if self._hide else text
        return ToolError(f"Label Studio at {self.url}, {hidden}")


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 300 else text[:300] + "..."

"""Bodies of requests, read with bounds: on their size, and on the time that they take."""

from __future__ import annotations

import asyncio
import json
from typing import Any


class RefusedError(Exception):
    """A request that isn't done.

    Args:
        status: of HTTP.
        message: what is wrong, and what to do.
        headers: of the answer.
    """

    def __init__(self, status: int, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status = status
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


async def read_json(request: Any, most: int, seconds: float) -> dict[str, Any]:
    """Return the JSON object in a request's body.

    Args:
        request: of Starlette.
        most: bytes that it may have; of a longer one no more is read.
        seconds: that it may take to come.

    Raises:
        RefusedError: for a body that is too long or slow, or is no JSON object.
    """
    raw = await read_body(request, most, seconds)
    if len(raw) > 2**16:  # long ones take a while, and others are waiting
        found = await asyncio.to_thread(_parsed, raw)
    else:
        found = _parsed(raw)
    if not isinstance(found, dict):
        raise RefusedError(400, f"body: expected a JSON object, found {type(found).__name__}.")
    return found


async def read_body(request: Any, most: int, seconds: float) -> bytes:
    """Return a request's body; see `read_json`."""
    stated = request.headers.get("content-length", "")
    if stated.isdigit() and (len(stated) > 15 or int(stated) > most):
        raise _too_long(most)
    pieces: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(seconds):
            async for piece in request.stream():
                size += len(piece)
                if size > most:
                    raise _too_long(most)
                pieces.append(piece)
    except TimeoutError:
        raise RefusedError(
            408, f"body: it did not come within {seconds:g} s.", Connection="close"
        ) from None
    return b"".join(pieces)


def _too_long(most: int) -> RefusedError:
    return RefusedError(
        413, f"body: expected at most {most:,} bytes, found more. Retrieve predictions for fewer "
        "tasks at once.", Connection="close",
    )  # fmt: skip


def _parsed(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise RefusedError(400, f"body: expected JSON, found none ({error}).") from None

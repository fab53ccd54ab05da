"""Is this the pool the store was made for?

Ids that are positions in a list say nothing about what is there, so the store keeps a hash of
each sample's content and refuses a list in another order. A list may have grown at its end: its
old ids still mean what they meant. Ids of their own (a dict, a folder, a table with an id column)
carry their meaning; there, every id that the store has asked or heard of must still exist.
"""

from __future__ import annotations

import dataclasses
import hashlib
import struct
import warnings
from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Any

import numpy as np
from torch import Tensor

from altasks.data import Pool
from altasks.data.pool import require_unicode
from altasks.errors import LoopWarning, PoolMismatchError
from altasks.loop.base import State, Store

#: Bytes of a sample's hash: with 128 bits, two of 1e6 samples collide once in 1e26 pools.
SIZE = 16


def content_hash(sample: Any) -> bytes:
    """Return 16 bytes that are equal for equal content, in every process.

    Strings, bytes, numbers, None, paths (by their text: files are not read), NumPy arrays, torch
    tensors and images go by content, and so do lists, tuples, dicts and dataclasses of them.

    Raises:
        TypeError: for anything else; its content can't be seen from outside.

    Example:
        >>> content_hash({"text": "one"}) == content_hash({"text": "one"})
        True
    """
    digest = hashlib.blake2b(digest_size=SIZE)
    if isinstance(sample, str):  # by far the most common: no recursion, one update
        digest.update(b"s" + sample.encode("utf-8", "surrogatepass"))
    else:
        _feed(digest, sample)
    return digest.digest()


def _feed(digest: Any, value: Any) -> None:
    """Add a kind, a length and the content, so that no two values give the same bytes."""
    parts: Iterable[Any] = ()
    if value is None or isinstance(value, bool | int | float | complex | np.generic):
        plain = value.item() if isinstance(value, np.generic) else value
        kind, content = b"n", repr(plain).encode()
    elif isinstance(value, str):
        kind, content = b"t", value.encode("utf-8", "surrogatepass")
    elif isinstance(value, bytes | bytearray | memoryview):
        kind, content = b"b", bytes(value)
    elif isinstance(value, PurePath):
        kind, content = b"p", value.as_posix().encode("utf-8", "surrogatepass")
    elif isinstance(value, Tensor):
        # Seen as bytes: NumPy has no bfloat16.
        flat = value.detach().cpu().contiguous().flatten()
        shape = f"{value.dtype}{tuple(value.shape)}".encode()
        kind, content = b"T", shape + flat.view(torch_bytes()).numpy().tobytes()
    elif isinstance(value, np.ndarray) and not value.dtype.hasobject:
        kind, content = b"a", f"{value.dtype.str}{value.shape}".encode() + value.tobytes()
    elif isinstance(value, Mapping):
        kind, content = b"m", str(len(value)).encode()
        parts = [part for item in sorted(value.items(), key=lambda i: repr(i[0])) for part in item]
    elif isinstance(value, list | tuple | np.ndarray):
        kind, content, parts = b"l", str(len(value)).encode(), value
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        kind, content = b"d", type(value).__qualname__.encode()
        parts = [getattr(value, item.name) for item in dataclasses.fields(value)]
    elif all(hasattr(value, name) for name in ("mode", "size", "tobytes")):  # a Pillow image
        kind, content = b"i", f"{value.mode}{value.size}".encode() + value.tobytes()
    else:
        raise TypeError(type(value).__qualname__)
    digest.update(kind + struct.pack("<q", len(content)) + content)
    for part in parts:
        _feed(digest, part)


def torch_bytes() -> Any:
    """Return torch's type of a byte."""
    import torch

    return torch.uint8


def check_pool(pool: Pool, store: Store) -> None:
    """Make sure that `pool` is the one the store was made for; remember a new one.

    Raises:
        PoolMismatchError: naming the first id that differs.
        InvalidInputError: for an id that no database can keep.
    """
    require_unicode(pool.ids)
    if store.in_memory:
        return  # nobody can come back to it with another pool
    positional = store.claim("positional_pool", pool.positional)
    if positional != pool.positional:
        kinds = {True: "positions in a list", False: "ids of their own"}
        raise PoolMismatchError(
            f"pool: the store {store.name} was made for a pool whose samples have "
            f"{kinds[positional]}, and this pool's have {kinds[pool.positional]}. Give it the same "
            "kind of pool, or use another store."
        )
    if pool.positional:
        _check_positions(pool, store)
    check_known_ids(pool, store, store.state())


def check_known_ids(pool: Pool, store: Store, state: State) -> None:
    """Make sure that every id the store has asked or heard of is in the pool.

    Raises:
        PoolMismatchError: naming the first that is not.
    """
    name = pool.first_missing((*state.asked, *state.labelled, *state.skipped))
    if name is not None:
        raise PoolMismatchError(
            f"pool: the store {store.name} knows the sample {name!r}, which is not among the "
            f"{len(pool)} of this pool. Give it the pool it was made for (it may have grown), "
            "or use another store."
        )


def _check_positions(pool: Pool, store: Store) -> None:
    found = _hashes(pool)
    while True:
        kept = store.pool_hashes()
        if found[: len(kept)] != kept:
            raise _mismatch(pool, store, found, kept)
        # Another process may be opening the same new store with another list.
        if len(found) == len(kept) or store.extend_pool(found[len(kept) :], len(kept)):
            return


def _hashes(pool: Pool) -> bytes:
    hashes = bytearray()
    unseen: set[str] = set()
    for position in range(len(pool)):
        sample = pool.at(position)
        try:
            hashes += content_hash(sample)
        except TypeError as error:
            unseen.add(str(error))
            hashes += content_hash(type(sample).__qualname__)
    if unseen:
        warnings.warn(
            f"pool: the content of samples of type {', '.join(sorted(unseen))} can't be hashed, so "
            "the store can't notice if this list comes back in another order. Use a dict with ids "
            "of your own.",
            LoopWarning,
            stacklevel=5,
        )
    return bytes(hashes)


def _mismatch(pool: Pool, store: Store, found: bytes, kept: bytes) -> PoolMismatchError:
    known = len(kept) // SIZE
    row = next(
        row
        for row in range(known)
        if found[row * SIZE : (row + 1) * SIZE] != kept[row * SIZE : (row + 1) * SIZE]
    )
    what = "is missing" if row >= len(pool) else "has another content"
    name = pool.ids[row] if row < len(pool) else str(row)
    return PoolMismatchError(
        f"pool: the sample {name!r} {what}: this is not the list of {known} samples that the "
        f"store {store.name} was made for. Ids of a list are its positions, so its order and "
        "content must stay; samples may be added at the end. Use the same list, or another store, "
        "or a dict with ids of your own."
    )

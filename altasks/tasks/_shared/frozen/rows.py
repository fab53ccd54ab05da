"""Rows of numbers by key, written once and read often: in memory, then in memory-mapped files.

A folder holds pairs of files, one pair for each process that wrote: `NAME.bin`, the numbers one
after the other, and `NAME.jsonl`, a line for each batch with the keys, sizes and checksums. A line
is written after its numbers, so that whatever a killed process left half-written is not named, or
doesn't match its checksum, and is computed again.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import threading
import uuid
import warnings
import weakref
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

#: Bytes of memory taken at once.
BLOCK = 2**22
#: Bytes of a disk that are left to others.
SPARED = 2**30


@dataclass
class Room:
    """How many bytes may still be taken, of memory and of a disk.

    Attributes:
        memory: left.
        disk: left.
        used: of memory, so far.
    """

    memory: int
    disk: int
    used: int = 0

    def take_memory(self, size: int) -> bool:
        """Take so many bytes, or none if there are fewer."""
        if size > self.memory:
            return False
        self.memory -= size
        self.used += size
        return True

    def take_disk(self, size: int, folder: Path) -> bool:
        """Take so many bytes of the disk that `folder` is on, or none."""
        if size > self.disk or size + SPARED > shutil.disk_usage(folder).free:
            return False
        self.disk -= size
        return True


class _Block:
    """Numbers in memory, filled from the front."""

    def __init__(self, size: int, dtype: np.dtype) -> None:
        self._values = np.empty(size, dtype)
        self.filled = 0

    def fits(self, size: int) -> bool:
        return self.filled + size <= len(self._values)

    def append(self, row: np.ndarray) -> int:
        start = self.filled
        self._values[start : start + len(row)] = row
        self.filled += len(row)
        return start

    def read(self, start: int, size: int) -> np.ndarray:
        return self._values[start : start + size]


class _File:
    """Numbers in a file that only grows, read through a map of it."""

    def __init__(self, path: Path, dtype: np.dtype, filled: int = 0) -> None:
        self.path = path
        self.filled = filled
        self._dtype = dtype
        self._map = np.empty(0, dtype)

    def append(self, values: np.ndarray) -> int:
        """Write values at the end; return where they begin."""
        start = self.filled
        with self.path.open("ab") as file:
            file.write(values.tobytes())
        self.filled += len(values)
        return start

    def read(self, start: int, size: int) -> np.ndarray:
        if start + size > len(self._map):
            count = self.path.stat().st_size // self._dtype.itemsize
            mapped = np.memmap(self.path, self._dtype, "r", shape=(count,))
            self._map = mapped.view(np.ndarray)  # slices of a memmap are slow to make
        return self._map[start : start + size]


@dataclass
class _Place:
    """Where a row is; its checksum, as long as it has not been compared."""

    part: _Block | _File
    start: int
    size: int
    checksum: int | None = None

    def read(self) -> np.ndarray | None:
        """Return the row, or None if it is not what was written."""
        row = self.part.read(self.start, self.size)
        if self.checksum is not None:
            if len(row) != self.size or zlib.crc32(row.tobytes()) != self.checksum:
                return None
            self.checksum = None
        return row


class Rows:
    """Rows of numbers of one kind, by key.

    Without a folder they are in memory while there is room, then in a temporary file. With one, all
    are written there, and read through the map of a file, which takes no memory that the system
    can't have back.

    Args:
        dtype: of the numbers.
        room: what may be taken.
        folder: where they are kept, and were by earlier processes; made when it is needed.
    """

    def __init__(self, dtype: np.dtype, room: Room, folder: Path | None = None) -> None:
        self.dtype = np.dtype(dtype)
        self._room = room
        self._folder = folder
        self._places: dict[bytes, _Place] = {}
        self._blocks: list[_Block] = []
        self._file: _File | None = None
        self._index: Path | None = None
        self._full = False
        self._lock = threading.RLock()
        if folder is not None:
            self._open(folder)

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self._places)

    def find(self, keys: Sequence[bytes]) -> list[np.ndarray | None]:
        """Return the row of each key, not to be written to; None for those that aren't there."""
        with self._lock:
            return [self._find(key) for key in keys]

    def _find(self, key: bytes) -> np.ndarray | None:
        place = self._places.get(key)
        if place is None:
            return None
        row = place.read()
        if row is None:
            del self._places[key]
        return row

    def add(self, keys: Sequence[bytes], rows: Sequence[np.ndarray]) -> None:
        """Keep rows as long as there is room; those whose key is there already are passed over."""
        with self._lock:
            new = {
                key: np.asarray(row, self.dtype)
                for key, row in zip(keys, rows, strict=True)
                if key not in self._places
            }
            if not new or self._full:
                return
            if self._folder is None:
                new = {key: row for key, row in new.items() if not self._remember(key, row)}
            if new:
                self._write(new)

    def move_to(self, folder: Path) -> None:
        """Keep everything in `folder` from now on, and use what earlier processes left there."""
        with self._lock:
            before = self._places
            self._places, self._file, self._index = {}, None, None
            self._folder, self._full = folder, False
            self._open(folder)
            for key, place in before.items():
                row = None if key in self._places or self._full else place.read()
                if row is not None:
                    self._write({key: row})
            for block in self._blocks:
                size = len(block.read(0, 2**62)) * self.dtype.itemsize
                self._room.memory += size
                self._room.used -= size
            self._blocks = []

    def _remember(self, key: bytes, row: np.ndarray) -> bool:
        """Keep a row in memory, if there is room."""
        block = self._blocks[-1] if self._blocks else None
        if block is None or not block.fits(len(row)):
            size = max(len(row), BLOCK // self.dtype.itemsize)
            if not self._room.take_memory(size * self.dtype.itemsize):
                size = len(row)  # the last of it
                if not self._room.take_memory(size * self.dtype.itemsize):
                    return False
            block = _Block(size, self.dtype)
            self._blocks.append(block)
        self._places[key] = _Place(block, block.append(row), len(row))
        return True

    def _write(self, rows: dict[bytes, np.ndarray]) -> None:
        """Append rows to this process's file."""
        values = np.concatenate([row.ravel() for row in rows.values()])
        try:
            if self._file is None:
                self._file = self._begin()
            if not self._room.take_disk(values.nbytes, self._file.path.parent):
                self._full = True
                return
            start = self._file.append(values)
            if self._index is not None:
                line = {
                    "start": start,
                    "keys": [key.hex() for key in rows],
                    "sizes": [len(row) for row in rows.values()],
                    "checksums": [zlib.crc32(row.tobytes()) for row in rows.values()],
                }
                with self._index.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(line) + "\n")
        except OSError as error:
            self._full = True
            warnings.warn(
                f"What the frozen part of a network makes can't be written any more ({error}): "
                "what is not kept yet is computed each time.",
                UserWarning,
                stacklevel=2,
            )
            return
        for key, row in rows.items():
            self._places[key] = _Place(self._file, start, len(row))
            start += len(row)

    def _begin(self) -> _File:
        name = f"rows-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        if self._folder is None:
            folder = Path(tempfile.mkdtemp(prefix="altasks-frozen-"))
            weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        else:
            folder = self._folder
            folder.mkdir(parents=True, exist_ok=True)
            self._index = folder / f"{name}.jsonl"
        return _File(folder / f"{name}.bin", self.dtype)

    def _open(self, folder: Path) -> None:
        """Read what earlier processes noted, as far as it is whole."""
        for index in sorted(folder.glob("rows-*.jsonl")) if folder.is_dir() else ():
            path = index.with_suffix(".bin")
            try:
                length = path.stat().st_size // self.dtype.itemsize
                lines = index.read_text(encoding="utf-8").splitlines()
            except (OSError, UnicodeDecodeError):
                continue
            part = _File(path, self.dtype, length)
            self._room.disk -= length * self.dtype.itemsize
            for line in lines:
                found = _read_line(line, length)
                if found is None:  # cut short: what follows is of no use
                    break
                for key, start, size, checksum in found:
                    self._places[key] = _Place(part, start, size, checksum)


def _read_line(line: str, length: int) -> list[tuple[bytes, int, int, int]] | None:
    """Return key, start, size and checksum of each row of a line; None for a damaged line."""
    try:
        noted = json.loads(line)
        start, rows = int(noted["start"]), []
        for key, size, checksum in zip(
            noted["keys"], noted["sizes"], noted["checksums"], strict=True
        ):
            rows.append((bytes.fromhex(key), start, int(size), int(checksum)))
            start += int(size)
    except (ValueError, KeyError, TypeError):
        return None
    return None if start > length or any(row[2] < 0 or row[1] < 0 for row in rows) else rows

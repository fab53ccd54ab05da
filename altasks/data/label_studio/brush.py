"""Brush strokes: run lengths over the red, green, blue and alpha of every pixel, as bits.

The form is that of rle-pack, which Label Studio uses
(https://github.com/thi-ng/umbrella/tree/develop/packages/rle-pack): 32 bits, how many numbers; 5
bits, how many a number has, less one; four times 4 bits, how many bits a count may have, less one.
Then blocks: a bit that says whether one number is repeated, two that say which of the four counts
follows, the count less one, and one number, or as many as counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from altasks.errors import invalid

_COUNT_BITS = (3, 4, 8, 16)


def encode_brush(mask: np.ndarray) -> list[int]:
    """Return the bytes of a brush stroke that covers `mask`, `[H, W]` bool.

    All four channels of a covered pixel are 255, of the others 0.

    Example:
        >>> decode_brush(encode_brush(np.eye(2, dtype=bool)), (2, 2)).tolist()
        [[True, False], [False, True]]
    """
    flat = np.asarray(mask, bool).ravel()
    starts = np.concatenate([[0], np.flatnonzero(flat[1:] != flat[:-1]) + 1])
    lengths = 4 * np.diff(np.append(starts, len(flat)))
    bits = [f"{4 * len(flat):032b}{7:05b}", *(f"{count - 1:04b}" for count in _COUNT_BITS)]
    for start, length in zip(starts.tolist(), lengths.tolist(), strict=True):
        value = "11111111" if flat[start] else "00000000"
        done = 0
        while done < length:
            place = next((i for i, n in enumerate(_COUNT_BITS) if length - done <= 1 << n), 3)
            count = min(length - done, 1 << _COUNT_BITS[place])
            bits.append(f"1{place:02b}{count - 1:0{_COUNT_BITS[place]}b}{value}")
            done += count
    text = "".join(bits)
    text += "0" * (-len(text) % 8)
    return list(int(text, 2).to_bytes(len(text) // 8, "big"))


def decode_brush(rle: Any, size: tuple[int, int]) -> np.ndarray:
    """Return which pixels a brush stroke covers, `[H, W]` bool.

    The fourth channel decides: a pixel is covered where it has at least half of the largest value
    there is, so that strokes of 0 and 1, of 0 and 255, and with softened edges are read alike.

    Args:
        rle: the bytes, a list of numbers from 0 to 255.
        size: (width, height) of the image.

    Raises:
        InvalidInputError: for bytes that are cut off, or of an image of another size; before
            anything of that size is made.
    """
    width, height = size
    alpha = _unpacked(rle, 4 * width * height).reshape(height, width, 4)[:, :, 3]
    most = int(alpha.max(initial=0))
    return np.asarray(alpha >= max(1, (most + 1) // 2), bool)


def _unpacked(rle: Any, wanted: int) -> np.ndarray:
    data = _bytes_of(rle)
    bits = _Bits(data)
    try:
        number = bits.take(32)
        if number != wanted:
            raise invalid(
                "rle", f"{wanted} numbers, four for each pixel of the image", f"{number}",
                hint="Was the image replaced by one of another size?",
            )  # fmt: skip
        word = bits.take(5) + 1
        sizes = [bits.take(4) + 1 for _ in range(4)]
        out = np.zeros(number, np.uint32)
        done = 0
        while done < number:
            repeated = bits.take(1)
            end = done + 1 + bits.take(sizes[bits.take(2)])
            if end > number:
                raise invalid("rle", f"{number} numbers", "more")
            out[done:end] = bits.take(word) if repeated else bits.many(end - done, word)
            done = end
    except EOFError:
        raise invalid("rle", "whole run lengths", f"{len(data)} bytes, cut off") from None
    return out


def _bytes_of(rle: Any) -> bytes:
    if not isinstance(rle, Sequence) or isinstance(rle, str):
        raise invalid("rle", "a list of bytes", type(rle).__name__)
    try:
        return bytes(rle)
    except (TypeError, ValueError):
        raise invalid("rle", "a list of numbers from 0 to 255", repr(rle[:5])) from None


class _Bits:
    """Reads numbers of any count of bits, the highest first."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.place = 0

    def take(self, count: int) -> int:
        """Return the next number of `count` bits."""
        end = self.place + count
        if end > 8 * len(self.data):
            raise EOFError
        first, last = self.place // 8, -(-end // 8)
        window = int.from_bytes(self.data[first:last], "big") >> (8 * last - end)
        self.place = end
        return window & ((1 << count) - 1)

    def many(self, number: int, count: int) -> np.ndarray:
        """Return the next `number` numbers of `count` bits."""
        end = self.place + number * count
        if end > 8 * len(self.data):
            raise EOFError
        first, last = self.place // 8, -(-end // 8)
        flat = np.unpackbits(np.frombuffer(self.data[first:last], np.uint8))
        bits = flat[self.place - 8 * first :][: number * count].reshape(number, count)
        self.place = end
        values: np.ndarray = bits @ (1 << np.arange(count - 1, -1, -1, dtype=np.uint64))
        return values

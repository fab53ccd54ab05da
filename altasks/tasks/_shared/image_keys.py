"""What an image is, without decoding it: keys under which what was made of it is found again."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from altasks._internal.extras import require
from altasks.tasks._shared.images import ImageReader, Processed, ToPixels


def reading_of(reader: ImageReader) -> bytes | None:
    """Return what says how a reader makes pixels of an image; None if nothing can say it.

    A transform of the user's own is a function like any other, and may do anything.
    """
    transform = reader.transform
    if isinstance(transform, ToPixels):
        how: Any = ["plain", *transform.settings()]
    elif isinstance(transform, Processed) and hasattr(transform.processor, "to_dict"):
        how = [type(transform.processor).__name__, transform.processor.to_dict()]
    else:
        return None
    pil = require("PIL", "vision", "Reading images")
    whole = [how, reader.mode, reader.at_least, pil.__version__, np.__version__]
    return json.dumps(whole, sort_keys=True, default=str).encode()


def key_maker(reader: ImageReader) -> Callable[[Any], bytes | None] | None:
    """Return a function from a sample to its key, 16 bytes; None if a reader's pixels have none.

    The key is a hash of the content: of a file, of all its bytes. It is None for what can't be
    read, and for kinds of samples that have to be opened first.
    """
    how = reading_of(reader)
    if how is None:
        return None

    def key(sample: Any) -> bytes | None:
        found = _content(sample)
        if found is None:
            return None
        made = hashlib.blake2b(how, digest_size=16)
        for part in found:
            made.update(part)
        return made.digest()

    return key


def _content(sample: Any) -> tuple[Any, ...] | None:
    if isinstance(sample, Mapping):
        if "image" in sample:
            return _content(sample["image"])
        sample = sample.get("bytes") or sample.get("path")
    if isinstance(sample, str | os.PathLike):
        try:
            return b"file", Path(sample).read_bytes()
        except (OSError, ValueError):
            return None  # reading it will say why
    if isinstance(sample, bytes | bytearray):
        return b"file", bytes(sample)
    if isinstance(sample, Tensor) and sample.dtype != torch.bfloat16:
        sample = sample.detach().cpu().numpy()
    masked = isinstance(sample, np.ma.MaskedArray)
    if isinstance(sample, np.ndarray) and sample.dtype != object and not masked:
        head = f"array {sample.dtype.str} {sample.shape}"
        return head.encode(), np.ascontiguousarray(sample).data
    return None

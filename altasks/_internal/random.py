"""The only place that touches a global random generator, and only to give it back unchanged.

Everything else draws from generators it is handed. Some code can't be handed one: dropout layers
and the training loops of other libraries read the process-wide generators. They run inside
`isolated(seed)`.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch


def derive_seed(*parts: int | np.integer[Any] | str) -> int:
    """Return a 63-bit seed from `parts`: equal parts give equal seeds, on every machine.

    Example:
        >>> derive_seed(0, "ask", 1) == derive_seed(0, "ask", 1) != derive_seed(0, "ask", 2)
        True
    """
    plain = (int(part) if isinstance(part, np.integer) else part for part in parts)
    text = "\x1f".join(f"{type(part).__name__}:{part}" for part in plain)
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def derive_rng(*parts: int | np.integer[Any] | str) -> np.random.Generator:
    """Return a NumPy generator seeded by `derive_seed(*parts)`."""
    return np.random.default_rng(derive_seed(*parts))


@contextmanager
def isolated(seed: int) -> Iterator[None]:
    """Seed Python's, NumPy's and torch's global generators, and restore all of them afterwards.

    The generators of every CUDA or MPS device are restored too; where CUDA is there but was not
    started yet, it is started, since a generator that does not exist can't be given back.
    """
    python_state = random.getstate()
    numpy_state = np.random.get_state()  # noqa: NPY002 - saved to be restored
    try:
        with ExitStack() as stack:
            stack.enter_context(torch.random.fork_rng(devices=[]))
            if torch.cuda.is_available():
                everywhere = range(torch.cuda.device_count())
                stack.enter_context(torch.random.fork_rng(devices=everywhere))
            if torch.backends.mps.is_available():
                stack.enter_context(torch.random.fork_rng(devices=[0], device_type="mps"))
            torch.random.manual_seed(seed)
            random.seed(seed)
            np.random.seed(seed % 2**32)  # noqa: NPY002
            yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)  # noqa: NPY002


@contextmanager
def isolated_torch(seed: int, device: torch.device | str = "cpu") -> Iterator[None]:
    """Seed torch's generators of the CPU and of `device`, and restore them afterwards.

    Cheaper than `isolated`, for use around a forward pass: other devices are neither seeded nor
    saved, so that a pass on the CPU never touches (or starts) CUDA.
    """
    place = torch.device(device)
    with ExitStack() as stack:
        stack.enter_context(torch.random.fork_rng(devices=[]))
        torch.default_generator.manual_seed(seed)
        if place.type == "cuda":
            index = torch.cuda.current_device() if place.index is None else place.index
            stack.enter_context(torch.random.fork_rng(devices=[index]))
            torch.cuda.default_generators[index].manual_seed(seed)
        elif place.type == "mps":
            stack.enter_context(torch.random.fork_rng(devices=[0], device_type="mps"))
            torch.mps.manual_seed(seed)
        yield

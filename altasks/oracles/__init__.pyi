# Written by `python -m altasks._internal.stubs`: change `_HOMES` or the registry instead.

from altasks.oracles.base import (
    AsksPeople as AsksPeople,
    Oracle as Oracle,
)
from altasks.oracles.kili.oracle import (
    Kili as Kili,
)
from altasks.oracles.label_studio.oracle import (
    LabelStudio as LabelStudio,
)
from altasks.oracles.simulated import (
    Simulated as Simulated,
)

__all__ = [
    "AsksPeople",
    "Kili",
    "LabelStudio",
    "Oracle",
    "Simulated",
]

"""The earlier place of `altasks.tasks._shared.checkpoints`; its names keep importing from here."""

from altasks.tasks._shared.checkpoints import (
    Loaded,
    StartingPoint,
    draw_parameters,
    head_parameters,
    load_model,
    load_tokenizer,
    pick_device,
)

__all__ = [
    "Loaded",
    "StartingPoint",
    "draw_parameters",
    "head_parameters",
    "load_model",
    "load_tokenizer",
    "pick_device",
]

"""Which reader a network needs: rows of a table, texts or images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias, cast

from torch import nn

from altasks.tasks._shared.classifiers import find_tokenizer, with_padding
from altasks.tasks._shared.images import find_processor
from altasks.tasks._shared.texts import TextEncoder, most_read
from altasks.tasks.regression.image_inputs import ImageInputs
from altasks.tasks.regression.inputs import TableReader, TextReader
from altasks.tasks.regression.model import Built, reads_images
from altasks.tasks.regression.network import Columns

InputReader: TypeAlias = TableReader | TextReader | ImageInputs


def find_reader(
    model: nn.Module, source: Any, settings: Mapping[str, Any], table: TableReader
) -> tuple[InputReader, dict[str, Any]]:
    """Return what turns samples into the network's inputs, and the settings that it found.

    Args:
        model: the network.
        source: what the user gave for it, beside which a tokenizer or image processor may lie.
        settings: of the task: `tokenizer`, `processor`, `max_length`, `too_long`.
        table: the reader of rows, which learns the width of a network built here.

    Raises:
        InvalidInputError: if the network's tokenizer or image processor isn't found.
    """
    if isinstance(model, Columns):
        if isinstance(model, Built):
            table.width = int(cast(nn.Linear, model.net[0]).in_features)
        return table, {}
    if reads_images(model):
        processor = find_processor(source, settings["processor"])
        return ImageInputs(processor), {"processor": processor}
    tokenizer = with_padding(find_tokenizer(source, settings["tokenizer"]), model)
    most = most_read(settings["max_length"], model, tokenizer)
    return TextReader(TextEncoder(tokenizer, most, settings["too_long"])), {"tokenizer": tokenizer}

"""Options that several rankers have, and the committees made from them."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

from altasks.cli.rankers.base import RankOption, RankRequest
from altasks.errors import invalid


class DropoutLayers(StrEnum):
    """Which dropouts fire; see `altasks.MCDropout`."""

    ALL = "all"
    HEAD = "head"


TEXT_COLUMN: RankOption[str | None] = RankOption(
    "--text-column", str, "The column with the sample; 'text' by default.", None
)
#: For texts, whose models have dropout.
PASSES: RankOption[int] = RankOption(
    "--passes", int, "Passes of MC dropout; 0: none, one plain prediction.", 20, min=0
)
#: For images and tables, whose models mostly have none.
FEW_PASSES: RankOption[int] = RankOption(
    "--passes", int, "Passes of MC dropout, if the model has dropout; 0: none.", 0, min=0
)
DROPOUT: RankOption[float | None] = RankOption(
    "--dropout", float, "With passes: override the model's own dropout probability.", None
)
DROPOUT_LAYERS: RankOption[DropoutLayers] = RankOption(
    "--dropout-layers",
    DropoutLayers,
    "With passes: 'head' runs the model once and draws only its last dropout.",
    DropoutLayers.ALL,
)
#: The same for models that are trained again and again: asking costs as much as one pass.
HEAD_DROPOUT: RankOption[DropoutLayers] = RankOption(
    "--dropout-layers",
    DropoutLayers,
    "With passes: 'all' draws every dropout, for the price of so many passes.",
    DropoutLayers.HEAD,
)
FROZEN_LAYERS: RankOption[str] = RankOption(
    "--frozen-layers", str, "How many of the model's lower layers stay as they are, or 'all'.", "0"
)
TRUNCATE: RankOption[bool] = RankOption(
    "--truncate", bool, "Read the beginning of texts that are too long.", False
)
#: Of `altasks rank`; `altasks compare` has it for all tasks.
READER_OPTION: RankOption[Sequence[str]] = RankOption(
    "--reader-option", list[str], "NAME=VALUE for reading --pool, such as quoting=none.", ()
)
SHEET: RankOption[Path | None] = RankOption(
    "--sheet", Path, "A PNG to write with the pictures of the queue in a grid.", None
)


def check_dropout(request: RankRequest, passes: RankOption[int]) -> None:
    """Refuse settings of dropout where no pass is asked for.

    Raises:
        InvalidInputError: naming the options.
    """
    given = request.value(DROPOUT) is not None or request.value(DROPOUT_LAYERS) != "all"
    if given and not request.value(passes):
        raise invalid("--dropout, --dropout-layers", "--passes beside them", "--passes 0")


def mc_dropout(request: RankRequest, passes: RankOption[int]) -> Any:
    """Return the committee of `--passes`, or None for `--passes 0`."""
    from altasks.committees import MCDropout

    count = request.value(passes)
    if not count:
        return None
    head = request.value(DROPOUT_LAYERS) == "head"
    return MCDropout(
        count,
        layers="head" if head else "all",
        p=request.value(DROPOUT),
        seed=request.seed,
    )


def committee_for(request: RankRequest, committee: Any, passes: RankOption[int]) -> Any:
    """Return the committee of an arm, or that of `--passes`."""
    return mc_dropout(request, passes) if committee is None else committee


def frozen_layers(request: RankRequest) -> int | Literal["all"]:
    """Return how many layers `--frozen-layers` leaves as they are.

    Raises:
        InvalidInputError: for what is neither a number nor `all`.
    """
    given = request.value(FROZEN_LAYERS)
    if given == "all":
        return "all"
    if not given.isdecimal():
        raise invalid("--frozen-layers", "a whole number, or 'all'", repr(given))
    return int(given)

"""The command line of `altasks score`: that of `altasks rank`, for one shard of the pool."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Any

from altasks.cli.rank_options import SHARED
from altasks.cli.rankers.base import RankOption, RankRequest
from altasks.cli.read_paths import check_request_paths
from altasks.cli.score_order import ScoreOrder
from altasks.cli.task_command import TaskCommand


class CandidatesBy(StrEnum):
    """Which samples of a shard a strategy may pick from that reads more than scores."""

    SCORE = "score"
    DRAWN = "drawn"
    BOTH = "both"


_OUT = RankOption("--out", Path, "The part to write, for `altasks merge`.", ...)
#: The options that concern the shard.
OWN: tuple[RankOption[Any], ...] = (
    RankOption("--shard", str, "Which part of how many: 3/16 is the third of sixteen.", "1/1"),
    RankOption(
        "--candidates",
        int,
        "How many of the shard to keep for a strategy that reads more than scores; 10 times"
        " --number by default.",
        None,
        min=1,
    ),
    RankOption(
        "--candidates-by",
        CandidatesBy,
        "Which: the highest scores, drawn ones, or half of each; by default as the strategy needs.",
        None,
    ),
)
#: Of every task.
OPTIONS = (*(_OUT if one.name == "out" else one for one in SHARED), *OWN)


def _make(shared: dict[str, Any], own: dict[str, Any]) -> ScoreOrder:
    of_shard = {option.name: shared.pop(option.name) for option in OWN}
    return ScoreOrder(RankRequest(**shared, options=own), **of_shard)


def _run(order: ScoreOrder) -> None:
    check_request_paths(order.request)

    from altasks.cli.score import run_score

    run_score(order)


SCORE = TaskCommand(
    "score",
    "Score one shard of a pool, on a machine of its own; `altasks merge` makes the queue.",
    OPTIONS,
    lambda ranker: [option for option in ranker.options if option.name != "sheet"],
    _make,
    _run,
)

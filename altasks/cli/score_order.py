"""What one `altasks score` is to do; made before anything heavy is imported."""

from __future__ import annotations

from dataclasses import dataclass

from altasks.cli.rankers.base import RankRequest


@dataclass(frozen=True)
class ScoreOrder:
    """One `altasks score`.

    Attributes:
        request: as `altasks rank` would be given it; its `out` is the part.
        shard: which, as it was typed.
        candidates: how many to keep for strategies; None: 10 times the request's number.
        candidates_by: which; None: as the strategy needs.
    """

    request: RankRequest
    shard: str = "1/1"
    candidates: int | None = None
    candidates_by: str | None = None

"""What the shell must know of a task to rank samples for it: a module a task."""

from altasks.cli.rankers.base import Ranker, RankOption, RankRequest, Scorer
from altasks.cli.rankers.find import find_ranker

__all__ = ["RankOption", "RankRequest", "Ranker", "Scorer", "find_ranker"]

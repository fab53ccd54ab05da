"""Rankers: how the shell reads, scores and shows the samples of each task."""

from altasks.cli.rankers.base import Ranker, RankOption, RankRequest, Scorer
from altasks.cli.rankers.find import find_ranker

__all__ = ["RankOption", "RankRequest", "Ranker", "Scorer", "find_ranker"]

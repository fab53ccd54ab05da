"""Rankers: how the shell reads, scores, trains and shows each task."""

from altasks.cli.rankers.base import CompareRequest, Ranker, RankOption, RankRequest, Scorer
from altasks.cli.rankers.find import find_ranker

__all__ = ["CompareRequest", "RankOption", "RankRequest", "Ranker", "Scorer", "find_ranker"]

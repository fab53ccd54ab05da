"""Pools scored in parts: each shard on a machine of its own, merged into one ranking."""

from altasks.scoring.shards.merged import MergedScores, merge_shards
from altasks.scoring.shards.plan import Shard, shard_ids
from altasks.scoring.shards.scored import score_shard

__all__ = ["MergedScores", "Shard", "merge_shards", "score_shard", "shard_ids"]

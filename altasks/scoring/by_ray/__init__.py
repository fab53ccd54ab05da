"""Scoring by Ray: the pool streams past actors that each hold the task."""

from altasks.scoring.by_ray.engine import RayEngine, engine_of

__all__ = ["RayEngine", "engine_of"]

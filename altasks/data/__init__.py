"""Where samples come from: pools by id, and readers of the files people have."""

from altasks.data.pool import Pool, as_pool

__all__ = ["Pool", "as_pool"]

"""Folders of images, as several tasks rank them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from altasks.cli.rankers.base import RankRequest
from altasks.errors import invalid

if TYPE_CHECKING:
    from altasks.data import Pool


def read_image_folder(request: RankRequest) -> Pool:
    """Return the images of a folder and those below it, their ids the relative paths.

    Raises:
        InvalidInputError: if `--pool` is no folder, or one without images.
    """
    from altasks.data import as_pool
    from altasks.data.images import IMAGE_SUFFIXES

    if not request.pool.is_dir():
        raise invalid("--pool", "a folder of images", repr(str(request.pool)))
    return as_pool(request.pool, suffixes=IMAGE_SUFFIXES)


def image_fields(sample: Any) -> dict[str, Any]:
    """Return what of an image or a region goes into its row of the queue."""
    if hasattr(sample, "box"):
        return {"path": str(sample.image), "box": list(sample.box)}
    return {"path": str(sample)}

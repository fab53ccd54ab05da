"""What `altasks rank` must know of segmentation: images, or regions of them, in; masks out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from altasks.errors import invalid

if TYPE_CHECKING:
    from altasks.cli.rank_request import RankRequest
    from altasks.data import Pool


def build_segmentation(request: RankRequest) -> Any:
    """Return the task for the options of the shell; the decoder's stages are the committee.

    Raises:
        InvalidInputError: for a folder that `Segmentation.save` did not write, or `--truncate`.
    """
    from altasks.tasks.segmentation import Segmentation

    if request.truncate:
        raise invalid("--truncate", "not to be given: big images are read in tiles", "it")
    return Segmentation(request.checkpoint, device=request.device)


def read_images(request: RankRequest) -> Pool:
    """Return the images of a folder, or their regions with `--regions`."""
    from altasks.data import as_pool, region_pool
    from altasks.data.images import IMAGE_SUFFIXES

    if not Path(request.pool).is_dir():
        raise invalid("--pool", "a folder of images", f"{request.pool}")
    pool = as_pool(request.pool, suffixes=IMAGE_SUFFIXES)
    return pool if request.regions is None else region_pool(pool, request.regions)


def image_fields(sample: Any) -> dict[str, Any]:
    """Return what of an image or a region goes into its row of the queue."""
    if hasattr(sample, "box"):
        return {"path": str(sample.image), "box": list(sample.box)}
    return {"path": str(sample)}


def mask_classes(description: Mapping[str, Any]) -> list[str]:
    """Return the classes that the predicted mask has."""
    return [str(name) for name in description["predicted"]]


def mask_reason(description: Mapping[str, Any]) -> str:
    """Return the largest classes and how much the stages disagree."""
    shares = list(description["shares"].items())[:3]
    shown = ", ".join(f"{name} {share:.0%}" for name, share in shares)
    kind = "disagreement" if "disagreement" in description else "entropy"
    doubt = description[kind]
    return f"{shown}; {kind} {doubt['mean']:.3f}, at most {doubt['max']:.2f}"

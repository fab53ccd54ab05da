"""A committee of one detector that looks at each image in several ways."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from altasks._internal.arrays import is_listed
from altasks._internal.numbers import as_real
from altasks.errors import invalid


@dataclass(frozen=True)
class View:
    """One way to look at an image.

    Attributes:
        flip: whether it is mirrored, left to right.
        scale: how much larger than usual the network sees it.
    """

    flip: bool = False
    scale: float = 1.0


class BoxViews:
    """Views of one image as members: as it is, mirrored, smaller, larger.

    A detector's answer should not depend on the view. Where it does, in class or in place, the
    image is worth a look; consistency between an image and its changed copies is what Yu et al.
    (2022), "Consistency-based Active Learning for Object Detection", score by. Boxes are brought
    back to the image as it is and matched by overlap; a view without a box in some place says
    background for it, with certainty. `altasks.bald` and the like read the disagreement in class,
    `altasks.box_disagreement` that in place.

    Args:
        flip: whether to look at the mirrored image as well.
        scales: at which sizes to look as well, relative to the detector's own, rounded to whole
            strides of its network; sizes that come to the same are refused by the task.

    Raises:
        InvalidInputError: if that makes fewer than two views, or a scale is not a sensible one.

    Example:
        >>> BoxViews(scales=(0.75, 1.25)).members
        4
    """

    def __init__(self, *, flip: bool = True, scales: Sequence[float] = (0.75,)) -> None:
        if not is_listed(scales):
            raise invalid("scales", "a list of numbers", repr(scales), hint="Use (0.75,).")
        factors = list(map(as_real, scales))
        for place, scale in enumerate(factors):
            if not math.isfinite(scale) or not 0.1 <= scale <= 10 or scale == 1:
                raise invalid(
                    "scales",
                    "numbers in [0.1, 10] other than 1",
                    f"{scale:g}",
                    where=f"place {place}",
                )
            if scale in factors[:place]:
                raise invalid("scales", "distinct scales", f"{scale:g} twice")
        self.views = [View(), *([View(flip=True)] if flip else [])]
        self.views += [View(scale=scale) for scale in factors]
        if len(self.views) < 2:
            raise invalid("flip", "a second view: flip=True or a scale", "one view only")

    @property
    def members(self) -> int:
        """K, the number of views."""
        return len(self.views)

    @property
    def joint(self) -> bool:
        """Whether view k is one function over all images: it is."""
        return True

    #: The same in every round.
    draws_by_round = False

    def start_round(self, round: int) -> None:
        """Do nothing: views are the same in every round."""
        del round

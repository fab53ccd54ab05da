"""A committee from one image: predictions for all of it, its mirror image, and parts of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from altasks._internal.arrays import is_listed
from altasks.committees.base import CommitteeLogits, Network
from altasks.committees.head import HeadProbe, stack_members
from altasks.committees.modes import evaluating
from altasks.errors import CommitteeError, invalid

#: Where a view looks -> the share of what is left over that lies (above it, left of it).
PLACES: dict[str, tuple[float, float]] = {
    "whole": (0.0, 0.0),
    "centre": (0.5, 0.5),
    "top_left": (0.0, 0.0),
    "top_right": (0.0, 1.0),
    "bottom_left": (1.0, 0.0),
    "bottom_right": (1.0, 1.0),
}
#: How a view is turned over -> the dims that are reversed.
FLIPS: dict[str, tuple[int, ...]] = {
    "mirror": (-1,),
    "upside_down": (-2,),
    "half_turn": (-2, -1),
}


class Views:
    """Test-time augmentation: K views of one image are K opinions, for classifying whole images.

    Ten views whose predictions are averaged go back to Krizhevsky, Sutskever and Hinton (2012),
    "ImageNet Classification with Deep Convolutional Neural Networks"; their disagreement as
    uncertainty to Ayhan and Berens (2018), "Test-time Data Augmentation for Estimation of
    Heteroscedastic Aleatoric Uncertainty in Deep Neural Networks". It asks how much the answer
    depends on irrelevant details, so it finds unclear images rather than what the model has
    not learned; in exchange it works with a model that has no dropout, as it is.

    The views are fixed: each place, as it is and then with each flip. So view k is one function
    over all samples: draws are joint, and scores depend neither on the batching nor on a seed.
    Parts are scaled up to the size of the whole. K passes are made.

    For images that have one label as a whole. Boxes or masks would have to be matched between
    the views, which this doesn't do.

    Args:
        places: where to look: `"whole"`, `"centre"`, `"top_left"`, `"top_right"`,
            `"bottom_left"`, `"bottom_right"`.
        flips: which to make of each as well: `"mirror"` (left and right exchanged),
            `"upside_down"`, `"half_turn"`. Choose those that leave the classes what they are: of
            photographs the mirror, of letters and digits none, of cells and satellites all.
        scale: height and width of a part, as a share of the whole's.

    Raises:
        InvalidInputError: for fewer than two views, an unknown or repeated name, or a scale that
            is not above 0 and below 1.

    Example:
        >>> Views().members
        10
        >>> Views(places=["whole", "centre"], flips=[]).members
        2
    """

    def __init__(
        self,
        places: Collection[str] = ("whole", "top_left", "top_right", "bottom_left", "bottom_right"),
        flips: Collection[str] = ("mirror",),
        scale: float = 0.875,
    ) -> None:
        self.places = _known("places", places, PLACES)
        self.flips = _known("flips", flips, FLIPS)
        if isinstance(scale, bool) or not isinstance(scale, int | float) or not 0 < scale < 1:
            raise invalid("scale", "a share above 0 and below 1", repr(scale))
        self.scale = float(scale)
        if self.members < 2:
            raise invalid(
                "places",
                "at least two views together with the flips",
                f"{self.members}",
                hint="One opinion can't disagree.",
            )

    @property
    def members(self) -> int:
        """K, the number of views."""
        return len(self.places) * (1 + len(self.flips))

    @property
    def joint(self) -> bool:
        """True: view k is the same function for all samples."""
        return True

    #: Each view has its own.
    averages_features = True

    #: The same in every round.
    draws_by_round = False

    def start_round(self, round: int) -> None:
        """Do nothing: the views are the same in every round."""

    def draw(self, network: Network, batches: Sequence[Any]) -> list[CommitteeLogits]:
        """Return the model's logits for each view of each batch; features are averaged.

        Args:
            network: whose batches are tensors of images `[n, channels, H, W]`.
            batches: of equal images each.

        Raises:
            CommitteeError: if the batches are not images.
        """
        with torch.no_grad(), evaluating(network.model), HeadProbe(network).attached() as probe:
            return [
                stack_members([probe.run(view(batch)) for view in self._views(batch)])
                for batch in batches
            ]

    def _views(self, batch: Any) -> list[Callable[[Tensor], Tensor]]:
        if not isinstance(batch, Tensor) or batch.ndim != 4:
            raise CommitteeError(
                "Views: this task's batches are not whole images, so there is nothing to look at "
                "twice. It is for ImageClassification; elsewhere use MCDropout or an Ensemble."
            )
        turns: list[tuple[int, ...]] = [(), *(FLIPS[name] for name in self.flips)]
        return [
            lambda images, place=place, turn=turn: self.part(images, place).flip(turn)  # type: ignore[misc]
            for place in self.places
            for turn in turns
        ]

    def part(self, images: Tensor, place: str) -> Tensor:
        """Return what `place` shows of images `[n, channels, H, W]`, in their size.

        Example:
            >>> Views(scale=0.5).part(torch.arange(4.0).reshape(1, 1, 2, 2), "top_right")[0, 0]
            tensor([[1., 1.],
                    [1., 1.]])
        """
        if place == "whole":
            return images
        height, width = images.shape[-2:]
        rows, columns = (max(1, math.floor(self.scale * side + 0.5)) for side in (height, width))
        above, left = PLACES[place]
        top, start = round(above * (height - rows)), round(left * (width - columns))
        part = images[..., top : top + rows, start : start + columns]
        return interpolate(part, (height, width), mode="bilinear", align_corners=False)


def _known(argument: str, names: Collection[str], known: Collection[str]) -> tuple[str, ...]:
    if not is_listed(names):
        raise invalid(argument, "a list of names", repr(names), hint=f"Use [{names!r}].")
    listed = tuple(names)
    for place, name in enumerate(listed):
        if not isinstance(name, str) or name not in known:
            raise invalid(argument, f"names among {', '.join(map(repr, known))}", repr(name))
        if name in listed[:place]:
            raise invalid(argument, "different names", f"{name!r} twice")
    return listed

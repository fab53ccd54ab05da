"""Training sets of images, read when a batch needs them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor

from altasks.data.images import is_encoded
from altasks.tasks._shared.coming_rows import ComingRows
from altasks.tasks._shared.images import ImageReader

#: Training images that don't change from epoch to epoch are kept, up to so many bytes of them.
KEPT = 2**28


class ImageRows(Sequence[Mapping[str, Any]]):
    """A training set whose images are read when a batch needs them.

    Args:
        reader: reads them.
        samples: the images.
        targets: one for each.
        augment: from a PIL image to another; None keeps what was read, as long as it is little.
    """

    def __init__(
        self,
        reader: ImageReader,
        samples: Sequence[Any],
        targets: Sequence[Any],
        augment: Callable[[Any], Any] | None,
    ) -> None:
        self._reader = reader
        self._samples = samples
        self._targets = targets
        self._augment = augment
        self._kept: dict[int, Tensor] = {}
        self._left = 0 if augment else KEPT
        encoded = any(map(is_encoded, samples))
        self._coming = ComingRows(
            self._opened,
            workers=reader.workers if encoded else 0,
            limit=reader.limit(whole=augment is not None),
        )

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._samples)

    def plain(self, row: int) -> Tensor:
        """Return the pixels of a row as predictions read them, not augmented."""
        if self._augment is None:
            pixels: Tensor = self[row]["pixel_values"]
            return pixels
        return self._reader.pixels(self._reader.open(self._samples[row], row), row)

    @property
    def samples(self) -> Sequence[Any]:
        """The images."""
        return self._samples

    def with_tickets(self, tickets: Tensor) -> list[dict[str, Any]]:
        """Return rows that hold a ticket each instead of pixels, and no image at all."""
        return [
            {"pixel_values": ticket, "labels": target}
            for ticket, target in zip(tickets, self._targets, strict=True)
        ]

    def expect(self, order: Sequence[int]) -> None:
        """Read these rows ahead, those aside whose pixels are kept."""
        self._coming.expect([row for row in order if row not in self._kept])

    def _opened(self, row: int) -> Any:
        if self._augment is not None:
            return self._reader.open(self._samples[row], row)
        return self._reader.opened(self._samples[row], row)

    def __getitem__(self, row: Any) -> Any:
        """Return a row as the collator takes it."""
        pixels = self._kept.get(row)
        if pixels is None:
            image = self._coming.take(row)
            if self._augment is not None:
                image = self._augment(image)
            pixels = self._reader.pixels(image, row)
            size = pixels.numel() * pixels.element_size()
            if size <= self._left:
                self._left -= size
                self._kept[row] = pixels
        return {"pixel_values": pixels, "labels": self._targets[row]}

"""An image with its likeliest classes, for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from altasks.data.images import open_image
from altasks.tasks._shared.class_bars import with_classes


def picture(sample: Any, description: Mapping[str, Any], *, classes: Sequence[str] = ()) -> Any:
    """Return the sample as a PIL image with its likeliest classes written below it.

    Args:
        sample: an image, or its path.
        description: what `ImageClassification.describe` gave.
        classes: not needed: the description names them.
    """
    del classes
    return with_classes(open_image(sample), description)

"""Rectangles: shares of the image's sides there, pixels here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from altasks.data.kili.base import Converter
from altasks.data.kili.vertices import known_size, rings_of, shares_of, turn_of
from altasks.data.shown import predicted_boxes
from altasks.errors import invalid


class BoxConverter(Converter):
    """OBJECT_DETECTION, rectangles: `[{"label": name, "box": [x1, y1, x2, y2]}, ...]` in pixels.

    Pixels are those of the upright image. Where people had turned the image, their vertices are
    turned back. Of a rectangle at a slant the frame around it is taken, cut at the image's border.

    Args:
        labels: the classes.
        job: the name of the job.

    Example:
        >>> converter, image = BoxConverter(["cat"]), np.zeros((100, 200, 3), np.uint8)
        >>> response = converter.response([{"label": "cat", "box": [20, 10, 60, 50]}], image)
        >>> response["JOB_0"]["annotations"][0]["boundingPoly"][0]["normalizedVertices"][1]
        {'x': 0.1, 'y': 0.1}
        >>> converter.label(response, image)
        [{'label': 'cat', 'box': [20.0, 10.0, 60.0, 50.0]}]
    """

    ml_task = "OBJECT_DETECTION"
    tools = ("rectangle",)

    def __init__(self, labels: Sequence[Any], *, job: str = "JOB_0") -> None:
        super().__init__(labels, job=job)

    def label(self, response: Any, sample: Any = None) -> list[dict[str, Any]]:
        """Return the boxes, in the order in which they stand."""
        given = self.annotations(response, *self.tools)
        if not given:
            return []
        size, turn = known_size(sample), turn_of(response)
        return [
            {"label": self.one_class(one), "box": _frame(rings_of(one, size, turn), size)}
            for one in given
        ]

    def value(self, label: Any, sample: Any = None) -> dict[str, Any]:
        """Return an annotation for each box."""
        if not label:
            return {"annotations": []}
        size = known_size(sample)
        found = []
        for number, one in enumerate(label, 1):
            x1, y1, x2, y2 = map(float, one["box"])
            corners = np.array([[x1, y2], [x1, y1], [x2, y1], [x2, y2]])
            found.append(
                {
                    "boundingPoly": [{"normalizedVertices": shares_of(corners, size)}],
                    "categories": self.categories([one["label"]]),
                    "mid": f"altasks-{number}",
                    "type": "rectangle",
                }
            )
        return {"annotations": found}

    def guess(self, description: Mapping[str, Any], sample: Any = None) -> Any:
        """Return the predicted boxes."""
        del sample
        return predicted_boxes(description)


def _frame(rings: Sequence[np.ndarray], size: tuple[int, int]) -> list[float]:
    if len(rings) != 1 or len(rings[0]) < 2:
        raise invalid("boundingPoly", "one outline with the corners of a rectangle", f"{rings!r}")
    (corners,) = rings
    low, high = corners.min(0), corners.max(0)
    if len(np.unique(corners[:, 0])) > 2 or len(np.unique(corners[:, 1])) > 2:  # at a slant
        low, high = np.maximum(low, 0), np.minimum(high, size)
    return [*map(float, low), *map(float, high)]

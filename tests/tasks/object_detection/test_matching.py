"""Overlap and matching, against loops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from altasks.tasks.object_detection.matching import match, overlaps


def slow_overlap(a, b):
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    shared = width * height if width > 0 and height > 0 else 0.0
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
    return shared / union if union > 0 else 0.0


@st.composite
def images(draw):
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    boxes, confs = [], []
    for _ in range(draw(st.integers(1, 4))):
        count = int(rng.integers(0, 6))
        corner = rng.integers(0, 20, (count, 2))
        boxes.append(np.concatenate([corner, corner + rng.integers(1, 20, (count, 2))], 1) * 1.0)
        confs.append(rng.permutation(1000)[:count] / 1000 + rng.uniform(0, 1e-6, count))
    return boxes, confs


@settings(max_examples=60, derandomize=True)
@given(images(), st.sampled_from([0.1, 0.5, 0.9]))
def test_matching_is_what_loops_say(image, iou):
    boxes, confs = image
    for a in boxes:
        for b in a:
            assert overlaps(b, a).tolist() == pytest.approx([slow_overlap(b, c) for c in a])
    every = sorted(
        ((confs[k][i], k, i) for k in range(len(boxes)) for i in range(len(boxes[k]))),
        reverse=True,
    )
    units = []
    for _, k, i in every:
        free = [
            (slow_overlap(boxes[k][i], unit["stands"]), -n)
            for n, unit in enumerate(units)
            if k not in unit["rows"]
        ]
        best = max(free, default=(-1.0, 0))
        if best[0] >= iou:
            units[-best[1]]["rows"][k] = i
        else:
            units.append({"stands": boxes[k][i], "rows": {k: i}, "seed": k})
    found = match(boxes, confs, iou)
    assert found.rows.tolist() == [
        [unit["rows"].get(k, -1) for k in range(len(boxes))] for unit in units
    ]
    assert found.seeds.tolist() == [unit["seed"] for unit in units]
    # Every box is in exactly one unit.
    assert int((found.rows >= 0).sum()) == len(every)
    turned = match(boxes[::-1], confs[::-1], iou)
    assert turned.rows[:, ::-1].tolist() == found.rows.tolist()


def test_a_box_without_area_overlaps_nothing():
    flat = np.array([1.0, 1, 1, 5])
    assert overlaps(flat, np.array([[0.0, 0, 9, 9], flat])).tolist() == [0, 0]

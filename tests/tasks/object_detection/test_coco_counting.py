"""Average precision by COCO's counting, against a plain loop over the definition."""

import importlib.util

import numpy as np
import pytest

if importlib.util.find_spec("ultralytics") is None:
    pytest.skip("needs the extra detection", allow_module_level=True)
pytest.importorskip("pycocotools", reason="needs the extra detection")
pytest.importorskip("sklearn", reason="the digits are scikit-learn's")

import yolo_nets

import altasks as al
from altasks.data.samples.digit_canvases import digit_canvases
from altasks.errors import InvalidInputError
from altasks.tasks.object_detection.coco_counting import coco_metrics

NAMES = ["a", "b", "never"]


def overlap(one, other):
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return shared / (sum(areas) - shared)


def plain_ap(detections, labels, name, threshold):
    """Match from the most confident down, then read precision at 101 levels of recall."""
    free = [[entry["box"] for entry in label if entry["label"] == name] for label in labels]
    total = sum(map(len, free))
    hits = []
    for one in sorted(detections, key=lambda one: -one["score"]):
        x, y, w, h = one["bbox"]
        mine, boxes = [x, y, x + w, y + h], free[one["image_id"]]
        best = max(boxes, key=lambda box: overlap(mine, box), default=None)
        hit = best is not None and overlap(mine, best) >= threshold
        if hit:
            boxes.remove(best)
        hits.append(hit)
    right = np.cumsum(hits)
    recall, precision = right / total, right / np.arange(1, len(hits) + 1)
    levels = [precision[recall >= level - 1e-9].max(initial=0) for level in np.linspace(0, 1, 101)]
    return float(np.mean(levels))


@pytest.fixture
def drawn():
    """Labels of eight images, and detections near and far from them."""
    rng = np.random.default_rng(0)
    labels, detections = [], []
    for row in range(8):
        label = []
        for _ in range(int(rng.integers(0, 4))):
            x, y, w, h = rng.integers(5, 60, 4).astype(float)
            name = NAMES[int(rng.integers(2))]
            label.append({"label": name, "box": [x, y, x + w, y + h]})
            for _ in range(int(rng.integers(0, 3))):
                shift = rng.normal(0, 2, 4)
                detections.append(
                    {
                        "image_id": row,
                        "category_id": NAMES.index(name) + 1,
                        "bbox": [x + shift[0], y + shift[1], w + abs(shift[2]), h + abs(shift[3])],
                        "score": float(rng.random()),
                    }
                )
        labels.append(label)
    return detections, labels


def test_it_is_the_plain_count(drawn):
    detections, labels = drawn
    found = coco_metrics(detections, labels, NAMES)
    each = []
    for number, name in enumerate(NAMES[:2], start=1):
        mine = [one for one in detections if one["category_id"] == number]
        aps = [plain_ap(mine, labels, name, t) for t in np.linspace(0.5, 0.95, 10)]
        assert found[f"ap50_{name}"] == pytest.approx(aps[0])
        assert found[f"ap50_95_{name}"] == pytest.approx(np.mean(aps))
        each.append(aps)
    assert found["map50"] == pytest.approx(np.mean([aps[0] for aps in each]))
    assert found["map50_95"] == pytest.approx(np.mean(each))
    assert "ap50_never" not in found  # no box of it in the labels


def test_a_perfect_detector_has_one(drawn, capfd):
    _, labels = drawn
    perfect = [
        {
            "image_id": row,
            "category_id": NAMES.index(entry["label"]) + 1,
            "bbox": [*entry["box"][:2], entry["box"][2] - entry["box"][0],
                     entry["box"][3] - entry["box"][1]],
            "score": 0.9,
        }
        for row, label in enumerate(labels)
        for entry in label
    ]  # fmt: skip
    assert set(coco_metrics(perfect, labels, NAMES).values()) == {1.0}
    assert capfd.readouterr().out == ""


def test_nothing_found_and_nothing_there(drawn):
    _, labels = drawn
    assert coco_metrics([], labels, NAMES)["map50"] == 0
    assert coco_metrics([], [[], []], NAMES) == {"map50": 0, "map50_95": 0}


def test_evaluate_counts_the_same_boxes_in_two_ways():
    made = digit_canvases(4, seed=0, size=64, most=2)
    images, labels = list(made.images.values()), list(made.labels.values())
    model = yolo_nets.yolo(classes=len(made.names), names=made.names)
    task = al.ObjectDetection(model, imgsz=64)
    own, coco = task.evaluate(images, labels), task.evaluate(images, labels, counting="coco")
    assert set(own) == set(coco)
    assert all(0 <= value <= 1 for value in coco.values())
    with pytest.raises(InvalidInputError, match="counting: expected 'ultralytics' or 'coco'"):
        task.evaluate(images, labels, counting="voc")
    other = yolo_nets.yolo(classes=len(made.names), names=made.names, seed=1)
    second = al.ObjectDetection(other, imgsz=64).evaluate(images, labels, counting="coco")
    pair = al.ObjectDetection(committee=al.Ensemble([model, other]), imgsz=64)
    mean = {name: (coco[name] + second[name]) / 2 for name in coco}
    assert pair.evaluate(images, labels, counting="coco") == pytest.approx(mean)

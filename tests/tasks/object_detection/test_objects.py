"""Embeddings of boxes, and what compares images by them, on real YOLOs of three families."""

import importlib.util

import numpy as np
import pytest
import torch

if importlib.util.find_spec("ultralytics") is None:
    pytest.skip("needs the extra detection", allow_module_level=True)
pytest.importorskip("sklearn", reason="the photographs are scikit-learn's")

import yolo_nets

import altasks as al
from altasks.errors import InvalidInputError
from altasks.tasks.object_detection.box_embeddings import box_embeddings


@pytest.fixture(scope="module")
def model():
    return yolo_nets.yolo()


@pytest.fixture(scope="module")
def photographs():
    return yolo_nets.photographs(6)


def value_at(level, x, y):
    """Of a map `[d, h, w]` at a place in cells, between the middles of the four around it."""
    height, width = level.shape[1:]
    x, y = min(max(x - 0.5, 0), width - 1), min(max(y - 0.5, 0), height - 1)
    left, top = int(x), int(y)
    right, bottom = min(left + 1, width - 1), min(top + 1, height - 1)
    a, b = x - left, y - top
    upper = (1 - a) * level[:, top, left] + a * level[:, top, right]
    lower = (1 - a) * level[:, bottom, left] + a * level[:, bottom, right]
    return (1 - b) * upper + b * lower


def test_what_every_level_has_at_the_middle_of_a_box():
    rng = np.random.default_rng(0)
    size = (64, 96)
    maps = [rng.normal(size=(d, 64 // s, 96 // s)) * s for d, s in ((3, 8), (5, 16), (2, 32))]
    corners = rng.uniform(0, [96, 64, 96, 64], (40, 4))
    boxes = np.concatenate([np.minimum(*np.split(corners, 2, 1)),
                            np.maximum(*np.split(corners, 2, 1))], 1)  # fmt: skip
    boxes[0], boxes[1] = [0, 0, 0.1, 0.1], [95.9, 63.9, 96, 64]
    levels = [torch.from_numpy(level).float() for level in maps]
    found = box_embeddings(levels, torch.from_numpy(boxes).float(), size)
    assert found.shape == (40, 10)
    for box, one in zip(boxes, found.numpy(), strict=True):
        x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        parts = [value_at(level, x / s, y / s) for level, s in zip(maps, (8, 16, 32), strict=True)]
        expected = np.concatenate([part / np.linalg.norm(part) for part in parts]) / np.sqrt(3)
        np.testing.assert_allclose(one, expected, atol=1e-5)
    assert box_embeddings(levels, torch.zeros(0, 4), size).shape == (0, 10)


@pytest.mark.parametrize("family", ["yolov8n.yaml", "yolo11n.yaml", "yolo26n.yaml"])
def test_every_family_has_them(family, photographs):
    task = al.ObjectDetection(yolo_nets.yolo(family), conf=0.02, imgsz=160, batch_size=2)
    prediction = task.predict(photographs)
    found = prediction.fields["embeddings"]
    assert len(found) == len(prediction.units) > 20
    assert torch.allclose(found.norm(dim=1), torch.ones(len(found)), atol=1e-4)
    alone = task.predict(photographs[2:3])
    # Alone or in a batch, a box has the same: the order of nearly equal ones may differ.
    together, other = prediction[2].fields, alone.fields
    for row in other["conf"].argsort(descending=True)[:5].tolist():
        nearest = (together["boxes"] - other["boxes"][row]).abs().sum(1).argmin()
        gap = together["embeddings"][nearest] - other["embeddings"][row]
        assert float(gap.abs().max()) < 1e-2
    assert task.predict([]).fields["embeddings"].shape == (0, found.shape[1])

    rows = task.objects(prediction)
    assert rows.shape == (6, 32, 2 + 64)
    for n in range(6):
        one = prediction[n]
        order = one.fields["conf"].argsort(descending=True, stable=True)[:32]
        count = len(order)
        assert torch.equal(rows[n, :count, 1], one.fields["conf"][order])
        best = one.units.mean_probs[order, :5].argmax(1)
        assert rows[n, :count, 0].tolist() == best.tolist()
        assert not rows[n, count:].any()
    # Cosines are about what they are without the projection.
    whole = task.objects(prediction, width=10_000)
    assert whole.shape[2] == 2 + found.shape[1]
    near, exact = (one[0, :10, 2:] for one in (rows, whole))
    cosines = torch.nn.functional.normalize(near) @ torch.nn.functional.normalize(near).T
    assert float((cosines - exact @ exact.T).abs().mean()) < 0.15


def test_committees(model, photographs):
    plain = al.ObjectDetection(model, conf=0.05, imgsz=160).predict(photographs[:2])
    views = al.ObjectDetection(model, conf=0.05, imgsz=160, committee=al.BoxViews())
    seen = views.predict(photographs[:2])
    assert torch.allclose(seen.fields["embeddings"].norm(dim=1), torch.tensor(1.0), atol=1e-4)
    other = yolo_nets.yolo(seed=1)
    task = al.ObjectDetection(conf=0.05, imgsz=160, committee=al.Ensemble([model, other]))
    joined = task.predict(photographs[:2])
    first = joined.fields["member_conf"][:, 0] > 0
    assert bool((joined.fields["embeddings"][~first] == 0).all())
    found = {tuple(row) for row in joined.fields["embeddings"][first].round(decimals=3).tolist()}
    assert found == {tuple(row) for row in plain.fields["embeddings"].round(decimals=3).tolist()}
    assert task.objects(joined).shape == (2, 32, 66)


def test_the_quality_of_classes(model, photographs):
    task = al.ObjectDetection(model, conf=0.02, imgsz=160, batch_size=2)
    prediction = task.predict(photographs)
    labels, expected = [], {name: [] for name in task.labels}
    for n in range(6):
        one = prediction[n]
        conf = one.fields["conf"]
        row = int(conf.argmax())
        box = one.fields["boxes"][row].clamp(min=0).tolist()
        kind = task.labels[n % 2]
        labels.append([{"label": kind, "box": box}])
        # The surest box lies on it exactly, but for the image's edge.
        size = np.array([box[2] - box[0], box[3] - box[1]])
        own = one.fields["boxes"][row].tolist()
        whole = (own[2] - own[0]) * (own[3] - own[1])
        overlap = float(size.prod() / whole)
        chance = float(one.fields["scores"][row, n % 2])
        expected[kind].append(chance**0.6 * overlap**0.4)
    labels[5].append({"label": "kind2", "box": [0, 0, 1, 1]})  # which nothing finds
    found = task.class_quality(photographs, labels)
    means = [np.mean(expected["kind0"]), np.mean(expected["kind1"]), 0.0]
    assert found == pytest.approx([*means, np.mean(means), np.mean(means)], rel=1e-3)
    with pytest.raises(InvalidInputError, match="at least one object"):
        task.class_quality(photographs[:1], [[]])
    with pytest.raises(InvalidInputError, match="row 3, box 0"):
        task.class_quality(photographs[:4], [[], [], [], [{"label": "cow", "box": [0, 0, 1, 1]}]])


@pytest.mark.parametrize("strategy", ["category_matching", "object_herding"])
def test_in_a_loop(model, photographs, strategy):
    """Both stages of PPAL, and a budget in boxes."""
    pool = {f"p{row}": image for row, image in enumerate(photographs[:5])}
    task = al.ObjectDetection(model, conf=0.05, imgsz=160)
    held_out = [{"label": "kind1", "box": [10, 10, 100, 100]}]
    function = al.DifficultyCalibrated(photographs[5:], [held_out])
    loop = al.ActiveLoop(
        task,
        pool,
        strategy=strategy,
        cold_start=strategy,
        acquisition=function,
        progress=False,
    )
    loop.tell({"p0": []})
    query = loop.ask(2)
    scores = al.score(task, photographs[1:5], function, progress=False).values
    assert sorted(query.scores) == pytest.approx(
        sorted(scores[int(name[1:]) - 1] for name in query.ids)
    )
    most = 1.1 * max(task.costs(photographs))
    if strategy == "object_herding":
        more = loop.ask(cost=most, per_cost=True)
        assert more.ids
        assert more.cost <= most
        assert not {*more.ids} & {"p0", *query.ids}


def test_who_finds_no_objects_is_told():
    class Coin:
        default_acquisition = "entropy"

        def predict(self, samples):
            return al.Categorical([[x, 1 - x] for x in samples])

    loop = al.ActiveLoop(Coin(), [0.1, 0.5], strategy="category_matching", progress=False)
    with pytest.raises(InvalidInputError, match="TellsObjects"):
        loop.ask(1)

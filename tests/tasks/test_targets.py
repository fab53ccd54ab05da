"""Which column of a prediction is right, told by each task of many units; temperatures by it."""

import importlib.util

import numpy as np
import pytest
import torch
from torch import nn

import altasks as al
from altasks._internal.random import isolated
from altasks.data import region_labels, region_pool
from altasks.errors import InvalidInputError, UnsupportedPredictionError

pytest.importorskip("transformers", reason="needs the extra text")

TAGS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]


@pytest.mark.parametrize("label_scheme", ["IOB2", "IOB1"])
def test_words(tiny_tagger, sentences, sentence_tags, label_scheme):
    task = al.NER(tiny_tagger, label_scheme=label_scheme)
    prediction = task.predict(sentences)
    targets = task.targets(sentences, sentence_tags, prediction)
    assert [TAGS[column] for column in targets] == [tag for tags in sentence_tags for tag in tags]
    own = al.HeldOutTemperature(sentences, sentence_tags, batch_size=5).fit_to(task)
    assert own.temperature == pytest.approx(
        al.TemperatureScaling.fit(prediction, targets).temperature, rel=1e-4
    )
    with pytest.raises(InvalidInputError, match=r"of these samples, of \d+ words"):
        task.targets(sentences, sentence_tags, prediction[:3])
    with pytest.raises(InvalidInputError, match="row 1"):
        task.targets(sentences[:2], [sentence_tags[0], ["B-Person"]], prediction[:2])


def test_words_of_a_committee_and_of_texts(tiny_tagger, sentences, sentence_tags):
    texts = [" ".join(words) for words in sentences]
    task = al.NER(tiny_tagger, committee=al.MCDropout(3))
    prediction = task.predict(texts)
    assert len(task.targets(texts, sentence_tags, prediction)) == len(prediction.units)
    scores = al.score(task, texts, "bald", calibration=al.HeldOutTemperature(texts, sentence_tags))
    assert np.isfinite(scores.values).all()


@pytest.mark.parametrize("with_verb", [True, False])
def test_words_of_every_frame(make_tagger, make_tokenizer, with_verb):
    tags = ("O", "B-ARG0", "I-ARG0", "B-ARG1", "I-ARG1", *(["B-V"] if with_verb else []))
    task = al.SRL(make_tagger(make_tokenizer(), tags))
    samples = [
        {"tokens": ["Ada", "met", "Grace", "and", "left"], "verbs": [1, 4]},
        {"tokens": ["yes"], "verbs": []},
    ]
    label = [
        {"verb": 4, "tags": ["B-ARG0", "O", "O", "O", "O"]},
        {"verb": 1, "tags": ["B-ARG0", "B-V", "B-ARG1", "O", "O"]},
    ]
    prediction = task.predict(samples)
    found = [tags[column] for column in task.targets(samples, [label, []], prediction)]
    verb = "B-V" if with_verb else "O"
    assert found == ["B-ARG0", verb, "B-ARG1", "O", "O", "B-ARG0", "O", "O", "O", verb]
    held_out = al.HeldOutTemperature(samples, [label, []], batch_size=1)
    assert held_out.fit_to(task).temperature > 0


def net():
    with isolated(5):
        return nn.Sequential(
            nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.Conv2d(6, 3, 3, padding=1)
        )


def pictures(count=3, height=20, width=24):
    rng = np.random.default_rng(0)
    shape = (height, width, 3)
    return [rng.integers(0, 256, shape, np.uint8) for _ in range(count)]


def masks_of(images):
    found = [(one[:, :, 0] // 86).astype(np.uint8) for one in images]
    for one in found:
        one[:2] = 255
    return found


@pytest.mark.parametrize("options", [{}, {"tile": 16, "overlap": 4}, {"stages": ["0"]}])
def test_pixels(options):
    images = pictures()
    masks = masks_of(images)
    task = al.Segmentation(net(), labels=["a", "b", "c"], stride=1, **options)
    task._head_is_new = False
    prediction = task.predict(images)
    targets = task.targets(images, masks, prediction)
    right = np.concatenate([one.ravel().astype(int) for one in masks])
    assert targets.tolist() == np.where(right == 255, -1, right).tolist()
    # The stream has the same pixels, in another order.
    rows = []
    for index, units, part in task.iter_targets(images, masks):
        assert len(units) == len(part)
        rows += [(index, *p, t) for p, t in zip(units.probs[:, 0].tolist(), part, strict=True)]
    owners = np.repeat(np.arange(3), 20 * 24)
    whole = [
        (int(owner), *p, t)
        for owner, p, t in zip(owners, prediction.units.probs[:, 0].tolist(), targets, strict=True)
    ]
    assert np.allclose(sorted(map(tuple, rows)), sorted(map(tuple, whole)), atol=1e-6)
    own = al.HeldOutTemperature(images, masks).fit_to(task).temperature
    twin = al.TemperatureScaling.fit(prediction, targets).temperature
    assert own == pytest.approx(twin, rel=1e-4)
    with pytest.raises(InvalidInputError, match="of these samples, of 480 pixels"):
        task.targets(images[:1], masks[:1], prediction)
    with pytest.raises(InvalidInputError, match=r"found 7 .row 0"):
        list(task.iter_targets(images[:1], [np.full((20, 24), 7)]))
    with pytest.raises(InvalidInputError, match="as large as its image"):
        list(task.iter_targets(images[:1], [masks[0][:5]]))


def test_pixels_of_regions():
    images = pictures()
    masks = masks_of(images)
    names = ["0", "1", "2"]
    pool = region_pool(dict(zip(names, images, strict=True)), "grid:9")
    labels = region_labels(pool, dict(zip(names, masks, strict=True)))
    samples = [pool[name] for name in pool.ids if name in labels]
    parts = [labels[name] for name in pool.ids if name in labels]
    task = al.Segmentation(net(), labels=["a", "b", "c"], stride=1)
    prediction = task.predict(samples)
    targets = task.targets(samples, parts, prediction)
    for place, sample in enumerate(samples):
        top, left, bottom, right = sample.box
        mask = masks[names.index(sample.of)]
        mine = targets[int(prediction.offsets[place]) : int(prediction.offsets[place + 1])]
        own = mask[top:bottom, left:right].ravel().astype(int)
        assert mine.tolist() == np.where(own == 255, -1, own).tolist()
    streamed = sorted(int(t) for _, _, part in task.iter_targets(samples, parts) for t in part)
    assert streamed == sorted(targets.tolist())
    assert al.HeldOutTemperature(samples, parts).fit_to(task).temperature > 0


def test_readings_and_numbers_have_no_temperature():
    Image = pytest.importorskip("PIL.Image", reason="needs the extra ocr")
    held_out = al.HeldOutTemperature([Image.new("L", (60, 32))], ["abc"])
    task = al.OCR(members=[lambda images: ["abc"] * len(images)] * 2)
    with pytest.raises(UnsupportedPredictionError, match="found Transcripts"):
        held_out.fit_to(task)

    class Line:
        def predict(self, samples):
            return al.Normal(torch.zeros(len(samples), 1, 1), torch.ones(len(samples), 1, 1))

    with pytest.raises(UnsupportedPredictionError, match=r"HeldOutTemperature: .*found Normal"):
        al.HeldOutTemperature([1.0], [2.0]).fit_to(Line())


# Boxes.


@pytest.fixture(scope="module")
def detector():
    if importlib.util.find_spec("ultralytics") is None:
        pytest.skip("needs the extra detection")
    pytest.importorskip("sklearn", reason="the photographs are scikit-learn's")
    import yolo_nets

    return yolo_nets


def area(box):
    return max(box[2] - box[0], 0) * max(box[3] - box[1], 0)


def iou_of(one, other):
    common = [*np.maximum(one[:2], other[:2]), *np.minimum(one[2:], other[2:])]
    shared = area(common)
    return shared / max(area(one) + area(other) - shared, 1e-12)


def taken(boxes, confs, label, iou):
    """The definition, box by box."""
    free = list(range(len(label)))
    found = ["background"] * len(boxes)
    for place in sorted(range(len(boxes)), key=lambda i: -confs[i]):
        if free:
            best = max(free, key=lambda i: iou_of(boxes[place], label[i]["box"]))
            if iou_of(boxes[place], label[best]["box"]) >= iou:
                found[place] = label[best]["label"]
                free.remove(best)
    return found


def labels_near(prediction, names, rng):
    """Some predicted boxes, moved a little, of any class."""
    labels = []
    for n in range(len(prediction)):
        boxes = prediction[n].fields["boxes"].numpy()
        chosen = rng.permutation(len(boxes))[:6]
        moved = boxes[chosen] + rng.uniform(-6, 6, (len(chosen), 4))
        moved = moved.clip(0, [320, 240, 320, 240])
        labels.append(
            [
                {"label": str(rng.choice(names)), "box": box.tolist()}
                for box in moved
                if box[2] > box[0] + 1 and box[3] > box[1] + 1
            ]
        )
    return [*labels[:-1], []]


@pytest.mark.parametrize("committee", [None, "views"])
def test_boxes(detector, committee):
    images = detector.photographs(3)
    views = None if committee is None else al.BoxViews()
    task = al.ObjectDetection(detector.yolo(), conf=0.02, imgsz=320, committee=views)
    prediction = task.predict(images)
    labels = labels_near(prediction, task.labels, np.random.default_rng(0))
    targets = task.targets(images, labels, prediction)
    columns = [*task.labels, "background"]
    expected = []
    for n, label in enumerate(labels):
        fields = prediction[n].fields
        expected += taken(fields["boxes"].double().numpy(), fields["conf"].numpy(), label, 0.5)
    assert [columns[column] for column in targets] == expected
    assert 3 <= sum(name != "background" for name in expected) <= 12
    own = al.HeldOutTemperature(images, labels, batch_size=2).fit_to(task).temperature
    twin = al.TemperatureScaling.fit(prediction, targets).temperature
    assert own == pytest.approx(twin, rel=1e-3)


def test_boxes_without_a_background(detector):
    images = detector.photographs(2)
    task = al.ObjectDetection(detector.yolo(), conf=0.05, imgsz=320, background=False)
    prediction = task.predict(images)
    labels = labels_near(prediction, task.labels, np.random.default_rng(1))
    targets = task.targets(images, labels, prediction)
    assert set(targets.tolist()) <= {-1, 0, 1, 2, 3, 4}
    assert (targets == -1).any()
    assert (targets >= 0).any()
    with pytest.raises(InvalidInputError, match="row 0, box 0"):
        task.targets(images, [[{"label": "unicorn", "box": [0, 0, 5, 5]}], []], prediction)
    with pytest.raises(InvalidInputError, match="the boxes of 2 images"):
        task.targets(images, labels, prediction[:1])

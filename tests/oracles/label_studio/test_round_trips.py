"""A round of every kind of label through a real Label Studio, drawn as its editor draws.

What people draw is written here by hand, in Label Studio's own terms, and not by our converters.
"""

from __future__ import annotations

import itertools
import time

import numpy as np
import pytest
import torch

import altasks as al
from altasks.data import decode_mask
from altasks.oracles import LabelStudio

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

TITLES = (f"round {time.time():.0f} {number}" for number in itertools.count())
TEXTS = {
    f"t{i:02d}": f"{'😀' * (i % 4)} Ada Nr {i} saw 東京 👩‍👩‍👦 in {1900 + i}" for i in range(26)
}
IMAGES = {f"i{i:02d}": np.full((60 + i, 90 - i, 3), 9 * i, np.uint8) for i in range(26)}


class Learner:
    """Whatever it is asked about, it gets surer of it with every fit."""

    default_acquisition = "least_confidence"
    default_strategy = "top_k"

    def __init__(self, name, guess, **others):
        self.name, self.guess, self.fits, self.taught = name, guess, 0, {}
        vars(self).update(others)

    def predict(self, samples):
        keys = np.array([hash_of(sample) for sample in samples])
        logits = np.sin(keys * (self.fits + 1))
        return al.Categorical.from_logits(torch.tensor(np.stack([logits, -logits], 1)))

    def fit(self, samples, labels, *, seed):
        self.fits += 1
        self.taught = list(labels)

    def describe(self, sample, prediction):
        return self.guess(sample)


def hash_of(sample):
    """Return a number that depends on a sample alone."""
    content = sample.encode() if isinstance(sample, str) else np.asarray(sample).tobytes()
    return sum((i % 97 + 1) * value for i, value in enumerate(content[:4000])) % 1009


def region(kind, value, name="label", **more):
    return {"id": f"r{hash(str(value)) % 1000}", "from_name": name, "to_name": "sample",
            "type": kind, "value": value, **more}  # fmt: skip


def frame(image):
    return {"original_width": image.shape[1], "original_height": image.shape[0],
            "image_rotation": 0}  # fmt: skip


def choice(number, sample):
    name = ["x", "y"][number % 2]
    return [region("choices", {"choices": [name]})], name


def choices(number, sample):
    names = [["y", "x"], ["z"], []][number % 3]
    return [region("choices", {"choices": names})] if names else [], sorted(names)


def entities(number, text):
    """Ada, and the family of emoji behind characters that count twice in browsers."""
    spans = [(text.index("Ada"), text.index("Ada") + 3, "PER")]
    spans += [(text.index("👩"), text.index("👩") + 5, "LOC")] if number % 2 else []
    drawn = [
        region("labels", {"start": start, "end": end, "text": text[start:end], "labels": [name]})
        for start, end, name in spans[::-1]
    ]
    return drawn, [{"start": s, "end": e, "label": name} for s, e, name in spans]


def boxes(number, image):
    """One box, and in every second image another that is turned by a right angle."""
    height, width = image.shape[:2]
    first = {"x": 1000 / width, "y": 500 / height, "width": 2000 / width, "height": 3000 / height}
    drawn = [region("rectanglelabels", {**first, "rotation": 0, "rectanglelabels": ["x"]},
                    **frame(image))]  # fmt: skip
    label = [{"label": "x", "box": [10, 5, 30, 35]}]
    if number % 2:
        turned = {"x": 5000 / width, "y": 1000 / height, "width": 1000 / width,
                  "height": 2000 / height, "rotation": 90}  # fmt: skip
        drawn.append(
            region("rectanglelabels", {**turned, "rectanglelabels": ["y"]}, **frame(image))
        )
        label.append({"label": "y", "box": [30, 10, 50, 20]})
    return drawn, label


def masks(number, image):
    """A brush stroke of 0 and 1 or of 0 and 255, by Label Studio's own package, and a polygon."""
    from label_studio_sdk.converter.brush import encode_rle

    height, width = image.shape[:2]
    rows, columns = np.indices((height, width))
    stroke = (rows - 20) ** 2 + (columns - 30) ** 2 < 150
    top = [1, 255][number % 2]
    rle = encode_rle(np.repeat(stroke.astype(np.uint8) * top, 4))
    drawn = [region("brushlabels", {"format": "rle", "rle": rle, "brushlabels": ["x"]},
                    **frame(image))]  # fmt: skip
    corners = [(25, 10), (50, 10), (50, 40), (25, 40)]
    points = [[100 * x / width, 100 * y / height] for x, y in corners]
    drawn.append(region("polygonlabels", {"points": points, "closed": True, "polygonlabels": ["y"]},
                        "outline", **frame(image)))  # fmt: skip
    mask = np.where(stroke, 1, 0)
    mask[10:40, 25:50] = 2
    return drawn, mask.tolist()


def lines(number, image):
    text = f"No. {number} – “東京” 😀"
    return [region("textarea", {"text": [text]})], text


def numbers(number, row):
    return [region("number", {"number": number / 8})], number / 8


KINDS = {
    "text-classification": (choice, TEXTS, {"labels": ["x", "y"], "multi_label": False},
                            lambda _: {"predicted": "x"}),
    "multi-label": (choices, TEXTS, {"labels": ["x", "y", "z"], "multi_label": True},
                    lambda _: {"predicted": ["z"]}),
    "ner": (entities, TEXTS, {"labels": ["PER", "LOC"]},
            lambda text: {"spans": [{"start": 0, "end": len(text), "label": "LOC"}]}),
    "object-detection": (boxes, IMAGES, {"labels": ["x", "y"]},
                         lambda _: {"boxes": [{"label": "y", "box": [1, 2, 3, 4]}]}),
    "segmentation": (masks, IMAGES, {"labels": ["ground", "x", "y"], "void": 255},
                     lambda image: {"mask": al.data.encode_mask(image[:, :, 0] * 0 + 1)}),
    "ocr": (lines, IMAGES, {}, lambda _: {"predicted": "No."}),
    "regression": (numbers, TEXTS, {"targets": ["0"]}, lambda _: {"predicted": 0.5}),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_twenty_are_pushed_and_what_is_drawn_comes_back(site, tmp_path, kind):
    draw, pool, others, guess = KINDS[kind]
    name = "text-classification" if kind == "multi-label" else kind
    title, store = next(TITLES), tmp_path / "a.db"

    def opened():
        """Everything anew, as after a crash."""
        task = Learner(name, guess, **others)
        loop = al.ActiveLoop(task, pool, store=store, progress=False, seed=3)
        return loop, LabelStudio(task, pool, title, url=site.url, token=site.token)

    loop, oracle = opened()
    with loop, oracle:
        query = loop.ask(20)
        loop.sync(oracle)
        project = oracle.project
    served, drawn = [], {}
    for number in range(17):
        task = site.next_task(project)
        served.append(task["data"]["altasks_id"])
        if number >= 15:
            site.annotate(task["id"], [], was_cancelled=True)
            continue
        result, drawn[served[-1]] = draw(number, pool[served[-1]])
        site.annotate(task["id"], result)
    assert served == query.ids[:17]

    loop, oracle = opened()
    with loop, oracle:
        done = loop.sync(oracle)
        assert (done.labels, done.skips, done.refused) == (15, 2, {})
        found = loop.labels
        if kind == "segmentation":
            found = {name: decode_mask(label).tolist() for name, label in found.items()}
        assert found == drawn
        assert sorted(loop.skipped) == sorted(query.ids[15:17])
        assert {event.seconds for event in loop.history() if event.kind == "label"} == {2.5}
        assert loop.fit().n_labels == 15

    loop, oracle = opened()
    with loop, oracle:
        rest = loop.sync(oracle).open
        assert sorted(rest) == sorted(query.ids[17:])
        asked = loop.ask(3).ids
        queue = loop.sync(oracle).open
        assert queue == asked + rest == oracle.state().open
        assert loop.sync(oracle).labels == 0
    answers = []
    while task := site.next_task(project):
        answers.append(task["data"]["altasks_id"])
        (predicted,) = site.call("GET", f"api/predictions/?task={task['id']}")
        result, drawn[answers[-1]] = draw(len(answers), pool[answers[-1]])
        assert oracle.converter.label(predicted["result"], pool[answers[-1]])
        site.annotate(task["id"], result)
    assert answers == queue
    loop, oracle = opened()
    with loop, oracle:
        assert loop.sync(oracle).labels == 6
        assert len(loop.labels) == len(loop.history()) - 2 == 21
        assert site.call("GET", f"api/projects/{project}/")["task_number"] == 23

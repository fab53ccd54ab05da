"""What goes out for each kind of label, and for samples that can't be read or come too late."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest

import altasks as al
from altasks.data.label_studio import (
    BoxConverter,
    ChoiceConverter,
    MaskConverter,
    NumberConverter,
    RoleConverter,
    SpanConverter,
    TranscriptionConverter,
)
from altasks.errors import InvalidInputError, UnreadableSampleError
from altasks.serve.predictor import Predictor, lowest_first

IMAGE = np.zeros((20, 40, 3), np.uint8)
SPAN = {"start": 2, "end": 5, "label": "PER"}
MASK = {"size": [20, 40], "classes": [0, 1], "counts": [400, 400]}
FRAME = {"verb": 1, "spans": [{"start": 0, "end": 1, "label": "A0"}]}
KINDS = {
    "classes": (ChoiceConverter(["x", "y"], multiple=True), "text", {"predicted": ["y"]}, ["y"]),
    "number": (NumberConverter(["cm"]), "text", {"predicted": 2.5}, 2.5),
    "spans": (SpanConverter(["PER"]), "😀 Ada wrote",
              {"spans": [SPAN | {"probability": 0.9}]}, [SPAN]),
    "boxes": (BoxConverter(["car"]), IMAGE,
              {"boxes": [{"box": [4.0, 2.0, 20.0, 10.0], "label": "car", "score": 0.5}]},
              [{"label": "car", "box": [4.0, 2.0, 20.0, 10.0]}]),
    "mask": (MaskConverter(["ground", "road"]), IMAGE, {"mask": MASK}, MASK),
    "line": (TranscriptionConverter(), IMAGE, {"predicted": "Ä b"}, "Ä b"),
    "roles": (RoleConverter(["A0"]), {"tokens": ["Ada", "wrote"], "verbs": [1]},
              {"frames": [FRAME]}, None),
}  # fmt: skip


class Says:
    """Says the same of every sample."""

    default_acquisition = "least_confidence"

    def __init__(self, description):
        self.description = description

    def predict(self, samples):
        for row, sample in enumerate(samples):
            if isinstance(sample, str) and sample == "broken":
                raise UnreadableSampleError("samples: no.", {row: "no"})
        return al.Categorical(np.full((len(samples), 2), 0.5))

    def describe(self, sample, prediction):
        return self.description


def tasks(*names):
    return [{"data": {"altasks_id": name}} for name in names]


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_label_goes_out_as_its_converter_writes_it(kind):
    converter, sample, description, label = KINDS[kind]
    loop = al.ActiveLoop(Says(description), {"a": sample}, progress=False)
    (found,) = Predictor(loop, converter).predict(tasks("a"), math.inf)
    assert found["score"] == lowest_first(0.5)
    assert found["result"]
    again = converter.label(found["result"], sample)
    if label is not None:
        assert again == label
    assert all(one["from_name"] == converter.control.name for one in found["result"][:1])


def test_what_can_not_be_read_or_written_or_comes_too_late_has_none():
    pool = {"a": "one", "b": "broken", "c": "three"}
    converter = ChoiceConverter(["x", "y"])
    loop = al.ActiveLoop(Says({"predicted": "x"}), pool, progress=False)
    found = Predictor(loop, converter).predict(tasks("b", "a", "elsewhere", "c"), math.inf)
    assert [bool(one) for one in found] == [False, True, False, True]
    late = Predictor(loop, converter).predict(tasks("a", "c"), time.monotonic() - 1)
    assert late == [[], []]
    assert Predictor(loop, converter).predict([{"data": {"altasks_id": 3}}], math.inf) == [[]]
    other = al.ActiveLoop(Says({"predicted": "unknown"}), pool, progress=False)
    assert Predictor(other, converter).predict(tasks("a"), math.inf) == [[]]


def test_an_interface_that_has_become_another_is_refused():
    converter = ChoiceConverter(["x", "y"])
    predictor = Predictor(al.ActiveLoop(None, {"a": "one"}), converter)
    predictor.check(None)
    predictor.check(converter.config())
    with pytest.raises(InvalidInputError, match="'z'"):
        predictor.check(ChoiceConverter(["x", "z"]).config())


def test_lower_is_wanted_more_and_scores_stay_between_0_and_1():
    scores = np.sort(np.random.default_rng(0).standard_cauchy(1000))
    found = [lowest_first(float(score)) for score in scores]
    assert found == sorted(found, reverse=True)
    assert 0 < found[-1] < found[0] < 1

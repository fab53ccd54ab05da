"""A class is added between rounds: each task says so, and is trained anew on all labels."""

import numpy as np
import pytest
from torch import nn

import altasks as al
from altasks._internal.random import isolated
from altasks.errors import LoopWarning

for _needed in ("transformers", "safetensors", "PIL"):
    pytest.importorskip(_needed, reason="needs the extra vision")

FAST = {"max_steps": 2}


def pictures(count=4):
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (20, 24, 3), np.uint8) for _ in range(count)]


def network(outputs, *, dense=False):
    with isolated(0):
        end = [nn.Conv2d(6, outputs, 1)] if dense else [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
        last = [] if dense else [nn.Linear(6, outputs)]
        return nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.Dropout(0.3), *end, *last)


def images(names, encoder):
    return al.ImageClassification(
        network(len(names)), labels=names, input_size=16, training_args=FAST, workers=0
    )


def several(names, encoder):
    return al.ImageClassification(
        network(len(names)), labels=names, multi_label=True, input_size=16, training_args=FAST,
        workers=0,
    )  # fmt: skip


def segmentation(names, encoder):
    return al.Segmentation(
        network(len(names), dense=True), labels=names, stride=4, training_args=FAST,
        committee=al.MCDropout(2),
    )  # fmt: skip


def ner(names, encoder):
    return al.NER(encoder, labels=names, training_args=FAST)


def srl(names, encoder):
    return al.SRL(encoder, labels=names, training_args=FAST)


def ocr(names, encoder):
    net = al.CRNN("".join(names), height=32, channels=8, hidden=8)
    return al.OCR(net, training_args=FAST)


WORDS = [["Ada", "wrote"], ["it", "rains", "here"], ["so", "be"], ["a", "b"]]
FRAMES = [[{"verb": 1, "tags": ["O"] * len(words)}] for words in WORDS]
MASKS = [(one[:, :, 0] > 100).astype(np.uint8) for one in pictures()]
CASES = {
    "image classification": (images, pictures(), ["a", "b"], "c"),
    "labels of several classes": (several, pictures(), [["a"], ["b", "a"]], ["c"]),
    "segmentation": (segmentation, pictures(), MASKS[:2], MASKS[2] * 2),
    "ner": (ner, WORDS, [["B-a", "O"], ["O", "O", "B-b"]], ["B-c", "O"]),
    "srl": (
        srl,
        [{"tokens": words, "verbs": [1]} for words in WORDS],
        FRAMES[:2],
        [{"verb": 1, "tags": ["B-c", "O"]}],
    ),
    "ocr": (ocr, pictures(), ["ab", "a"], "cab"),
}


@pytest.mark.parametrize("case", CASES)
def test_the_loop_says_so_and_goes_on(case, tiny_encoder, tmp_path):
    make, samples, labels, more = CASES[case]
    pool = {str(place): sample for place, sample in enumerate(samples)}
    store = f"sqlite:///{tmp_path}/store.db"
    before = al.ActiveLoop(make(["a", "b"], tiny_encoder), pool, store=store, seed=0)
    before.tell({str(place): label for place, label in enumerate(labels)})
    before.fit()
    with pytest.warns(LoopWarning, match=r"fit 1 can't be used by the task as it is now"):
        loop = al.ActiveLoop(make(["a", "b", "c"], tiny_encoder), pool, store=store, seed=0)
    assert len(loop.labels) == 2
    loop.tell({loop.ask(1).ids[0]: more})
    fit = loop.fit()
    assert (fit.fit, fit.n_labels) == (2, 3)
    assert len(loop.ask(1)) == 1

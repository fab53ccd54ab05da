"""Recognisers, answers and pictures in the forms people have them."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image

from altasks.errors import InvalidInputError
from altasks.tasks import OCR
from altasks.tasks.ocr import CRNN

KINDS = [torch.float16, torch.bfloat16, torch.float64]


def network(kind=torch.float32, alphabet="abc ", **sizes):
    sizes = {"height": 32, "channels": 16, "hidden": 8, **sizes}
    return CRNN(alphabet, **sizes).to(kind)


def line(width=120, height=32, seed=0):
    generator = np.random.default_rng(seed)
    return generator.integers(0, 256, (height, width), dtype=np.uint8)


@pytest.mark.parametrize("kind", KINDS)
def test_a_recogniser_in_another_precision_reads_as_in_float32(kind):
    lines = [line(90 + 7 * k, seed=k) for k in range(5)]
    for beam in (None, 3):
        task, exact = (OCR(network(one), batch_size=2, beam=beam) for one in (kind, torch.float32))
        got, want = task.predict(lines), exact.predict(lines)
        torch.testing.assert_close(got.log_probs, want.log_probs, rtol=0.02, atol=0.2)
    assert task.embed(lines).dtype == torch.float32
    torch.testing.assert_close(task.embed(lines), exact.embed(lines), rtol=0, atol=0.02)
    mixed = OCR(members=[network(kind), network(), lambda images: ["a"] * len(images)])
    assert mixed.predict(lines).members == 3


@pytest.mark.parametrize("kind", KINDS)
def test_a_recogniser_in_another_precision_learns_and_is_saved_as_it_is(kind, tmp_path):
    task = OCR(network(kind), training_args={"max_steps": 4})
    task.save(tmp_path / "before")
    again = OCR(tmp_path / "before").networks[0]
    assert again.output.weight.dtype == kind
    assert all(
        torch.equal(value, again.state_dict()[name])
        for name, value in task.networks[0].state_dict().items()
    )
    samples, texts = [line(seed=k) for k in range(4)], ["ab", "c a", "", "b"]
    if kind in (torch.float16, torch.bfloat16):
        with pytest.warns(UserWarning, match="brought to float32"):
            task.fit(samples, texts, seed=0)
    else:
        task.fit(samples, texts, seed=0)
        assert task.networks[0].output.weight.dtype == kind
    assert np.isfinite(task.evaluate(samples[:2], ["a", "b"])["cer"])
    assert all(bool(torch.isfinite(one).all()) for one in task.networks[0].parameters())


def test_new_characters_keep_the_precision_of_the_old():
    old = network(torch.float64)
    new = old.with_alphabet("abcd ")
    assert new.output.weight.dtype == torch.float64
    assert torch.equal(new.recurrent[0].state_dict()["onward.weight_ih_l0"],
                       old.recurrent[0].state_dict()["onward.weight_ih_l0"])  # fmt: skip


@pytest.mark.parametrize(
    "picture",
    [
        lambda a: Image.fromarray(a),
        lambda a: Image.fromarray(a).convert("RGB"),
        lambda a: Image.fromarray(a).convert("RGBA"),
        lambda a: Image.fromarray(a).convert("LA"),
        lambda a: Image.fromarray(a.astype(np.uint16) * 257),
        lambda a: a.astype(np.uint16) * 257,
        lambda a: a / 255.0,
        lambda a: torch.from_numpy(a / 255.0)[None],
        lambda a: {"image": a},
    ],
)
def test_a_line_reads_the_same_in_every_form(picture):
    task, grey = OCR(network()), line()
    assert torch.equal(task.predict([picture(grey)]).log_probs, task.predict([grey]).log_probs)
    assert task.size(picture(grey)) == task.size(grey)


@pytest.mark.parametrize("shape", [(32, 20_000), (1, 1), (900, 3), (32, 64)])
def test_lines_of_odd_shapes_are_read_beside_others(shape):
    task, odd = OCR(network(), batch_size=4), np.full(shape, 255, np.uint8)  # blank paper too
    alone, beside = task.predict([odd]), task.predict([line(), odd, line(seed=1)])[1]
    assert alone.texts == beside.texts
    torch.testing.assert_close(alone.log_probs, beside.log_probs, rtol=1e-4, atol=1e-4)
    assert task.cost(odd) >= 1


@pytest.mark.parametrize(
    "answer",
    [
        lambda images: np.array(["cat"] * len(images)),
        lambda images: [np.str_("cat")] * len(images),
        lambda images: [["cat", 0.5]] * len(images),
        lambda images: [("cat", np.float32(0.5))] * len(images),
        lambda images: tuple("cat" for _ in images),
    ],
)
def test_an_engine_may_answer_in_arrays_and_json(answer):
    texts = OCR(members=[answer]).predict([line(), line()]).texts
    assert texts == (("cat",), ("cat",))
    assert type(texts[0][0]) is str


def test_numbers_may_be_numpys_and_alphabets_lists_or_arrays():
    whole = network(height=np.int64(32), channels=np.int32(16), hidden=np.int8(8))
    assert json.loads(json.dumps(whole.settings()))["height"] == 32
    task = OCR(whole, committee=np.int64(3), batch_size=np.int64(2), beam=np.int64(2))
    assert task.members == 3
    for characters in ("abc", list("abc"), tuple("abc"), np.array(list("abc"))):
        assert network(alphabet=characters).alphabet == ("a", "b", "c")
    for bad in ({"committee": 1}, {"committee": 2.0}, {"batch_size": 0}, {"beam": True}):
        with pytest.raises(InvalidInputError, match=f"^{next(iter(bad))}: expected a whole"):
            OCR(network(), **bad)


@pytest.mark.parametrize(
    "wrap", [lambda net: torch.compile(net, backend="eager"), torch.nn.DataParallel]
)
def test_a_wrapped_recogniser_is_the_one_inside(wrap):
    plain = network()
    task = OCR(wrap(plain))
    assert task.networks[0] is plain
    assert task.predict([line()]).texts == OCR(plain).predict([line()]).texts


@pytest.mark.parametrize(
    "damage", ["{", "[]", '{"task": "ocr"}', '{"task": "ocr", "networks": "2"}',
               '{"task": "ocr", "networks": -1}', '{"task": "ner", "networks": 1}',
               '{"task": "ocr", "networks": 1, "format": 99}']
)  # fmt: skip
def test_damaged_settings_are_named(tmp_path, damage):
    task = OCR(network())
    task.save(tmp_path)
    (tmp_path / "altasks.json").write_text(damage)
    with pytest.raises(InvalidInputError) as caught:
        task.load(tmp_path)
    assert str(tmp_path) in str(caught.value)

"""Transcripts by one reader, and its answers that are no transcripts."""

import math

import numpy as np
import pytest
import torch

import altasks as al
from altasks.errors import InvalidInputError, UnreadableSampleError
from altasks.tasks.ocr.readers import (
    LEAST_LOG,
    CRNNReader,
    FunctionReader,
    Reading,
    as_transcripts,
    in_form,
)

Image = pytest.importorskip("PIL.Image", reason="needs the extra ocr")


def lines(count):
    rng = np.random.default_rng(count)
    return [
        Image.fromarray(rng.integers(0, 256, (32, int(width), 3), dtype=np.uint8))
        for width in rng.integers(24, 120, count)
    ]


def test_a_function_is_asked_once_for_all():
    asked = []

    def reads(images):
        asked.append(len(images))
        return [str(image.width) for image in images]

    images = lines(5)
    found = FunctionReader(reads, 0).read(images)
    assert [[one.text for one in row] for row in found] == [[str(image.width)] for image in images]
    assert asked == [5]
    assert FunctionReader(reads, 0).read([]) == []
    assert asked == [5]


def test_after_a_failure_images_are_asked_one_by_one_and_all_that_fail_are_named():
    images = lines(4)

    def reads(some):
        if any(image in (images[1], images[3]) for image in some):
            raise ValueError("smudge")
        return ["a"] * len(some)

    with pytest.raises(UnreadableSampleError, match="smudge") as raised:
        FunctionReader(reads, 7).read(images)
    assert sorted(raised.value.rows) == [1, 3]
    assert all("member 7" in found for found in raised.value.rows.values())


def test_a_failure_that_does_not_come_back_costs_nothing():
    calls = []

    def reads(some):
        calls.append(len(some))
        if len(some) > 1:
            raise MemoryError
        return ["a"]

    found = FunctionReader(reads, 0).read(lines(3))
    assert [row[0].text for row in found] == ["a", "a", "a"]
    assert calls == [3, 1, 1, 1]


@pytest.mark.parametrize(
    ("confidence", "log_prob"),
    [(1, 0.0), (0.5, math.log(0.5)), (np.float32(0.25), math.log(0.25)), (0.0, LEAST_LOG)],
)
def test_a_confidence_is_the_readings_and_each_characters(confidence, log_prob):
    (row,) = FunctionReader(lambda images: [("ab", confidence)], 0).read(lines(1))
    assert row == [Reading("ab", pytest.approx(log_prob), (float(confidence),) * 2)]


def test_an_empty_text_is_as_sure_as_its_reader_says():
    (row,) = FunctionReader(lambda images: [("", 0.25)], 0).read(lines(1))
    assert row == [Reading("", pytest.approx(math.log(0.25)), (0.25,))]
    assert in_form(row[0], "NFC") == row[0]
    assert FunctionReader(lambda images: [""], 0).read(lines(1)) == [[Reading("")]]
    model = al.CRNN("ab", height=32, channels=16, hidden=8)
    with torch.no_grad():
        model.output.bias[0] = 50  # blanks everywhere
    reader = CRNNReader(model, torch.device("cpu"), batch_size=2, beam=None)
    for (one,) in reader.read(lines(2)):
        assert one.text == ""
        assert one.confidences == pytest.approx((math.exp(one.log_prob),))


@pytest.mark.parametrize("said", [("a", 1.5), ("a", -0.1), ("a", True), ("a", math.nan), 3, b"a"])
def test_what_is_no_text_or_confidence_is_refused(said):
    with pytest.raises(InvalidInputError, match=r"member 0, .*row 1"):
        FunctionReader(lambda images: ["fine", said], 0).read(lines(2))


@pytest.mark.parametrize("batch_size", [1, 3, 16])
@pytest.mark.parametrize("beam", [None, 4])
def test_a_networks_readings_depend_on_no_batch(batch_size, beam):
    model = al.CRNN("abc ", height=32, channels=16, hidden=8, seed=3)
    images = lines(6)
    device = torch.device("cpu")
    alone = CRNNReader(model, device, batch_size=1, beam=beam)
    expected = [alone.read([image])[0][0] for image in images]
    reader = CRNNReader(model, device, batch_size=batch_size, beam=beam)
    for one, row in zip(expected, reader.read(images), strict=True):
        assert row[0].text == one.text
        assert row[0].log_prob == pytest.approx(one.log_prob, abs=1e-3)
        assert row[0].confidences == pytest.approx(one.confidences, abs=1e-4)
    embedded = reader.embed(images)
    assert embedded.shape == (6, 8)
    torch.testing.assert_close(embedded[2:3], alone.embed([images[2]]), atol=1e-5, rtol=1e-4)


def test_log_probs_are_known_only_if_every_member_says_so():
    rows = [[Reading("a", -0.5), Reading("b", -1.0)], [Reading("c", -2.0), Reading("d")]]
    assert as_transcripts(rows, 2).log_probs is None
    known = as_transcripts(rows[:1], 2)
    assert known.texts == (("a", "b"),)
    torch.testing.assert_close(known.log_probs, torch.tensor([[-0.5, -1.0]]))
    assert len(as_transcripts([], 2)) == 0


def test_a_unicode_form_that_joins_characters_forgets_their_confidences():
    apart = Reading("e\u0301a", -0.5, (0.5, 0.6, 0.7))
    joined = in_form(apart, "NFC")
    assert (joined.text, joined.log_prob, joined.confidences) == ("\u00e9a", -0.5, None)
    assert in_form(apart, None) is not None
    assert in_form(apart, None) == apart
    assert in_form(Reading("ab", None, (0.1, 0.2)), "NFC").confidences == (0.1, 0.2)

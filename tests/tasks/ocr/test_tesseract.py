"""Tesseract itself where it is installed; else what a missing one says."""

import shutil

import pytest

import altasks as al
from altasks.data.samples.text_lines import rendered_lines
from altasks.errors import InvalidInputError

pytest.importorskip("PIL", reason="needs the extra ocr")
needs_tesseract = pytest.mark.skipif(
    shutil.which("tesseract") is None, reason="needs the program tesseract (Debian: tesseract-ocr)"
)


@needs_tesseract
def test_it_reads_clean_lines():
    pytest.importorskip("matplotlib", reason="needs the extra plots")
    lines = rendered_lines(4, seed=0, face="sans", wear=0)
    task = al.OCR(members=[al.Tesseract("eng"), al.Tesseract("eng", page=13)])
    metrics = task.evaluate([lines[one] for one in lines], list(lines.labels.values()))
    assert metrics["cer"] < 0.25
    prediction = task.predict([lines["0"]])
    assert prediction.members == 2
    assert prediction.log_probs is not None


@needs_tesseract
def test_an_empty_line_is_an_empty_text():
    from PIL import Image

    reader = al.Tesseract("eng")
    reader._run = lambda options, given: "level\ttext\n" + "\t".join("1" * 10) + "\t-1\t\n"
    assert reader([Image.new("RGB", (200, 48), "white")]) == [("", 0.0)]


@needs_tesseract
def test_the_confidence_is_the_mean_over_words_by_length():
    from PIL import Image

    reader = al.Tesseract("eng")
    cells = "\t".join("1" * 10)
    reader._run = lambda options, given: f"head\n{cells}\t90\tabc\n{cells}\t50\td\n"
    assert reader([Image.new("RGB", (20, 48))]) == [("abc d", pytest.approx(0.8))]


@needs_tesseract
def test_a_language_that_is_not_installed():
    with pytest.raises(InvalidInputError, match=r"language: expected one of .*found 'xyz'"):
        al.Tesseract("xyz")


def test_no_program():
    with pytest.raises(InvalidInputError, match=r"none called 'no-such-tesseract'.*tesseract-ocr"):
        al.Tesseract("eng", program="no-such-tesseract")


@pytest.mark.parametrize("language", ["", "-x", "a b", "a;b", "../a", "+"])
def test_a_language_is_a_name(language):
    with pytest.raises(InvalidInputError, match="names of tesseract's languages"):
        al.Tesseract(language)

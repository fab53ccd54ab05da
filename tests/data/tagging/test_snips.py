import json
from collections import Counter
from pathlib import Path

import pytest

from altasks.data.tagging.snips import read_snips
from altasks.errors import InvalidInputError

REAL = Path(__file__).parents[4] / "shared" / "data" / "text" / "snips"


@pytest.fixture
def folder(tmp_path):
    def write(requests, intent="PlayMusic", encode=lambda text: text.encode()):
        (tmp_path / intent).mkdir(exist_ok=True)
        path = tmp_path / intent / f"train_{intent}_full.json"
        path.write_bytes(encode(json.dumps(requests, ensure_ascii=False)))
        return tmp_path

    return write


def request(*chunks):
    return {
        "data": [
            {"text": chunk} if isinstance(chunk, str) else {"text": chunk[0], "entity": chunk[1]}
            for chunk in chunks
        ]
    }


def test_slots_become_spans_over_words(folder):
    root = folder(
        {
            "PlayMusic": [
                request(
                    "play the ", ("song", "item"), " ", ("Yo  Ho ", "track"), "by ", ("Al", "x")
                ),
                request("no slots here."),
            ]
        }
    )
    weather = request(("one pm", "time"), ("near", "where"), " Rome's hills")
    folder({"GetWeather": [weather]}, "GetWeather")
    sentences = read_snips(root)
    assert sentences.ids == ["train/GetWeather/0", "train/PlayMusic/0", "train/PlayMusic/1"]
    assert sentences.extra["intent"] == ["GetWeather", "PlayMusic", "PlayMusic"]
    assert sentences.tokens[0] == ["one", "pm", "near", "Rome's", "hills"]
    assert sentences.tags[0] == ["B-time", "I-time", "B-where", "O", "O"]
    assert sentences.tokens[1] == ["play", "the", "song", "Yo", "Ho", "by", "Al"]
    assert sentences.tags[1] == ["O", "O", "B-item", "B-track", "I-track", "O", "B-x"]
    assert sentences.tags[2] == ["O"] * 4
    for text, offsets, tokens in zip(
        sentences.extra["text"], sentences.extra["offsets"], sentences.tokens, strict=True
    ):
        assert [text[start:end] for start, end in offsets] == tokens


def test_an_emoji_in_two_halves_is_one(folder):
    root = folder(
        {"PlayMusic": [request("play ", ("Punk \ud83c\udf55", "playlist"))]},
        encode=lambda text: text.encode("utf-8", "surrogatepass"),
    )
    assert read_snips(root).tokens == [["play", "Punk", "🍕"]]


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({"Other": []}, "an object with a list 'PlayMusic'"),
        ([], "an object with a list 'PlayMusic', found list"),
        ({"PlayMusic": [request("ok"), {}]}, "request 1: data: .*found {}"),
        ({"PlayMusic": [{"data": [{"entity": "x"}]}]}, "request 0: data: "),
        ({"PlayMusic": [request("a ", (" ", "x"))]}, "request 0: spans: .*at least one"),
        ({"PlayMusic": [request("a ", ("b", ""))]}, "request 0: spans: .*a label"),
    ],
)
def test_other_files_are_refused(folder, document, says):
    with pytest.raises(InvalidInputError, match=says) as caught:
        read_snips(folder(document))
    assert "train_PlayMusic_full.json" in str(caught.value)


def test_other_folders_and_parts_are_refused(folder, tmp_path):
    for place in (tmp_path, tmp_path / "none"):
        with pytest.raises(InvalidInputError, match=r"INTENT/train_INTENT_full\.json, found none"):
            read_snips(place)
    with pytest.raises(InvalidInputError, match="train or validate, found 'test'"):
        read_snips(tmp_path, "test")
    root = folder({"PlayMusic": []}, encode=lambda text: b"\xff" + text.encode())
    with pytest.raises(InvalidInputError, match="JSON in UTF-8"):
        read_snips(root)
    root = folder({"PlayMusic": []}, encode=lambda text: b"{")
    with pytest.raises(InvalidInputError, match="JSON in UTF-8"):
        read_snips(root)


@pytest.mark.skipif(not REAL.is_dir(), reason="SNIPS is not here")
def test_the_published_files():
    train, validate = read_snips(REAL), read_snips(REAL, "validate")
    assert (len(train), len(validate)) == (13784, 700)
    assert len(train.labels) == len(validate.labels) == 39
    assert Counter(validate.extra["intent"]) == dict.fromkeys(set(train.extra["intent"]), 100)
    # As many spans as slots, each with the words of its slot.
    for intent in ("PlayMusic", "GetWeather"):
        raw = (REAL / intent / f"train_{intent}_full.json").read_bytes()
        halves = raw.decode("utf-8", "surrogatepass")
        document = json.loads(halves.encode("utf-16", "surrogatepass").decode("utf-16"))
        rows = [row for row, one in enumerate(train.extra["intent"]) if one == intent]
        for row, published in zip(rows, document[intent], strict=True):
            slots = [
                ("".join(chunk["text"].split()), chunk["entity"])
                for chunk in published["data"]
                if "entity" in chunk
            ]
            words = train.tokens[row]
            assert slots == [
                ("".join("".join(words[start:end]).split()), label)
                for start, end, label in train.spans(row)
            ]

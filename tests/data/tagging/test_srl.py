import gzip
import json
from pathlib import Path

import pytest

from altasks.data.tagging.srl import read_srl
from altasks.errors import InvalidInputError

REAL = Path(__file__).parents[4] / "shared" / "data" / "srl" / "ewt_propbank"
TOKENS = ["She", "sold", "it", "quickly"]
TAGS = ["B-ARG0", "B-V", "B-ARG1", "B-ARGM-MNR"]


@pytest.fixture
def read(tmp_path):
    def read(*records):
        path = tmp_path / "roles.jsonl"
        path.write_text("\n".join(json.dumps(record) for record in records))
        return read_srl(path)

    return read


def sentence(**frame):
    return {"tokens": TOKENS, "frames": [{"verb": 1, "roleset": "sell.01", "tags": TAGS, **frame}]}


def test_sentences_with_their_frames(read):
    found = read(
        {**sentence(), "doc": "a", "sent": 3, "upos": ["X"] * 4},
        {"id": 5, "tokens": ["Hi"], "frames": []},
        {"id": None, "tokens": TOKENS, "frames": [{"verb": 1, "tags": ["O", "B-V", "I-V", "O"]}]},
    )
    assert found == [
        {**sentence(), "id": "a/3"},
        {"id": "5", "tokens": ["Hi"], "frames": []},
        {
            "tokens": TOKENS,
            "frames": [{"verb": 1, "roleset": "", "tags": ["O", "B-V", "I-V", "O"]}],
        },
    ]


def test_compressed_files(tmp_path, read):
    path = tmp_path / "roles.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps(sentence()).encode()))
    assert read_srl(path) == read(sentence())


@pytest.mark.parametrize(
    ("record", "says"),
    [
        (sentence(verb=4), "one of 4 words, found 4 .frame 0"),
        (sentence(verb=-1), "found -1"),
        (sentence(verb=True), "found True"),
        (sentence(verb="1"), "found '1'"),
        (sentence(tags=TAGS[:3]), "4 words, found 3 .frame 0"),
        (sentence(tags=["O", "B-V", "I-ARG1", "O"]), "'I-ARG1' after 'B-V' .frame 0, word 2"),
        (sentence(tags=["O", "B-V", "X", "O"]), "'X' .frame 0, word 2"),
        (sentence(tags=["O", "B-V", 3, "O"]), "found 3 .frame 0, word 2"),
        (sentence(tags=["B-V", "O", "O", "O"]), r"at the verb \(word 1\), found V at word 0"),
        (sentence(tags=["O", "B-V", "B-V", "O"]), "found V at word 1, word 2"),
        (sentence(tags=None), "frames: expected objects with verb and tags"),
        (sentence(roleset=3), "roleset: expected a string, found 3"),
        ({"tokens": TOKENS, "frames": [3]}, "objects with verb and tags, found 3"),
        ({"tokens": TOKENS}, "lists tokens and frames, found 'tokens'"),
        ({"tokens": [], "frames": []}, "at least one word"),
        ({"tokens": [3], "frames": []}, r"a list of words, found \[3\]"),
        ({"tokens": ["a", "b\ud83c"], "frames": []}, r"whole characters, found 'b\\ud83c'"),
        ([], "a JSON object, found list"),
        ({"id": "twice", "tokens": ["a"], "frames": []}, "distinct ids, found 'twice', as in"),
    ],
)
def test_faults_name_the_file_and_the_line(read, record, says):
    with pytest.raises(InvalidInputError, match=says) as caught:
        read({"id": "twice", "tokens": ["Hi"], "frames": []}, record)
    assert "roles.jsonl" in str(caught.value)
    assert "line 2" in str(caught.value)


def test_an_empty_file(read):
    with pytest.raises(InvalidInputError, match="a sentence on each line, found none"):
        read()


@pytest.mark.parametrize(("part", "count", "frames"), [("dev", 1957, 4953), ("test", 2047, 4789)])
def test_the_published_files(part, count, frames):
    path = REAL / f"{part}.jsonl.gz"
    if not path.exists():
        pytest.skip("the English Web Treebank with PropBank is not here")
    sentences = read_srl(path)
    assert (len(sentences), sum(len(one["frames"]) for one in sentences)) == (count, frames)
    assert all(f["tags"][f["verb"]] == "B-V" for one in sentences for f in one["frames"])

"""Readers of text files on any bytes: they read them, or refuse them by the file's name.

`fuzzing.py` says how each is kept at it for longer.
"""

import json

import pytest
from fuzzing import edited, fuzz
from hypothesis import strategies as st

import altasks as al
from altasks.data import (
    read_argilla,
    read_argilla_spans,
    read_conll,
    read_conllu,
    read_doccano,
    read_line_folder,
    read_line_table,
    read_prodigy,
    read_snips,
    read_srl,
    read_tagged_jsonl,
)
from altasks.errors import AltasksError

_MARKS = ["", "\ufeff", "\n", "\r", "\r\n", "\t", ",", '"', '""', " ", "\0", "#", "_"]
_CELLS = [
    "-DOCSTART-",
    "text",
    "id",
    "label",
    "image",
    "a.png",
    "Ada",
    "B-PER",
    "I-PER",
    "M-LOC",
    "O",
    "1",
    "1-2",
    "2.1",
    "-1",
    "nan",
    "é",
    "😀",
    "{",
    "}",
    "[",
    "]",
    ":",
    '"tokens"',
    '"tags"',
    '"frames"',
    '"verb"',
    '"data"',
    '"text"',
    '"PlayMusic"',
    '"answer"',
    '"accept"',
    '"responses"',
    "null",
    "NER=B-X|A=b",
]
_CELLS += ["\ud83d"]
PIECES = st.lists(st.sampled_from([*_MARKS, *_CELLS, "\n", "\t", ","]), max_size=40)
TEXTS = PIECES.map("".join).map(lambda text: text.encode("utf-8", "surrogatepass"))
LEAVES = st.none() | st.booleans() | st.integers(-3, 4) | st.floats() | st.sampled_from(
    ["O", "B-V", "B-X", "I-X", "a", ""]
)  # fmt: skip
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["tokens", "frames", "verb", "tags", "roleset", "id", "doc", "sent", "text",
                         "data", "entity", "PlayMusic", "label"]), inner, max_size=5,
    ),
    max_leaves=14,
)  # fmt: skip
JSON = st.lists(VALUES, min_size=1, max_size=3).map(
    lambda values: "\n".join(map(json.dumps, values)).encode()
)
ANYTHING = TEXTS | st.binary(max_size=60) | JSON
BASES = {
    "csv": 'id,text,label\na,"one, two",x\nb,"a ""b""",\nc,3,nan\n',
    "tsv": 'id\ttext\tlabel\na\t"No" he said\t1\nb\tfine\t-1\n',
    "jsonl": '{"id": 1, "text": "a", "label": null}\n{"id": 2, "text": "c", "label": 1}\n',
    "conll": "Ada\tB-PER\nL\tM-PER\nace\tE-PER\n\n-DOCSTART-\tO\n\nin\tO\nRome\tS-LOC\n",
    "conllu": "# sent_id = a\n1-2\tdu\t_\n1\tde\tNER=O\n2\tle\tNER=B-X|A=b\n\n1\tRome\tNER=B-X\n",
    "lines": "image,text\na.png,one line\n",
    "snips": '{"PlayMusic": [{"data": [{"text": "play "}, {"text": "jazz", "entity": "genre"}]}]}',
    "srl": '{"tokens": ["It", "rains"], "frames": [{"verb": 1, "tags": ["O", "B-V"]}]}\n',
    "doccano": '{"id": 1, "text": "a", "label": ["x"]}\n{"id": 2, "text": "b", "label": []}\n',
    "prodigy": '{"text": "a", "accept": ["x"], "answer": "accept", "_input_hash": 3}\n',
    "argilla": (
        '[{"id": 1, "fields": {"text": "a"}, "status": "completed", '
        '"responses": {"label": [{"value": "x", "user_id": "u"}]}}]'
    ),
    "argilla_spans": (
        '[{"id": 1, "fields": {"text": "Ada"}, "responses": '
        '{"label": [{"value": [{"start": 0, "end": 3, "label": "PER"}], "user_id": "u"}]}}]'
    ),
    "tagged_jsonl": '{"tokens": ["a"], "tags": ["B-X"]}\n{"text": "Ada", "label": [[0, 3, "X"]]}\n',
}


def table(suffix):
    def read(folder, content, variant):
        path = folder / f"a{suffix}"
        path.write_bytes(content)
        return al.as_pool(
            path,
            label_column="label" if variant % 2 else None,
            quoting=[None, "csv", "none"][variant % 3],
        )

    return read


def conll(folder, content, variant):
    path = folder / "a.conll"
    path.write_bytes(content)
    return read_conll(
        path,
        token_column=variant % 2,
        scheme=[None, "PLAIN", "BMES", "IO"][variant % 4],
        comments=["#", None][variant % 2],
        tag_key=[None, None, "NER"][variant % 3],
        repair=variant > 3,
    )


def conllu(folder, content, variant):
    path = folder / "a.conllu"
    path.write_bytes(content)
    return read_conllu(path, tag_key=[None, "NER"][variant % 2])


def lines(folder, content, variant):
    from PIL import Image

    Image.new("L", (8, 4)).save(folder / "a.png")
    if variant % 2:
        (folder / "a.gt.txt").write_bytes(content)
        return read_line_folder(folder)
    path = folder / ["lines.csv", "lines.tsv"][variant % 4 // 2]
    path.write_bytes(content)
    return read_line_table(path)


def snips(folder, content, variant):
    (folder / "PlayMusic").mkdir(exist_ok=True)
    (folder / "PlayMusic" / "train_PlayMusic_full.json").write_bytes(content)
    return read_snips(folder)


def json_lines(reader):
    def read(folder, content, variant):
        path = folder / "a.jsonl"
        path.write_bytes(content)
        return reader(path)

    return read


def classes(reader):
    def read(folder, content, variant):
        path = folder / "a.jsonl"
        path.write_bytes(content)
        return reader(path, multiple=variant % 2 > 0)

    return read


def argilla(reader):
    def read(folder, content, variant):
        path = folder / ["a.json", "a.jsonl"][variant % 3 // 2]
        path.write_bytes(content)
        return reader(path, question=[None, "label"][variant % 2])

    return read


READERS = {
    "csv": table(".csv"),
    "tsv": table(".tsv"),
    "jsonl": table(".jsonl"),
    "conll": conll,
    "conllu": conllu,
    "lines": lines,
    "snips": snips,
    "srl": json_lines(read_srl),
    "doccano": classes(read_doccano),
    "prodigy": classes(read_prodigy),
    "argilla": argilla(read_argilla),
    "argilla_spans": argilla(read_argilla_spans),
    "tagged_jsonl": json_lines(read_tagged_jsonl),
}


@pytest.mark.filterwarnings("ignore::altasks.errors.DataWarning")
@pytest.mark.timeout(0)
@pytest.mark.parametrize("name", READERS)
def test_any_file_is_read_or_named(tmp_path, name):
    def run(content, variant):
        try:
            READERS[name](tmp_path, content, variant)
        except AltasksError as error:
            message = str(error)
            # Once a file is a table, its cells are named by column and line.
            assert any(word in message for word in [str(tmp_path), "line ", "column", "pool: "])
            return True
        return False

    # Not all is refused: the file that the others are made from is read, with some options.
    assert not all(run(BASES[name].encode(), variant) for variant in range(12))
    base = edited(BASES[name], [*_MARKS, *_CELLS])
    fuzz(run, base | ANYTHING, st.integers(0, 11), examples=25)

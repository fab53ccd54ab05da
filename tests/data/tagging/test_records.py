import json

import pytest

from altasks.data.tagging.records import from_dataset, read_tagged_jsonl
from altasks.errors import InvalidInputError

ADA = {"tokens": ["Ada", "Lovelace", "wrote"], "tags": ["B-PER", "I-PER", "O"]}
TEXT = {
    "text": "Ada Lovelace\u00a0wrote!",
    "spans": [{"start": 0, "end": 12, "label": "PER", "by": "me"}],
}


@pytest.fixture
def read(tmp_path):
    def read(*records, **options):
        path = tmp_path / "s.jsonl"
        lines = [one if isinstance(one, str) else json.dumps(one) for one in records]
        path.write_text("\n".join(lines), encoding="utf-8")
        return read_tagged_jsonl(path, **options)

    return read


def test_words_and_tags(read):
    sentences = read(ADA, "", {"tokens": ["Paris", ""], "ner_tags": ["B-LOC", "O"]})
    assert sentences.tokens == [ADA["tokens"], ["Paris", ""]]
    assert sentences.tags == [ADA["tags"], ["B-LOC", "O"]]
    assert sentences.ids == ["0", "1"]
    assert sentences.positional
    assert sentences.extra == {}


def test_text_and_spans(read):
    sentences = read(TEXT, ADA)
    assert sentences.tokens[0] == ["Ada", "Lovelace", "wrote", "!"]
    assert sentences.tags[0] == ["B-PER", "I-PER", "O", "O"]
    assert sentences.extra["text"] == [TEXT["text"], None]
    assert sentences.extra["offsets"] == [[(0, 3), (4, 12), (13, 18), (18, 19)], None]


def test_a_span_inside_a_word(read):
    inside = {"text": "A Paris-based firm", "spans": [{"start": 2, "end": 7, "label": "LOC"}]}
    with pytest.raises(InvalidInputError, match=r"line 1: .*\(2, 7, 'LOC'\) 'Paris'.*cut=True"):
        read(inside)
    sentences = read(inside, cut=True)
    assert sentences.tokens == [["A", "Paris", "-", "based", "firm"]]
    assert sentences.tags == [["O", "B-LOC", "O", "O", "O"]]


def test_schemes_are_found_and_numbers_named(read):
    assert read({"tokens": ["a", "b"], "tags": ["I-X", "B-X"]}).tags == [["B-X", "B-X"]]
    # Texts with spans say nothing about the scheme of the tags.
    mixed = read(TEXT, {"tokens": ["a", "b"], "tags": ["S-X", "O"]})
    assert mixed.tags[1] == ["B-X", "O"]
    names = ["O", "B-X", "I-X"]
    assert read({"tokens": ["a", "b"], "tags": [1, 2]}, names=names).tags == [["B-X", "I-X"]]
    assert read({"tokens": ["a", "b"], "tags": ["O", "I-X"]}, scheme="IOB2", repair=True).tags == [
        ["O", "B-X"]
    ]


def test_ids_and_extras(read):
    sentences = read({**ADA, "id": 7, "topic": "a"}, {**TEXT, "id": "x"}, extra=["topic"])
    assert sentences.ids == ["7", "x"]
    assert not sentences.positional
    assert sentences.extra["topic"] == ["a", None]


@pytest.mark.parametrize(
    ("record", "options", "says"),
    [
        ({"tokens": ["a"]}, {}, "tokens and either tags or ner_tags.* found 'tokens'"),
        ({"tokens": ["a"], "tags": ["O"], "ner_tags": ["O"]}, {}, "either tags or ner_tags"),
        ({"text": "a"}, {}, "a text and spans, found 'text'"),
        ({"text": 3, "spans": []}, {}, "a text and spans"),
        ({}, {}, "found none"),
        ({"tokens": ["a", "b"], "tags": ["O"]}, {}, "2 words, found 1 tags"),
        ({"tokens": [], "tags": []}, {}, "at least one word"),
        ({"text": " ", "spans": []}, {}, "at least one word"),
        ({"tokens": "ab", "tags": ["O", "O"]}, {}, "a list of words"),
        ({"tokens": ["\udf55"], "tags": ["O"]}, {}, r"words of whole characters, found '\\udf55'"),
        ({"text": "a \udf55", "spans": []}, {}, r"words of whole characters, found '\\udf55'"),
        ({"tokens": ["a"], "tags": ["B-\ud83c"]}, {}, "tags of whole characters"),
        ({"tokens": ["a"], "tags": [1]}, {}, r"a list of tags, found \[1\]"),
        ({"tokens": ["a"], "tags": [3]}, {"names": ["O", "B-X"]}, "2 names, from 0, found 3"),
        ({"tokens": ["a"], "tags": [-1]}, {"names": ["O", "B-X"]}, "found -1"),
        ({"tokens": ["a"], "tags": None}, {"names": ["O", "B-X"]}, "a list of tags, found None"),
        ({"tokens": ["a", "b"], "tags": ["O", "Q-X"]}, {}, r"'Q-X' \(.*line 2, word 1\)"),
        ({"tokens": ["a", "b"], "tags": ["O", "E-X"]}, {"scheme": "BIOES"}, r"line 2, word 1"),
        ({"text": "ab", "spans": [{"start": 0}]}, {}, "a list of {start, end, label}"),
        ({"text": "ab", "spans": {"start": 0}}, {}, "a list of {start, end, label}"),
        ({"text": "ab", "spans": [{"start": 0, "end": 3, "label": "X"}]}, {}, "2 characters"),
        ({"text": "ab", "spans": [{"start": 1, "end": 1, "label": "X"}]}, {}, "at least one of"),
        ({"text": "ab", "spans": [{"start": 0, "end": 2, "label": ""}]}, {}, "a label"),
        ({"text": "ab", "spans": [{"start": 0.5, "end": 2, "label": "X"}]}, {}, "whole numbers"),
        ({"text": "a b", "spans": [{"start": 0, "end": 2, "label": "X"}]}, {}, "whitespace"),
        (
            {
                "text": "a b c",
                "spans": [
                    {"start": 2, "end": 5, "label": "X"},
                    {"start": 0, "end": 3, "label": "Y"},
                ],
            },
            {},
            r"overlap, found \(0, 3, 'Y'\) 'a b' and \(2, 5, 'X'\) 'b c'",
        ),
        ([1], {}, "a JSON object, found list"),
        ("{", {}, "a JSON object, found Expecting"),
        ({**ADA, "id": None}, {}, "for none, found none"),
        ({**ADA, "id": True}, {}, "found True"),
        ({**ADA, "id": "first"}, {}, "distinct ids, found 'first' .*line 1 and .*line 2"),
    ],
)
def test_faults_name_the_file_and_the_line(read, record, options, says):
    named = "id" in record or "distinct" in says
    first = {"tokens": ["a"], "tags": ["O"], **({"id": "first"} if named else {})}
    if "names" in options:
        first["tags"] = [0]
    with pytest.raises(InvalidInputError, match=says) as caught:
        read(first, record, **options)
    assert "s.jsonl" in str(caught.value)
    assert "line 2" in str(caught.value)


def test_files_without_what_was_asked_for(read):
    with pytest.raises(InvalidInputError, match="an object on each line, found none"):
        read("")
    with pytest.raises(InvalidInputError, match="a field 'topic', found none"):
        read(ADA, extra=["topic"])


def dataset(tags, *, label_names=None, **columns):
    datasets = pytest.importorskip("datasets", reason="needs the extra text")
    rows = {"tokens": [["Ada", "wrote"], ["Paris"]], "ner_tags": tags, **columns}
    made = datasets.Dataset.from_dict(rows)
    if label_names is None:
        return made
    label = datasets.ClassLabel(names=label_names)
    return made.cast_column("ner_tags", datasets.Sequence(label))


def test_class_labels_of_a_dataset():
    made = dataset([[1, 0], [2]], label_names=["O", "B-PER", "B-LOC"], id=["x", "y"], n=[4, 5])
    sentences = from_dataset(made, id_column="id", extra=["n"])
    assert sentences.tokens == [["Ada", "wrote"], ["Paris"]]
    assert sentences.tags == [["B-PER", "O"], ["B-LOC"]]
    assert sentences.ids == ["x", "y"]
    assert sentences.extra == {"n": [4, 5]}
    assert from_dataset(made).ids == ["0", "1"]


def test_plain_tags_of_a_dataset():
    assert from_dataset(dataset([["S-PER", "O"], ["S-LOC"]])).tags == [["B-PER", "O"], ["B-LOC"]]
    assert from_dataset(dataset([[1, 0], [1]]), names=["O", "B-X"]).tags == [["B-X", "O"], ["B-X"]]
    renamed = dataset([["O", "O"], ["O"]]).rename_column("ner_tags", "tags")
    assert from_dataset(renamed).tags == [["O", "O"], ["O"]]


@pytest.mark.parametrize(
    ("tags", "options", "says"),
    [
        ([[1, 0], [1]], {}, r"a list of tags, found \[1, 0\] \(row 0\)"),
        ([[1, 0], [7]], {"names": ["O", "B-X"]}, "dataset, row 1: .*2 names, from 0, found 7"),
        ([["O", "I-X"], ["B-X"]], {"scheme": "IOB2"}, r"'I-X' after 'O' \(row 0, word 1\)"),
        ([["O"], ["O"]], {}, r"2 words, found 1 tags \(row 0\)"),
        ([["O", "O"], ["O"]], {"tokens_column": "words"}, "'tokens', 'ner_tags', found 'words'"),
        ([["O", "O"], ["O"]], {"tags_column": "tags"}, "tags_column: .*found 'tags'"),
        ([["O", "O"], ["O"]], {"id_column": "key"}, "id_column: .*found 'key'"),
        ([["O", "O"], ["O"]], {"extra": ["n"]}, "extra: .*found 'n'"),
    ],
)
def test_faults_of_a_dataset_name_the_row_or_column(tags, options, says):
    with pytest.raises(InvalidInputError, match=says):
        from_dataset(dataset(tags), **options)


def test_what_is_no_dataset():
    datasets = pytest.importorskip("datasets", reason="needs the extra text")
    splits = datasets.DatasetDict({"train": dataset([["O", "O"], ["O"]])})
    with pytest.raises(InvalidInputError, match=r"choose one: dataset\[.train.\]"):
        from_dataset(splits)
    with pytest.raises(InvalidInputError, match="a Hugging Face Dataset, found list"):
        from_dataset([])


def test_a_data_frame_of_sentences():
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    numpy = pytest.importorskip("numpy")
    frame = pandas.DataFrame(
        {
            "tokens": [["Ada", "wrote"], numpy.array(["Paris"], object)],
            "ner_tags": [["B-PER", "O"], ["B-LOC"]],
            "key": ["x", "y"],
        },
        index=[1, 0],
    )
    sentences = from_dataset(frame, id_column="key")
    assert (sentences.ids, sentences.tokens) == (["x", "y"], [["Ada", "wrote"], ["Paris"]])
    with pytest.raises(InvalidInputError, match="'ner_tags', 'key', found 'words'"):
        from_dataset(frame, tokens_column="words")


def test_labels_with_numbers_are_in_the_order_of_the_numbers(read):
    tags = [f"B-{label}" for label in ("c10", "c2", "PER", "c1")]
    assert read({"tokens": list("abcd"), "tags": tags}).labels == ["PER", "c1", "c2", "c10"]

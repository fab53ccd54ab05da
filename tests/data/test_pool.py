"""A pool is anything with ids."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

import altasks as al
from altasks.errors import InvalidInputError, PoolMismatchError, UnknownNameError


def test_list_dict_array():
    assert al.as_pool(["a", "b"]).ids == ["0", "1"]
    assert al.as_pool(["a", "b"]).positional
    named = al.as_pool({"x": 1, "y": 2})
    assert (named["y"], named.positional, "z" in named, 3 in named) == (2, False, False, False)
    assert al.as_pool(np.arange(6).reshape(3, 2))["2"].tolist() == [4, 5]


def test_subset_keeps_samples_and_labels():
    pool = al.as_pool({"x": 1, "y": 2, "z": 3}).subset(["z", "x"])
    assert [pool[i] for i in pool.ids] == [3, 1]
    assert pool.at(0) == 3
    assert not pool.positional
    # Ids that are positions say as little of what is there in a part of the pool.
    assert al.as_pool(["a", "b"]).subset(["1"]).positional


def test_a_store_notices_another_list_behind_a_subset(tmp_path):
    url = f"sqlite:///{tmp_path}/run.db"
    texts = ["one", "two", "three"]
    al.ActiveLoop(None, al.as_pool(texts).subset(["2", "0"]), store=url).close()
    al.ActiveLoop(None, al.as_pool(texts).subset(["2", "0"]), store=url).close()
    with pytest.raises(PoolMismatchError, match="the sample '2' has another content"):
        al.ActiveLoop(None, al.as_pool(texts[::-1]).subset(["2", "0"]), store=url)


@pytest.mark.parametrize("kind", ["pool", "dict", "list", "folder"])
def test_a_column_of_what_has_none_is_refused(tmp_path, kind):
    (tmp_path / "a.txt").touch()
    sources = {"pool": al.as_pool(["a"]), "dict": {"a": 1}, "list": ["a"], "folder": tmp_path}
    for argument in ("text_column", "id_column", "label_column"):
        with pytest.raises(InvalidInputError, match=f"{argument}: expected None for"):
            al.as_pool(sources[kind], **{argument: "id"})


@pytest.mark.parametrize("empty", [[], {}, np.empty((0, 3))])
def test_empty_pool(empty):
    with pytest.raises(InvalidInputError, match="at least one sample"):
        al.as_pool(empty)


def test_unknown_and_non_string_ids():
    with pytest.raises(UnknownNameError, match="'q' is not in the pool of 1"):
        al.as_pool({"x": 1})["q"]
    with pytest.raises(InvalidInputError, match="strings"):
        al.as_pool({1: "x"})
    with pytest.raises(UnknownNameError, match="string"):
        al.as_pool(["x"]).position(0)
    with pytest.raises(InvalidInputError, match="int"):
        al.as_pool(3)


def test_csv(tmp_path):
    path = tmp_path / "pool.csv"
    path.write_text('id,text,label\na,"one, two",x\nb,tres,\n', encoding="utf-8")
    pool = al.as_pool(path, label_column="label")
    assert (pool.ids, pool["a"], pool.labels) == (["a", "b"], "one, two", {"a": "x"})
    assert not pool.positional
    with pytest.raises(InvalidInputError, match="'id', 'text', 'label', found 'sentence'"):
        al.as_pool(path, text_column="sentence")


def test_csv_without_ids_counts_rows(tmp_path):
    path = tmp_path / "pool.tsv"
    path.write_text("sentence\tn\nsome\t1\nmore\t2\n")
    pool = al.as_pool(str(path), text_column="sentence")
    assert (pool.ids, pool["1"], pool.positional) == (["0", "1"], "more", True)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "empty file"),
        ("text,text\na,b\n", "distinct column names"),
        ("text,n\na\n", r"2 cells, found 1 \(line 2\)"),
        ("id,text\na,x\na,y\n", "'a' in line 2 and line 3"),
        ("id,text\n,x\n", "line 2"),
        ("id,text\n", "at least one sample"),
    ],
)
def test_bad_csv(tmp_path, content, message):
    path = tmp_path / "pool.csv"
    path.write_text(content)
    with pytest.raises(InvalidInputError, match=message):
        al.as_pool(path)


def test_jsonl(tmp_path):
    path = tmp_path / "pool.jsonl"
    path.write_text('{"id": 7, "text": "a"}\n\n{"id": 8, "text": "b", "extra": 1}\n')
    assert al.as_pool(path).ids == ["7", "8"]
    path.write_text('"plain"\n"strings"\n')
    assert al.as_pool(path)["1"] == "strings"
    path.write_text('{"text": 1}\n{oops\n')
    with pytest.raises(InvalidInputError, match="line 2"):
        al.as_pool(path)
    path.write_text("[1]\n")
    with pytest.raises(InvalidInputError, match="an object or a string"):
        al.as_pool(path)
    path.write_bytes(b'{"text": "\xff"}')
    with pytest.raises(InvalidInputError, match="UTF-8"):
        al.as_pool(path)


def test_missing_or_odd_files(tmp_path):
    with pytest.raises(InvalidInputError, match="neither"):
        al.as_pool(tmp_path / "nothing.csv")
    (tmp_path / "a.xlsx").write_text("x")
    with pytest.raises(InvalidInputError, match=r"\.csv"):
        al.as_pool(tmp_path / "a.xlsx")


def test_folder(tmp_path):
    (tmp_path / "pool" / "sub").mkdir(parents=True)
    for name in ("b.png", "a.txt", "sub/c.PNG", ".hidden.png"):
        (tmp_path / "pool" / name).write_text(name)
    pool = al.as_pool(tmp_path / "pool", suffixes=(".png",))
    assert pool.ids == ["b.png", "sub/c.PNG"]
    assert pool["sub/c.PNG"].read_text() == "sub/c.PNG"
    (tmp_path / "secret.png").write_text("secret")
    (tmp_path / "pool" / "link.png").symlink_to(tmp_path / "secret.png")
    with pytest.raises(InvalidInputError, match="outside the folder"):
        al.as_pool(tmp_path / "pool")
    with pytest.raises(InvalidInputError, match=r"with suffix \.gif"):
        al.as_pool(tmp_path / "pool" / "sub", suffixes=[".gif"])


def test_hugging_face_dataset():
    datasets = pytest.importorskip("datasets", reason="the text extra is not installed")
    source = datasets.Dataset.from_dict({"text": ["a", "b"], "key": ["x", "y"], "y": [0, 1]})
    pool = al.as_pool(source, id_column="key", label_column="y")
    assert (pool.ids, pool["y"], pool.labels) == (["x", "y"], "b", {"x": 0, "y": 1})
    assert al.as_pool(source.rename_column("text", "t"))["0"]["t"] == "a"
    with pytest.raises(InvalidInputError, match="columns"):
        al.as_pool(source, text_column="nope")


def test_gaps_of_a_dataset_are_no_ids_and_no_labels():
    datasets = pytest.importorskip("datasets", reason="the text extra is not installed")
    rows = {"text": ["a", "b", "c"], "y": ["p", None, ""], "key": ["u", None, "v"], "n": [1, 2, 2]}
    source = datasets.Dataset.from_dict(rows)
    assert al.as_pool(source, label_column="y").labels == {"0": "p"}
    with pytest.raises(InvalidInputError, match=r"key: expected an id .* found none \(row 1\)"):
        al.as_pool(source, id_column="key")
    with pytest.raises(InvalidInputError, match="distinct ids, found '2' in row 1 and row 2"):
        al.as_pool(source.with_format("numpy"), id_column="n")
    with pytest.raises(InvalidInputError, match=r"one Dataset.*choose one"):
        al.as_pool(datasets.DatasetDict(train=source))
    with pytest.raises(InvalidInputError, match=r"one Dataset.*without streaming"):
        al.as_pool(source.to_iterable_dataset())


def test_a_pandas_frame_is_read_by_position():
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    frame = pandas.DataFrame({"x": [1.0, 2.0]}, index=[10, 20])
    assert al.as_pool(frame)["1"]["x"] == 2.0


def test_round_trip_of_odd_characters(tmp_path):
    texts = ["é\u0301", "line\nbreak", 'quote "q"', "\u00a0", "😀"]
    path = tmp_path / "pool.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    pool = al.as_pool(path)
    assert [pool[name] for name in pool.ids] == texts


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "empty file"),
        ('{"id": 1, "text": "a"}\n{"text": "b"}\n', r"id: .* found none \(line 2\)"),
        ('{"id": [1], "text": "a"}\n', r"found \[1\] \(line 1\)"),
        ('{"id": "\\ud83d", "text": "a"}\n', r"valid Unicode.*line 1"),
        ('{"text": "a"}\n' + "[" * 100_000, "line 2"),
        ('{"text": ' + "1" * 5000 + "}\n", "line 1"),
    ],
)
def test_bad_jsonl(tmp_path, content, message):
    path = tmp_path / "pool.jsonl"
    path.write_text(content)
    with pytest.raises(InvalidInputError, match=message):
        al.as_pool(path)


@pytest.mark.parametrize("name", ["pool.csv", "pool.jsonl"])
def test_the_line_that_is_not_utf8_is_named_however_far_down(tmp_path, name):
    path = tmp_path / name
    line = b'{"text": "ok"}\n' if name.endswith("jsonl") else b"text\n"
    path.write_bytes(line * 20_000 + line.replace(b"t", b"\xe9"))
    with pytest.raises(InvalidInputError, match=r"0xe9 \(line 20001\)"):
        al.as_pool(path)


def test_a_huge_csv_cell_says_what_to_do(tmp_path):
    path = tmp_path / "pool.csv"
    path.write_text("text\n" + "word " * 40_000 + "\n")
    with pytest.raises(InvalidInputError, match=r"line 2.*JSON lines"):
        al.as_pool(path)


def test_an_empty_path_is_not_the_working_folder():
    with pytest.raises(InvalidInputError, match="an empty path"):
        al.as_pool("")


def test_nothing_in_a_folder_is_left_out_without_a_word(tmp_path):
    folder = tmp_path / "pool"
    folder.mkdir()
    (folder / "a.png").touch()
    with pytest.raises(InvalidInputError, match="a list of suffixes"):
        al.as_pool(folder, suffixes=".png")

    odd = folder / "odd.png"
    odd.symlink_to(folder)  # a loop, too
    with pytest.raises(InvalidInputError, match="links to a folder"):
        al.as_pool(folder)
    odd.unlink()
    odd.symlink_to(odd)
    with pytest.raises(InvalidInputError, match="a broken link"):
        al.as_pool(folder)
    odd.unlink()
    odd.symlink_to(folder / "gone.png")
    with pytest.raises(InvalidInputError, match="a broken link"):
        al.as_pool(folder)
    odd.unlink()
    assert al.as_pool(folder).ids == ["a.png"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such a name themselves")
def test_a_file_name_that_is_not_utf8_is_named(tmp_path):
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png")).touch()
    with pytest.raises(InvalidInputError, match="has to be renamed"):
        al.as_pool(tmp_path)


def test_the_first_name_that_a_pool_lacks():
    pool = al.as_pool({"a": 1, "b": 2})
    assert pool.first_missing(["b", "a", "b"]) is None
    assert pool.first_missing([]) is None
    assert pool.first_missing(["a", "c", "d"]) == "c"
    assert pool.first_missing(["a", 3]) == 3
    assert pool.first_missing(["a", ["a"]]) == ["a"]

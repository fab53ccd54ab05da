"""CSV, TSV and JSON lines as programs really write them."""

import csv
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import altasks as al
from altasks.data.tables import read_cells, read_table
from altasks.errors import AltasksError, InvalidInputError


def write(folder, name, content, encoding="utf-8"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


PLAIN_MARKS = 'text\tlabel\n"Hello there\tpos\nfine\tneg\nand bye"\tpos\nlast\tneg\n'


def test_cells_over_several_lines_that_may_be_rows_are_refused(tmp_path):
    path = write(tmp_path, "a.tsv", PLAIN_MARKS)
    with pytest.raises(InvalidInputError, match=r"one way only.*\(line 2\).*quoting='none'"):
        al.as_pool(path)
    pool = al.as_pool(path, quoting="none", label_column="label")
    assert list(pool.labels.values()) == ["pos", "neg", "pos", "neg"]
    assert [pool[i] for i in pool.ids] == ['"Hello there', "fine", 'and bye"', "last"]
    assert len(al.as_pool(path, quoting="csv")) == 2
    with pytest.raises(InvalidInputError, match="quoting: expected 'csv', 'none'"):
        al.as_pool(path, quoting="all")


@pytest.mark.parametrize(
    ("row", "cell"),
    [
        ('"No" he said\tx', '"No" he said'),
        ('a 27" screen\tx', 'a 27" screen'),
        ('"never closed\tx', '"never closed'),
        ('""\tx', ""),
        ('"a ""b"" c"\tx', 'a "b" c'),
        ('"whole"\tx', "whole"),
        ('"with\ttab"\tx', "with\ttab"),
        ('"two\nlines"\tx', "two\nlines"),
    ],
)
def test_marks_in_a_tsv(tmp_path, row, cell):
    table = read_table(write(tmp_path, "a.tsv", f"text\tlabel\n{row}\n"))
    assert table.columns == {"text": [cell], "label": ["x"]}


def test_a_damaged_csv_is_not_read_as_plain_text(tmp_path):
    damaged = write(tmp_path, "a.tsv", 'text\tlabel\n"a ""b"" c"\tx\n"No" he said\ty\n')
    with pytest.raises(InvalidInputError, match=r"quoted as in CSV.*line 3.*quoting='none'"):
        read_table(damaged)
    commas = write(tmp_path, "a.csv", 'text,label\n"No" he said,y\n')
    with pytest.raises(InvalidInputError, match="quoted as in CSV"):
        read_table(commas)
    assert read_table(commas, quoting="none").columns["text"] == ['"No" he said']


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\r\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_ALL, csv.QUOTE_MINIMAL, csv.QUOTE_NONNUMERIC])
def test_line_ends_and_encodings(tmp_path, end, encoding, quoting):
    path = tmp_path / "a.csv"
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.writer(file, quoting=quoting, lineterminator=end)
        writer.writerows([["id", "text"], ["a", "née, 😀"], ["b", 'the "x"'], ["c", ""]])
    pool = al.as_pool(path)
    assert [(name, pool[name]) for name in pool.ids] == [
        ("a", "née, 😀"), ("b", 'the "x"'), ("c", ""),
    ]  # fmt: skip


def test_utf16_without_a_mark_and_nul_are_named(tmp_path):
    for content, line in (("text\nab\n".encode("utf-16-le"), 1), (b"text\nfine\na\0b\n", 3)):
        with pytest.raises(InvalidInputError, match=rf"a NUL character \(line {line}\).*UTF-8"):
            al.as_pool(write(tmp_path, "a.csv", content))


def test_rows_of_another_length_name_the_line(tmp_path):
    path = write(tmp_path, "a.csv", "text,n\na,1\n\nb,2,3\n")
    with pytest.raises(InvalidInputError, match=r"2 cells, found 3 \(line 4\)"):
        al.as_pool(path)


def test_names_of_columns(tmp_path):
    # pandas writes its index under an empty name.
    path = write(tmp_path, "a.csv", ",text\n7,a\n8,b\n")
    assert al.as_pool(path, id_column="column 1").ids == ["7", "8"]
    with pytest.raises(
        InvalidInputError, match=r"distinct column names.*'x' for the columns 1 and 3"
    ):
        al.as_pool(write(tmp_path, "b.csv", "x,text,x\n1,a,2\n"))
    with pytest.raises(InvalidInputError, match=r"separated by commas, found 'text;label'"):
        al.as_pool(write(tmp_path, "c.csv", "text;label\na;b\n"))


def test_a_name_twice_in_an_object_is_refused(tmp_path):
    path = write(tmp_path, "a.jsonl", '{"text": "a"}\n{"text": "b", "text": "c"}\n')
    with pytest.raises(InvalidInputError, match=r"'text' twice \(line 2\)"):
        al.as_pool(path)


@pytest.mark.parametrize("value", ["null", "NaN"])
def test_a_row_without_its_sample_is_named(tmp_path, value):
    path = write(tmp_path, "a.jsonl", f'{{"text": "a"}}\n{{"text": {value}}}\n')
    with pytest.raises(InvalidInputError, match=r"text: expected a sample.*none \(line 2\)"):
        al.as_pool(path)


@given(
    rows=st.lists(
        st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
                 min_size=2, max_size=2),
        min_size=1, max_size=4,
    ),
    suffix=st.sampled_from([".csv", ".tsv"]),
)  # fmt: skip
@settings(max_examples=60)
def test_what_csv_writes_is_read_or_refused(tmp_path_factory, rows, suffix):
    path = tmp_path_factory.mktemp("t") / f"a{suffix}"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter="\t" if suffix == ".tsv" else ",").writerows([["a", "b"], *rows])
    assert [cells for _, cells in read_cells(path, quoting="csv")][1:] == rows
    try:
        found = [cells for _, cells in read_cells(path)][1:]
    except AltasksError:  # such as marks that can be read in two ways
        return
    assert found == rows


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_rows_are_named_by_their_line_in_the_file(tmp_path, ending):
    """Blank lines, a header and cells over several lines count, as they do in an editor."""
    if ending == "csv":
        rows = 'id,text,y\n\na,"one\ntwo",p\nb,x,q\na,y,nan\n'
    else:
        rows = "\n\n" + "".join(
            json.dumps({"id": name, "text": "x", "y": label}) + "\n" + "\n" * (name == "a")
            for name, label in (("a", "p"), ("b", "q"), ("a", "nan"))
        )
    path = write(tmp_path, f"a.{ending}", rows)
    with pytest.raises(InvalidInputError, match=rf"'a' in line 3 and line 6.*{path.name}"):
        al.as_pool(path)
    with pytest.raises(InvalidInputError, match=rf"y: .*'nan' \(line 6\).*{path.name}"):
        al.as_pool(path, id_column="y", label_column="y")


def test_a_misspelt_column_is_answered_by_the_nearest(tmp_path):
    path = write(tmp_path, "a.csv", "key,sentence,label\n1,a,b\n")
    says = r"text_column: .*'key', 'sentence', 'label', found 'sentnce'\. Did you mean 'sentence'"
    with pytest.raises(InvalidInputError, match=rf"{says}.*The file is .*a\.csv"):
        al.as_pool(path, text_column="sentnce")

"""Parquet files as pools: the rows of the table, read a row group at a time."""

import numpy as np
import pytest

import altasks as al
from altasks.errors import InvalidInputError

pa = pytest.importorskip("pyarrow", reason="needs the extra text")
pq = pytest.importorskip("pyarrow.parquet", reason="needs the extra text")


def write(path, rows=25, group=4, **columns):
    table = {
        "id": [f"r{i}" for i in range(rows)],
        "text": [f"text {i}" for i in range(rows)],
        "label": [["a", "b", None][i % 3] for i in range(rows)],
    }
    pq.write_table(pa.table({**table, **columns}), path, row_group_size=group)
    return path


def test_rows_are_read_by_row_group(tmp_path, monkeypatch):
    pool = al.as_pool(write(tmp_path / "pool.parquet"), label_column="label")
    assert pool.ids == [f"r{i}" for i in range(25)]
    assert (pool.labels["r0"], pool.labels["r1"], "r2" in pool.labels) == ("a", "b", False)
    read, own = [], pq.ParquetFile.read_row_group

    def counted(self, group, *args, **options):
        read.append(group)
        return own(self, group, *args, **options)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", counted)
    assert [pool[name] for name in pool] == [f"text {i}" for i in range(25)]
    assert read == list(range(7))  # each once, and the ids not again
    assert pool["r7"] == "text 7"
    assert not pool.in_memory
    assert pool.table.rows == 25
    assert pool.subset(["r3"])["r3"] == "text 3"


def test_scores_are_those_of_the_texts(tmp_path):
    class Lengths:
        def predict(self, samples):
            return al.Categorical([[p := 1 / len(text), 1 - p] for text in samples])

    path = write(tmp_path / "pool.parquet", text=["y" * (i + 1) for i in range(25)])
    found = al.score(Lengths(), path, "entropy", batch_size=3, progress=False)
    texts = {f"r{i}": "y" * (i + 1) for i in range(25)}
    whole = al.score(Lengths(), texts, "entropy", batch_size=3, progress=False)
    assert found.ids == whole.ids
    np.testing.assert_array_equal(found.values, whole.values)


def test_a_folder_that_is_named_like_one_is_its_files_by_name(tmp_path):
    folder = tmp_path / "pool.parquet"
    folder.mkdir()
    for part in (2, 1):
        ids = [f"{part}-{i}" for i in range(5)]
        write(folder / f"part-{part}.parquet", rows=5, id=ids)
    pool = al.as_pool(folder)
    assert pool.ids == [f"{part}-{i}" for part in (1, 2) for i in range(5)]
    assert pool["2-3"] == "text 3"
    write(folder / "part-3.parquet", more=[1] * 25)
    with pytest.raises(InvalidInputError, match=r"part-3\.parquet"):
        al.as_pool(folder)


def test_columns_that_are_not_there_and_other_files_are_refused(tmp_path):
    path = write(tmp_path / "pool.parquet")
    for option in ("text_column", "id_column", "label_column"):
        with pytest.raises(InvalidInputError, match=f"{option}: expected one of the columns"):
            al.as_pool(path, **{option: "none"})
    twice = write(tmp_path / "twice.parquet", id=["r"] * 25)
    with pytest.raises(InvalidInputError, match="'r' in row 0 and row 1"):
        al.as_pool(twice)
    (tmp_path / "other.parquet").write_text("text")
    with pytest.raises(InvalidInputError, match="a Parquet file"):
        al.as_pool(tmp_path / "other.parquet")
    with pytest.raises(InvalidInputError, match="existing file or folder"):
        al.as_pool(tmp_path / "none.parquet")
    (tmp_path / "empty.parquet").mkdir()
    with pytest.raises(InvalidInputError, match="none in"):
        al.as_pool(tmp_path / "empty.parquet")


def test_rows_without_a_text_are_mappings(tmp_path):
    pq.write_table(pa.table({"a": [1.5, 2.0], "b": ["x", "y"]}), tmp_path / "pool.parquet")
    pool = al.as_pool(tmp_path / "pool.parquet")
    assert pool.positional
    assert pool["1"] == {"a": 2.0, "b": "y"}

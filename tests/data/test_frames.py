"""Data frames and Series where rows are taken."""

import pytest

import altasks as al
from altasks._internal.frames import frame_columns, frame_rows, is_frame, is_series, series_values
from altasks.data.pool import Pool
from altasks.data.tagging.tagged import TaggedSentences
from altasks.errors import InvalidInputError

pandas = pytest.importorskip("pandas", reason="pandas is not installed")


@pytest.fixture
def frame():
    columns = {"text": ["one", "two", "three"], "size": [1, 2, 3], "y": ["p", None, "q"]}
    return pandas.DataFrame(columns, index=[7, 3, 5])


def as_polars(frame):
    return pytest.importorskip("polars", reason="polars is not installed").from_pandas(frame)


def as_arrow(frame):
    arrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    return arrow.Table.from_pandas(frame, preserve_index=False)


@pytest.mark.parametrize("convert", [lambda frame: frame, as_polars, as_arrow])
def test_rows_of_every_kind_of_frame(frame, convert):
    source = convert(frame)
    assert is_frame(source)
    assert not is_series(source)
    pool = al.as_pool(source)
    assert pool.ids == ["0", "1", "2"]
    assert pool["2"] == {"text": "three", "size": 3, "y": "q"}
    pool = al.as_pool(source, label_column="y", id_column="size")
    assert (pool.ids, pool.labels) == (["1", "2", "3"], {"1": "p", "3": "q"})
    assert pool["3"] == {"text": "three"}  # neither the answer nor the id
    assert not pool.positional
    pool = al.as_pool(source, text_column="text")
    assert [pool[name] for name in pool.ids] == ["one", "two", "three"]
    assert frame_rows(source)[0] == {"text": "one", "size": 1, "y": "p"}
    with pytest.raises(InvalidInputError, match="'text', 'size', 'y', found 'label'"):
        al.as_pool(source, label_column="label")


def test_ids_from_the_index(frame):
    pool = al.as_pool(frame, id_column="index", text_column="text", label_column="y")
    assert (pool.ids, pool["3"], pool.labels) == (["7", "3", "5"], "two", {"7": "p", "5": "q"})
    named = frame.rename_axis("key")
    assert al.as_pool(named, id_column="key").ids == ["7", "3", "5"]
    assert al.as_pool(frame["text"], id_column="index")["5"] == "three"
    assert al.as_pool(frame["text"])["2"] == "three"
    with pytest.raises(InvalidInputError, match="distinct ids, found '7' in row 0 and row 2"):
        al.as_pool(frame.set_axis([7, 3, 7]), id_column="index")
    with pytest.raises(InvalidInputError, match=r"an id .*found \(1, 2\)"):
        al.as_pool(frame.set_index([[1, 1, 1], [2, 3, 4]]), id_column="index")


def test_labels_of_a_series_go_by_its_index(frame):
    texts = frame["text"].tolist()
    pool = Pool(["3", "5", "7"], texts.__getitem__, labels=frame["y"].dropna())
    assert pool.labels == {"7": "p", "5": "q"}
    with pytest.raises(InvalidInputError, match="an index of ids of the pool, found '3'"):
        Pool(["0", "1", "2"], texts.__getitem__, labels=frame["y"])
    with pytest.raises(InvalidInputError, match="distinct ids, found '7' 3 times"):
        Pool(["7"], texts.__getitem__, labels=frame["y"].set_axis([7, 7, 7]))
    with pytest.raises(InvalidInputError, match="labels: expected a dict from id to label"):
        Pool(["0"], texts.__getitem__, labels=["p"])


def test_columns_of_one_name_are_refused():
    twice = pandas.DataFrame([[1, 2]], columns=["x", "x"])
    with pytest.raises(
        InvalidInputError, match="pool: expected distinct column names, found 'x' 2"
    ):
        al.as_pool(twice)
    with pytest.raises(InvalidInputError, match="'1' 2 times"):
        frame_columns(pandas.DataFrame([[1, 2]], columns=[1, "1"]))


def test_what_is_a_series():
    polars = pytest.importorskip("polars", reason="polars is not installed")
    arrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    for series in (pandas.Series([1, 2]), polars.Series([1, 2]), arrow.array([1, 2])):
        assert is_series(series)
        assert series_values(series) == [1, 2]
        assert al.as_pool(series)["1"] == 2
    for other in ([1], (1,), {"a": 1}, "a"):
        assert not is_series(other)
        assert not is_frame(other)


def test_tagged_sentences_read_series_by_position():
    rows = pandas.DataFrame(
        {"tokens": [["Ada"], ["in", "Paris"]], "tags": [["B-PER"], ["O", "B-LOC"]]}, index=[1, 0]
    )
    sentences = TaggedSentences(rows["tokens"], rows["tags"], pandas.Series(["a", "b"]))
    assert sentences.pool()["b"] == ["in", "Paris"]
    assert sentences.subset([1]).tags == [["O", "B-LOC"]]


def test_splits_take_series_and_name_missing_labels(frame):
    from altasks.data.split import stratified_split

    labels = ["p", "q", "p", "q"]
    series = pandas.Series(labels, index=[9, 8, 7, 6])
    assert stratified_split(series, 0.5, seed=0) == stratified_split(labels, 0.5, seed=0)
    with pytest.raises(InvalidInputError, match=r"labels: expected a class .*\(row 1\)"):
        stratified_split(frame["y"], 0.5, seed=0)

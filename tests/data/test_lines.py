import pytest

from altasks.data import lines_from_dataset, read_line_folder, read_line_table
from altasks.data.samples.text_lines import rendered_lines
from altasks.errors import InvalidInputError

Image = pytest.importorskip("PIL.Image", reason="needs the extra ocr")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "deep").mkdir()
    for name in ("a.png", "b.bin.png", "c.jpg", "deep/d.png"):
        Image.new("L", (20, 10)).save(tmp_path / name)
    (tmp_path / "a.gt.txt").write_text("first\n", encoding="utf-8")
    (tmp_path / "a.txt").write_text("not this one")
    (tmp_path / "b.gt.txt").write_text("\ufeffſecond", encoding="utf-8")
    (tmp_path / "deep/d.txt").write_text("  with spaces \r\n\n", encoding="utf-8")
    return tmp_path


def test_transcripts_stand_beside_their_images(folder):
    pool = read_line_folder(folder)
    assert pool.ids == ["a.png", "b.bin.png", "c.jpg", "deep/d.png"]
    assert pool.labels == {
        "a.png": "first", "b.bin.png": "ſecond", "deep/d.png": "  with spaces "
    }  # fmt: skip
    assert pool["a.png"] == folder / "a.png"
    assert read_line_folder(folder, text_suffixes=[".txt"]).labels["a.png"] == "not this one"
    with pytest.raises(InvalidInputError, match=r"text_suffixes: .*found '\.txt'"):
        read_line_folder(folder, text_suffixes=".txt")


def test_a_transcript_is_one_line(folder):
    (folder / "c.txt").write_text("one\ntwo\n")
    with pytest.raises(InvalidInputError, match=r"c\.txt: expected one line of text.*line 2"):
        read_line_folder(folder)
    (folder / "c.txt").write_text("\n")
    assert read_line_folder(folder).labels["c.jpg"] == ""
    (folder / "c.txt").write_bytes(b"\xff")
    with pytest.raises(InvalidInputError, match="utf-8"):
        read_line_folder(folder)


def test_a_transcript_without_an_image_is_no_lost_label(folder):
    (folder / "notes.txt").write_text("about the folder")
    (folder / ".hidden").mkdir()
    (folder / ".hidden" / "x.gt.txt").write_text("x")
    assert len(read_line_folder(folder).labels) == 3
    (folder / "deep" / "e.gt.txt").write_text("lost")
    with pytest.raises(InvalidInputError, match=r"e\.gt\.txt: expected the image"):
        read_line_folder(folder)
    assert "deep/e.png" not in read_line_folder(folder, text_suffixes=[".txt"]).ids


def test_a_transcript_outside_the_folder_is_not_read(folder, tmp_path_factory):
    secret = tmp_path_factory.mktemp("outside") / "secret.txt"
    secret.write_text("secret")
    (folder / "c.txt").symlink_to(secret)
    with pytest.raises(InvalidInputError, match="leads out of the folder"):
        read_line_folder(folder)
    with pytest.raises(InvalidInputError, match="an existing folder"):
        read_line_folder(folder / "none")


def test_a_table_names_images_and_texts(folder):
    table = folder / "lines.csv"
    table.write_text('image,text,page\na.png,"one, two",p1\nc.jpg,,p2\n')
    pool = read_line_table(table)
    assert pool.ids == ["a.png", "c.jpg"]
    assert pool.labels == {"a.png": "one, two"}
    assert pool["c.jpg"] == folder / "c.jpg"
    assert read_line_table(table, id_column="page").ids == ["p1", "p2"]
    assert read_line_table(table, text_column="page").labels == {"a.png": "p1", "c.jpg": "p2"}
    with pytest.raises(InvalidInputError, match="a column 'transcript', found the columns"):
        read_line_table(table, text_column="transcript")
    table.write_text("image\na.png\n")
    assert read_line_table(table).labels == {}
    tabs = folder / "lines.tsv"
    tabs.write_text("image\ttext\na.png\tx\n")
    assert read_line_table(tabs).labels == {"a.png": "x"}
    tabs.write_text('image\ttext\na.png\t"""No"" he said"\n\nc.jpg\the said "no"\n')
    assert read_line_table(tabs).labels == {"a.png": '"No" he said', "c.jpg": 'he said "no"'}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("file,text\na.png,x\n", "a column 'image', found the columns 'file', 'text'"),
        ("image,text\nnone.png,x\n", "the path of an image, found 'none.png'"),
        ("image,text\na.png,x\na.png,y\n", "'a.png' twice.*line 3"),
        ("image,text\n,x\n", "an empty cell"),
        ("image,text\n", "at least one line"),
        ("image,text\na.png,one, two\n", r"2 cells, found 3 \(line 2\)"),
        ("image,text\na.png\n", r"2 cells, found 1 \(line 2\)"),
        ("image,text,text\na.png,x,y\n", "distinct column names"),
        # A quote that nothing closes took all lines below it into one text.
        ('image,text\na.png,"x\nc.jpg,y\n', "quoted as in CSV"),
        ('image,text\na.png,"No" he said\n', r"quoted as in CSV.*line 2"),
        ('image,text\na.png,"x\ny"\n', "one line of text"),
        ("image,text\n../{name}/a.png,x\n", None),
        ("image,text\n{outside},x\n", "leads out of the folder"),
    ],
)
def test_faults_of_a_table(folder, tmp_path_factory, content, message):
    outside = tmp_path_factory.mktemp("outside") / "x.png"
    outside.touch()
    table = folder / "lines.csv"
    table.write_text(content.format(name=folder.name, outside=outside))
    if message is None:  # out and in again
        assert len(read_line_table(table)) == 1
        return
    with pytest.raises(InvalidInputError, match=message):
        read_line_table(table)


def test_a_dataset():
    datasets = pytest.importorskip("datasets", reason="needs the extra text")
    images = [Image.new("L", (20, 10), grey) for grey in (0, 99)]
    rows = {"image": images, "text": ["a", ""], "name": ["x", "y"]}
    dataset = datasets.Dataset.from_dict(rows).cast_column("image", datasets.Image())
    pool = lines_from_dataset(dataset, id_column="name")
    assert pool.labels == {"x": "a"}
    assert pool["y"].getpixel((0, 0)) == 99
    assert lines_from_dataset(dataset, text_column=None).labels == {}
    dataset = dataset.add_column("key", ["u", None])
    with pytest.raises(InvalidInputError, match=r"key: expected an id .* found none \(row 1\)"):
        lines_from_dataset(dataset, id_column="key")
    with pytest.raises(InvalidInputError, match="one of the columns 'image', 'text', 'name'"):
        lines_from_dataset(dataset, image_column="picture")


def test_rendered_lines_are_the_same_each_time():
    pytest.importorskip("matplotlib", reason="needs the extra plots")
    one, same = rendered_lines(4, seed=3), rendered_lines(4, seed=3)
    other = rendered_lines(4, seed=4)
    for name in one.ids:
        assert one[name].tobytes() == same[name].tobytes()
        assert one[name].height == 48
        assert 0 < len(one.labels[name]) <= 24
    assert one.labels == same.labels != other.labels
    clean = rendered_lines(1, seed=3, wear=0)
    assert min(clean["0"].tobytes()) < 60
    assert max(clean["0"].tobytes()) == 235
    with pytest.raises(InvalidInputError, match="'sans', 'serif' or 'mono'"):
        rendered_lines(1, seed=0, face="fraktur")


def test_suffixes_of_transcripts_in_any_case(folder):
    (folder / "c.GT.TXT").write_text("third", encoding="utf-8-sig")
    assert read_line_folder(folder).labels["c.jpg"] == "third"
    (folder / "c.gt.txt").write_text("another")
    with pytest.raises(InvalidInputError, match=r"c\.GT\.TXT: expected one transcript.*c\.gt\.txt"):
        read_line_folder(folder)


def test_system_files_are_no_transcripts(folder):
    (folder / "._a.gt.txt").write_bytes(b"\0\5\26\7")
    (folder / ".ipynb_checkpoints").mkdir()
    (folder / ".ipynb_checkpoints" / "a-checkpoint.gt.txt").write_text("x")
    assert len(read_line_folder(folder).labels) == 3


@pytest.mark.parametrize("end", [b"\r", b"\r\n", b"\n"])
def test_two_lines_of_any_line_end_are_no_transcript(folder, end):
    (folder / "c.gt.txt").write_bytes(end.join([b"one", b"two", b""]))
    with pytest.raises(InvalidInputError, match=r"c\.gt\.txt: expected one line.*line 2"):
        read_line_folder(folder)
    (folder / "c.gt.txt").write_bytes(b"one" + end)
    assert read_line_folder(folder).labels["c.jpg"] == "one"


def test_a_table_in_utf16_with_plain_marks(folder):
    table = folder / "lines.tsv"
    table.write_bytes('image\ttext\r\na.png\t"No" he said\r\n'.encode("utf-16"))
    assert read_line_table(table).labels == {"a.png": '"No" he said'}


def test_a_data_frame_of_lines(folder):
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    frame = pandas.DataFrame(
        {"image": [folder / "a.png", folder / "c.jpg"], "text": [None, "b"], "key": [5, 6]},
        index=[1, 0],
    )
    pool = lines_from_dataset(frame, id_column="key")
    assert (pool.labels, pool["5"]) == ({"6": "b"}, folder / "a.png")
    frame["text"] = pandas.Series([0, float("nan")], index=[0, 1], dtype=object)
    assert lines_from_dataset(frame).labels == {"1": "0"}
    with pytest.raises(InvalidInputError, match=r"text: expected a text .*0\.5 \(row 1\)"):
        lines_from_dataset(frame.assign(text=["a", 0.5]))
    with pytest.raises(InvalidInputError, match="or a data frame, found list"):
        lines_from_dataset([1])


def test_what_else_lies_in_the_folder_is_named(folder):
    for name in ("._a.png", "notes.md", "Thumbs.db"):
        (folder / name).write_text("x")
    passed_over = read_line_folder(folder).passed_over
    assert passed_over == {
        "._a.png": "a system file", "Thumbs.db": "a system file", "notes.md": "another suffix"
    }  # fmt: skip


def test_paths_of_a_table_made_under_windows(folder):
    (folder / "t.csv").write_text("image,text\ndeep\\d.png,one\na.png,two\n")
    pool = read_line_table(folder / "t.csv")
    assert pool["deep\\d.png"] == folder / "deep/d.png"
    for other in ("./deep/d.png", "deep/../deep/d.png"):
        (folder / "t.csv").write_text(f"image,text\n{other},one\ndeep\\d.png,two\n")
        with pytest.raises(
            InvalidInputError, match=r"t\.csv: expected an image of its own.*line 3"
        ):
            read_line_table(folder / "t.csv")

"""A contact sheet shows each picture with its rank, score and id, whatever the pictures are."""

import numpy as np
import pytest

import altasks as al
from altasks._internal.drawing import font, shortened
from altasks._internal.text import one_line
from altasks.errors import InvalidInputError
from altasks.loop import Query
from altasks.report import contact_sheet
from altasks.report.contact_sheet import GAP

Image = pytest.importorskip("PIL.Image", reason="needs the extra vision")

RED, BLUE = (200, 0, 0), (0, 0, 200)


def flat(colour, height=30, width=40):
    return np.full((height, width, 3), colour, np.uint8)


def query(samples, **options):
    ids = [f"id {i}" for i in range(len(samples))]
    return Query(ids, samples, [1 / (i + 1) for i in range(len(samples))], 1, **options)


def read(path):
    with Image.open(path) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB"))


def test_a_query_in_a_grid(tmp_path):
    path = contact_sheet(
        query([flat(RED), flat(BLUE), flat(RED)]), path=tmp_path / "new" / "sheet.png",
        columns=2, tile=100,
    )  # fmt: skip
    sheet = read(path)
    assert sheet.shape[1] == GAP + 2 * (100 + GAP)
    # Each picture twice as big as it is (a whole multiple), in a row as high as they are.
    assert (sheet[GAP, GAP + 50] == RED).all()
    assert (sheet[GAP + 59, GAP + 50] == RED).all()
    assert (sheet[GAP + 59, 2 * GAP + 150] == BLUE).all()
    assert (sheet == RED).all(-1).sum() == 2 * 80 * 60
    assert (sheet == BLUE).all(-1).sum() == 80 * 60
    assert (sheet < 60).all(-1).any()  # the captions
    assert [one.name for one in path.parent.iterdir()] == ["sheet.png"]


def test_a_row_is_as_high_as_its_highest_picture(tmp_path):
    flats = [flat(RED, 10, 100), flat(BLUE, 20, 100), flat(RED, 100, 100), flat(BLUE, 10, 100)]
    low = read(contact_sheet(query(flats[:2]), path=tmp_path / "a.png", columns=2, tile=100))
    both = read(contact_sheet(query(flats), path=tmp_path / "b.png", columns=2, tile=100))
    captions = low.shape[0] - 2 * GAP - 20
    assert both.shape[0] == GAP + (20 + 100) + 2 * (GAP + captions)
    assert (low == RED).all(-1).sum() == 10 * 100
    assert (low[GAP + 10 : GAP + 20, GAP : GAP + 100] == RED).all()  # side by side at their feet
    assert (both == RED).all(-1).sum() == 110 * 100
    assert (both == BLUE).all(-1).sum() == 30 * 100


def test_rows_of_a_queue_by_path_or_pool(tmp_path):
    Image.fromarray(flat(RED)).save(tmp_path / "a.png")
    by_path = [{"id": "a", "rank": 1, "score": 0.5, "path": str(tmp_path / "a.png")}]
    by_pool = [{"id": "a", "rank": 1, "score": 0.5}]
    one = read(contact_sheet(by_path, path=tmp_path / "one.png"))
    other = read(contact_sheet(by_pool, path=tmp_path / "two.png", pool={"a": flat(RED)}))
    np.testing.assert_array_equal(one, other)


def test_the_task_draws_what_it_sees(tmp_path):
    class Painter:
        def picture(self, sample, description):
            seen.append(description)
            return Image.fromarray(flat(BLUE))

    seen = []
    asked = query([flat(RED), flat(RED)], descriptions={"id 0": {"predicted": "cat"}})
    sheet = read(contact_sheet(asked, Painter(), tmp_path / "s.png"))
    assert seen == [{"predicted": "cat"}]
    # The second was not described: it is shown as it is.
    assert (sheet == RED).all(-1).any()
    assert (sheet == BLUE).all(-1).any()


def test_predicted_classes_stand_below_where_no_task_draws(tmp_path):
    plain_rows = query([flat(RED)])
    said = query([flat(RED)], descriptions={"id 0": {"predicted": ["cat", "dog"]}})
    heights = [
        read(contact_sheet(one, path=tmp_path / f"{i}.png")).shape[0]
        for i, one in enumerate((plain_rows, said))
    ]
    assert heights[1] > heights[0]


def test_big_pictures_many_rows_and_long_ids_stay_bounded(tmp_path):
    big = np.zeros((3000, 2000), np.uint8)
    long = "folder/" * 300 + "x.png"
    rows = [{"id": long, "rank": i + 1, "score": 1.0} for i in range(30)]
    sheet = read(contact_sheet(rows, path=tmp_path / "s.png", pool={long: big}, most=4, tile=60))
    assert sheet.shape[1] == GAP + 4 * (60 + GAP)
    assert sheet.shape[0] < 200
    black = (sheet == 0).all(-1)
    assert black[GAP : GAP + 60].sum() == 4 * 60 * 40


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (500, 1)])
def test_thin_pictures_are_shown(tmp_path, size):
    contact_sheet(query([flat(RED, *size)]), path=tmp_path / "s.png")
    assert (read(tmp_path / "s.png") == RED).all(-1).any()


def test_what_cannot_be_read_is_a_tile_that_says_why(tmp_path):
    sheet = read(contact_sheet(query([flat(RED), tmp_path / "no.png"]), path=tmp_path / "s.png"))
    assert (sheet == (232, 232, 232)).all(-1).any()
    assert (sheet == RED).all(-1).any()


def test_a_query_of_a_loop(tmp_path):
    pool = {f"s{i}": flat((i * 20, 0, 0)) for i in range(6)}
    asked = al.ActiveLoop(None, pool).ask(3, scores={name: float(i) for i, name in enumerate(pool)})
    assert contact_sheet(asked, path=tmp_path / "s.png").is_file()
    unscored = al.ActiveLoop(None, pool).ask(3)
    assert contact_sheet(unscored, path=tmp_path / "t.png").is_file()


@pytest.mark.parametrize(
    ("given", "options", "message"),
    [
        ([], {}, "at least one sample"),
        ("queue.jsonl", {}, "a Query, or rows"),
        (3, {}, "a Query, or rows"),
        ([{"rank": 1}], {}, "rows with an id"),
        ([{"id": "a"}], {}, "rows with a path, or the pool"),
        ([{"id": "a"}], {"columns": 0}, "columns: expected"),
        ([{"id": "a"}], {"tile": 30}, "at least 40"),
        ([{"id": "a"}], {"tile": 10**6}, "tile: expected"),
    ],
)
def test_what_is_no_query_is_named(tmp_path, given, options, message):
    with pytest.raises(InvalidInputError, match=message):
        contact_sheet(given, path=tmp_path / "s.png", **options)
    assert not list(tmp_path.iterdir())


def test_text_is_made_fit_to_be_drawn():
    face = font(12)
    assert one_line("a\nb\x1b[2J\u202ec") == "a b\ufffd[2J\ufffdc"
    assert shortened("short", face, 500) == "short"
    cut = shortened("a/very/long/path/" * 9 + "end.png", face, 120)
    assert face.getlength(cut) <= 120
    assert cut.endswith("end.png")
    assert "..." in cut

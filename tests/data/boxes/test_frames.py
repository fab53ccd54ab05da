"""Whose pixels boxes are in: resized images, turned photographs, boxes at the border."""

import json

import numpy as np
import pytest

from altasks.data import read_coco, read_coco_masks, read_voc, read_yolo
from altasks.data.boxes.frames import Frame, ReadingNotes, frame_of
from altasks.data.images import open_image, upright_size
from altasks.data.masks.masks import decode_mask
from altasks.errors import DataWarning, InvalidInputError

Image = pytest.importorskip("PIL.Image", reason="needs the extra vision")

VOC = (
    "<annotation><filename>a.jpg</filename><size><width>{}</width><height>{}</height></size>"
    "<object><name>c</name><bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax>"
    "</bndbox></object></annotation>"
)


def photograph(path, size, orientation=1, mark=None):
    """Write a picture, stored as `size` (width, height), with a white box on it, `mark`."""
    array = np.zeros((size[1], size[0], 3), np.uint8)
    if mark is not None:
        x1, y1, x2, y2 = mark
        array[y1:y2, x1:x2] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(array).save(path, quality=100, exif=exif)
    return path


@pytest.fixture
def read(tmp_path):
    """Return a function that writes one box in a file of COCO or VOC, and reads it back."""

    def run(kind, size, box, image=(64, 48), orientation=1, **options):
        photograph(tmp_path / "i" / "a.jpg", image, orientation)
        x1, y1, x2, y2 = box
        if kind == "coco":
            width, height = size
            content = {
                "images": [{"id": 1, "file_name": "a.jpg", "width": width, "height": height}],
                "annotations": [
                    {"id": 1, "image_id": 1, "category_id": 1, "bbox": [x1, y1, x2 - x1, y2 - y1]}
                ],
                "categories": [{"id": 1, "name": "c"}],
            }
            (tmp_path / "c.json").write_text(json.dumps(content))
            found = read_coco(tmp_path / "c.json", tmp_path / "i", **options)
        else:
            (tmp_path / "x").mkdir(exist_ok=True)
            (tmp_path / "x" / "a.xml").write_text(VOC.format(*size, *box))
            found = read_voc(tmp_path / "x", tmp_path / "i", **options)
        return found.labels["a.jpg"][0]["box"]

    return run


KINDS = pytest.mark.parametrize("kind", ["coco", "voc"])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_box_lies_where_the_turned_pixels_do(tmp_path, orientation):
    """Against Pillow's own turning of a picture with that box on it."""
    mark = (8, 4, 40, 20)
    path = photograph(tmp_path / "a.jpg", (64, 48), orientation, mark)
    upright = np.asarray(open_image(path))[..., 0] > 127
    rows, columns = np.flatnonzero(upright.any(1)), np.flatnonzero(upright.any(0))
    seen = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
    size, found = upright_size(path)
    assert (found, size) == (orientation, open_image(path).size)
    frame = frame_of(path, (64, 48), path, turned="stored")
    assert frame.place(mark) == seen
    half = frame_of(path, (32, 24), path, turned="stored")  # and was resized as well
    assert half.place([value / 2 for value in mark]) == seen


@KINDS
class TestStatedSizes:
    def test_the_images_own_changes_nothing(self, read, kind):
        assert read(kind, (64, 48), (3, 4, 5.1, 9.7)) == pytest.approx([3, 4, 5.1, 9.7])

    def test_none_and_zero_are_no_sizes(self, read, kind):
        assert read(kind, (0, 0), (3, 4, 50, 9)) == [3, 4, 50, 9]
        missing = ("", "") if kind == "voc" else (None, None)
        assert read(kind, missing, (3, 4, 50, 9)) == [3, 4, 50, 9]

    @pytest.mark.parametrize(
        ("size", "box"), [((128, 96), (4, 4, 40, 40)), ((32, 24), (1, 1, 10, 10))]
    )
    def test_resized_images_have_their_boxes_scaled(self, read, kind, size, box):
        with pytest.warns(
            DataWarning, match=rf"1 images.*scaled: a\.jpg: {size[0]} x {size[1]} to"
        ):
            assert read(kind, size, box) == [2, 2, 20, 20]

    def test_sides_that_were_rounded_are_in_proportion(self, read, kind):
        with pytest.warns(DataWarning, match="1001 x 751 to 64 x 48"):
            found = read(kind, (1001, 751), (0, 0, 1001, 751))
        assert found == [0, 0, 64, 48]

    @pytest.mark.parametrize("size", [(64, 64), (48, 64), (640, 470)])
    def test_other_proportions_are_refused_with_both_sizes(self, read, kind, size):
        with pytest.raises(InvalidInputError, match=f"64 x 48 of .*{size[0]} x {size[1]}"):
            read(kind, size, (2, 2, 20, 20))

    @pytest.mark.parametrize("size", [("-1", "48"), ("x", "48"), ("1e12", "48")])
    def test_what_is_no_size_is_named(self, read, kind, size):
        with pytest.raises(InvalidInputError, match=r"a width and a height in pixels, found '"):
            read(kind, size, (2, 2, 20, 20))

    def test_a_box_is_checked_in_its_own_frame(self, read, kind):
        with pytest.raises(InvalidInputError, match="inside its image of 32 x 24"):
            read(kind, (32, 24), (2, 2, 50, 20))


@KINDS
class TestTurnedPhotographs:
    def test_the_stored_size_is_ambiguous(self, read, kind):
        with pytest.raises(InvalidInputError, match=r"48 x 64 of .*64 x 48.*turned='stored'"):
            read(kind, (64, 48), (2, 2, 20, 12), orientation=6)

    def test_the_user_may_say_which(self, read, kind):
        box = (2, 2, 20, 12)
        assert read(kind, (64, 48), box, orientation=6, turned="stored") == [36, 2, 46, 20]
        assert read(kind, (64, 48), box, orientation=6, turned="upright") == list(box)
        assert read(kind, (64, 48), box, orientation=3, turned="stored") == [44, 36, 62, 46]
        # An upright size is no question, whatever is chosen.
        for choice in ("stored", "upright", "error"):
            assert read(kind, (48, 64), box, orientation=6, turned=choice) == list(box)
        assert read(kind, (64, 48), box, orientation=3) == list(box)
        with pytest.raises(InvalidInputError, match="turned: expected 'error', 'stored'"):
            read(kind, (64, 48), box, turned="raw")

    def test_upright_boxes_of_a_resized_photograph(self, read, kind):
        with pytest.warns(DataWarning, match="128 x 96 to 48 x 64"):
            found = read(kind, (128, 96), (4, 4, 40, 24), orientation=6, turned="upright")
        assert found == [2, 2, 20, 12]


class TestBorders:
    FRAME = Frame((64, 48), (64, 48))

    @pytest.mark.parametrize("out", [1e-9, 0.004, 0.5, 0.999])
    def test_less_than_a_pixel_outside_is_cut(self, tmp_path, out):
        for word in ("error", "skip", "clip"):
            box = self.FRAME.fit([-out, 5, 64 + out, 20], word, tmp_path, 1)
            assert box == [0, 5, 64, 20]

    def test_more_is_a_choice(self, tmp_path):
        box = [-1, 5, 70, 20]
        with pytest.raises(InvalidInputError, match=r"inside its image of 64 x 48.*line 7.*'clip'"):
            self.FRAME.fit(box, "error", tmp_path, 7)
        assert self.FRAME.fit(box, "clip", tmp_path, 7) == [0, 5, 64, 20]
        assert self.FRAME.fit(box, "skip", tmp_path, 7) is None

    @pytest.mark.parametrize(
        "box",
        [
            [70, 5, 80, 20],  # nothing of it in the image
            [64.2, 5, 64.9, 20],  # nor of this, though it is out by less than a pixel
            [5, 5, 5, 20],
            [9, 5, 5, 20],
            [float("nan"), 5, 9, 20],
            [0, 5, float("inf"), 20],
        ],
    )
    def test_nothing_in_the_image_is_no_box(self, tmp_path, box):
        for word in ("error", "clip"):
            with pytest.raises(InvalidInputError, match="bad_boxes='skip'"):
                self.FRAME.fit(box, word, tmp_path, 7)
        assert self.FRAME.fit(box, "skip", tmp_path, 7) is None

    def test_an_image_whose_boxes_are_left_out_is_not_an_empty_one(self, tmp_path):
        photograph(tmp_path / "i" / "a.jpg", (64, 48))
        photograph(tmp_path / "i" / "b.jpg", (64, 48))
        (tmp_path / "a.txt").write_text("0 0.95 0.5 0.2 0.2\n")
        (tmp_path / "b.txt").write_text("")
        options = {"images": tmp_path / "i", "names": ["c"]}
        with pytest.warns(DataWarning, match=r"1 images stay unlabelled.*a\.jpg"):
            found = read_yolo(tmp_path, **options, bad_boxes="skip")
        assert found.labels == {"b.jpg": []}
        assert found.passed_over["a.jpg"] == "its boxes were left out (1)"
        clipped = read_yolo(tmp_path, **options, bad_boxes="clip").labels["a.jpg"][0]["box"]
        assert clipped == pytest.approx([54.4, 19.2, 64, 28.8])


def test_polygons_are_scaled_and_turned_as_boxes_are(tmp_path):
    photograph(tmp_path / "i" / "a.jpg", (64, 48), 6)
    ring = [4, 4, 40, 4, 40, 24, 4, 24]
    content = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 128, "height": 96}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "segmentation": [ring]}],
        "categories": [{"id": 1, "name": "c"}],
    }
    (tmp_path / "c.json").write_text(json.dumps(content))
    with pytest.warns(DataWarning, match="128 x 96 to 48 x 64"):
        found = read_coco_masks(tmp_path / "c.json", tmp_path / "i", turned="stored")
    mask = decode_mask(found.masks["a"])
    expected = np.zeros((64, 48), int)
    expected[2:20, 36:46] = 1
    np.testing.assert_array_equal(mask, expected)


def test_notes_name_a_few_and_count_the_rest(tmp_path):
    notes = ReadingNotes(tmp_path)
    for i in range(9):
        notes.unlabelled(f"{i}.jpg", "its boxes were left out (1)")
    with pytest.warns(DataWarning, match=r"9 images stay.*0\.jpg, 1\.jpg.* and 4 more"):
        notes.warn()

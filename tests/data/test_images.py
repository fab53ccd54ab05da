"""Every kind of image people have comes out upright, 8 bits deep, or as an error with its path."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch

from altasks.data.images import IMAGE_SUFFIXES, image_size, open_image
from altasks.errors import UnreadableSampleError

Image = pytest.importorskip("PIL.Image", reason="needs the extra vision")

#: A wide picture whose left half is red and whose right half is blue.
FLAG = np.zeros((20, 40, 3), np.uint8)
FLAG[:, :20, 0] = 255
FLAG[:, 20:, 2] = 255


def pixels(sample, **options):
    return np.asarray(open_image(sample, **options))


def written(path, image, **options):
    image.save(path, **options)
    return path


@pytest.fixture
def flag(tmp_path):
    return written(tmp_path / "flag.png", Image.fromarray(FLAG))


def test_paths_images_arrays_tensors_and_rows_are_the_same(flag):
    content = flag.read_bytes()
    ones = FLAG.astype(np.float32) / 255
    samples = [
        flag,
        str(flag),
        Image.fromarray(FLAG),
        Image.open(io.BytesIO(content)),
        FLAG,
        FLAG.transpose(2, 0, 1),
        ones,
        ones.astype(np.float64),
        FLAG.astype(np.uint16) * 257,
        torch.from_numpy(FLAG),
        torch.from_numpy(FLAG).permute(2, 0, 1),
        torch.from_numpy(ones).bfloat16(),
        torch.from_numpy(ones).requires_grad_(),
        {"image": flag, "label": 3},
        {"image": Image.fromarray(FLAG)},
        {"image": {"bytes": content, "path": "elsewhere.png"}},
        {"image": {"bytes": None, "path": str(flag)}},
        {"bytes": content, "path": None},
        content,
    ]
    for sample in samples:
        image = open_image(sample)
        assert (image.mode, image.size) == ("RGB", (40, 20))
        np.testing.assert_array_equal(np.asarray(image), FLAG)
        assert image_size(sample) == (40, 20)


def test_rows_of_a_hugging_face_dataset(flag):
    datasets = pytest.importorskip("datasets", reason="needs the extra text")
    rows = datasets.Dataset.from_dict({"image": [str(flag)], "label": [1]})
    decoded = rows.cast_column("image", datasets.Image())
    undecoded = rows.cast_column("image", datasets.Image(decode=False))
    for row in (rows[0], decoded[0], undecoded[0], undecoded[0]["image"]):
        np.testing.assert_array_equal(pixels(row), FLAG)


@pytest.mark.parametrize(("mode", "shape"), [("RGB", (20, 40, 3)), ("L", (20, 40))])
@pytest.mark.parametrize("kind", ["L", "RGB", "RGBA", "P", "CMYK", "1", "LA", "YCbCr", "HSV"])
def test_every_kind_of_pixel_is_converted(kind, mode, shape):
    grey = Image.fromarray(np.full((20, 40), 255, np.uint8))
    image = grey.convert("RGB").convert(kind) if kind == "HSV" else grey.convert(kind)
    found = pixels(image, mode=mode)
    assert found.shape == shape
    assert found.dtype == np.uint8
    assert (found == 255).all()


def test_greyscale_becomes_three_equal_channels(tmp_path):
    ramp = np.arange(200, dtype=np.uint8).reshape(10, 20)
    for sample in (written(tmp_path / "grey.png", Image.fromarray(ramp)), ramp, ramp[..., None]):
        np.testing.assert_array_equal(pixels(sample), np.repeat(ramp[..., None], 3, 2))
        np.testing.assert_array_equal(pixels(sample, mode="L"), ramp)


@pytest.mark.parametrize("suffix", [".png", ".webp"])
def test_transparency_is_laid_on_white(tmp_path, suffix):
    rgba = np.dstack([FLAG, np.full((20, 40), 255, np.uint8)])
    rgba[:10, :, 3] = 0
    path = written(tmp_path / f"clear{suffix}", Image.fromarray(rgba), lossless=True)
    for sample in (path, rgba, torch.from_numpy(rgba)):
        found = pixels(sample)
        assert (found[:10] == 255).all()
        np.testing.assert_array_equal(found[10:], FLAG[10:])


@pytest.mark.parametrize("suffix", [".png", ".gif"])
def test_a_transparent_colour_of_a_palette_is_laid_on_white(tmp_path, suffix):
    image = Image.new("P", (8, 4), 0)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.paste(1, (4, 0, 8, 4))
    path = written(tmp_path / f"palette{suffix}", image, transparency=1)
    found = pixels(path)
    assert (found[:, :4] == (255, 0, 0)).all()
    assert (found[:, 4:] == 255).all()


def test_a_palette_with_alpha_for_each_colour(tmp_path):
    image = Image.new("P", (8, 4), 0)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.paste(1, (4, 0, 8, 4))
    found = pixels(written(tmp_path / "alpha.png", image, transparency=bytes([255, 0])))
    assert (found[:, :4] == (255, 0, 0)).all()
    assert (found[:, 4:] == 255).all()


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_sixteen_bits_are_scaled_by_their_range(tmp_path, suffix):
    deep = np.array([[0, 257, 32_768], [65_535, 65_278, 128]], np.uint16)
    path = written(tmp_path / f"deep{suffix}", Image.fromarray(deep))
    expected = [[0, 1, 128], [255, 254, 0]]
    for sample in (path, deep, Image.fromarray(deep.astype(np.int32))):
        assert pixels(sample, mode="L").tolist() == expected
    assert pixels(path).shape == (2, 3, 3)


def test_one_pixel(tmp_path):
    path = written(tmp_path / "one.png", Image.new("RGB", (1, 1), (1, 2, 3)))
    for sample in (path, np.array([[[1, 2, 3]]], np.uint8)):
        assert pixels(sample).tolist() == [[[1, 2, 3]]]
        assert image_size(sample) == (1, 1)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_photographs_are_upright(tmp_path, orientation, suffix):
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    upright = Image.fromarray(FLAG)
    stored = upright.transpose(turns[orientation]) if orientation in turns else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = written(tmp_path / f"photo{suffix}", stored, exif=exif)
    np.testing.assert_array_equal(pixels(path), FLAG)
    with Image.open(path) as opened:
        assert image_size(path) == image_size(opened) == (40, 20)
        opened.load()
        assert image_size(opened) == (40, 20)


def test_a_big_jpeg_can_be_decoded_small(tmp_path):
    big = Image.fromarray(FLAG).resize((1600, 800))
    path = written(tmp_path / "big.jpg", big, quality=95)
    assert open_image(path).size == (1600, 800)
    small = open_image(path, at_least=150)
    assert small.size == (400, 200)
    expected = np.asarray(big.resize((400, 200), Image.Resampling.BOX), np.int16)
    assert np.abs(np.asarray(small, np.int16) - expected).mean() < 3
    mine = Image.open(path)
    assert open_image(mine, at_least=150).size == (1600, 800)
    assert mine.size == (1600, 800)  # as it was
    mine.close()


def test_the_users_image_is_left_alone():
    mine = Image.fromarray(FLAG)
    copy = open_image(mine)
    copy.paste((0, 0, 0), (0, 0, 40, 20))
    np.testing.assert_array_equal(np.asarray(mine), FLAG)
    array = FLAG.copy()
    open_image(array).paste((0, 0, 0), (0, 0, 40, 20))
    np.testing.assert_array_equal(array, FLAG)


def test_of_an_animation_the_first_frame_is_read_and_the_file_closed(tmp_path):
    frames = [Image.fromarray(FLAG).quantize(), Image.new("P", (40, 20))]
    path = tmp_path / "moving.gif"
    frames[0].save(path, save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(pixels(path), FLAG)
    path.unlink()


def test_the_suffixes_are_lower_case_and_readable(tmp_path):
    assert sorted(set(IMAGE_SUFFIXES)) == list(IMAGE_SUFFIXES)
    for suffix in IMAGE_SUFFIXES:
        assert open_image(written(tmp_path / f"x{suffix}", Image.fromarray(FLAG))).size == (40, 20)


class Cases:
    """Things that are no image, each with a word that the error must have."""

    @staticmethod
    def missing(folder):
        return folder / "nowhere.png", "FileNotFoundError"

    @staticmethod
    def folder(folder):
        return folder, "IsADirectoryError"

    @staticmethod
    def empty(folder):
        path = folder / "empty.png"
        path.write_bytes(b"")
        return path, "cannot identify"

    @staticmethod
    def text(folder):
        path = folder / "text.jpg"
        path.write_text("this is no image")
        return path, "cannot identify"

    @staticmethod
    def truncated_png(folder):
        path = written(folder / "cut.png", Image.effect_noise((64, 64), 90))
        path.write_bytes(path.read_bytes()[:1500])
        return path, "cut.png"

    @staticmethod
    def truncated_jpeg(folder):
        path = written(folder / "cut.jpg", Image.effect_noise((64, 64), 90))
        path.write_bytes(path.read_bytes()[:900])
        return path, "truncated"

    @staticmethod
    def corrupt(folder):
        path = written(folder / "bad.png", Image.effect_noise((64, 64), 90))
        content = bytearray(path.read_bytes())
        content[60:200] = bytes(140)
        path.write_bytes(bytes(content))
        return path, "bad.png"

    @staticmethod
    def postscript(folder):
        path = folder / "script.png"
        path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n")
        return path, "EPS"

    @staticmethod
    def a_row_of_a_broken_file(folder):
        return {"image": {"bytes": b"\x89PNG\r\n\x1a\n junk", "path": None}}, "row 4"

    @staticmethod
    def a_row_without_an_image(folder):
        return {"text": "hello"}, "a mapping with 'text'"

    @staticmethod
    def no_image_in_a_row(folder):
        return {"image": {"bytes": None, "path": None}}, "NoneType"

    @staticmethod
    def none(folder):
        return None, "NoneType"

    @staticmethod
    def no_pixels(folder):
        return Image.new("RGB", (0, 5)), "no pixels (0 x 5)"

    @staticmethod
    def an_empty_array(folder):
        return np.zeros((0, 5, 3), np.uint8), "shape [0, 5, 3]"

    @staticmethod
    def five_channels(folder):
        return np.zeros((8, 8, 5), np.uint8), "shape [8, 8, 5]"

    @staticmethod
    def a_batch(folder):
        return np.zeros((2, 8, 8, 3), np.uint8), "shape [2, 8, 8, 3]"

    @staticmethod
    def bytes_as_floats(folder):
        return FLAG.astype(np.float32), "floats from 0 to 255, not in [0, 1]"

    @staticmethod
    def not_finite(folder):
        return np.full((4, 4), np.nan), "floats from nan"

    @staticmethod
    def below_zero(folder):
        return np.full((4, 4), -0.5), "floats from -0.5"

    @staticmethod
    def plain_integers(folder):
        return FLAG.astype(np.int64), "int64 from 0 to 255"

    @staticmethod
    def objects(folder):
        return np.full((4, 4), "x", object), "type object"


@pytest.mark.parametrize("case", [name for name in vars(Cases) if not name.startswith("_")])
def test_what_is_no_image_is_named(case, tmp_path):
    sample, word = getattr(Cases, case)(tmp_path)
    with pytest.raises(UnreadableSampleError, match="samples: expected an image") as caught:
        open_image(sample, row=4)
    assert word in str(caught.value)
    assert list(caught.value.rows) == [4]
    assert caught.value.rows[4] in str(caught.value)
    if isinstance(sample, Path):
        assert str(sample) in str(caught.value)


def test_the_size_of_what_is_no_image_is_an_error_too(tmp_path):
    for case in ("missing", "empty", "text", "none", "no_pixels", "five_channels"):
        with pytest.raises(UnreadableSampleError):
            image_size(getattr(Cases, case)(tmp_path)[0])


def test_integers_say_what_to_use_instead():
    with pytest.raises(UnreadableSampleError, match="Use uint8 for 0 to 255"):
        open_image(FLAG.astype(np.int32))

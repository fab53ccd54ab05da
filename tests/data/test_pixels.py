"""Reading images: pixels without detours, and no file left open."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("PIL", reason="needs the extra vision")

from PIL import Image

from altasks.data.images import open_image, pixels_of


def noise(mode: str, size: tuple[int, int]) -> Any:
    channels = {"L": (), "RGB": (3,), "RGBA": (4,)}[mode]
    values = np.random.default_rng(0).integers(0, 256, (size[1], size[0], *channels))
    return Image.fromarray(values.astype(np.uint8))


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
@pytest.mark.parametrize("size", [(5, 3), (641, 479), (2000, 129), (129, 2049)])
def test_pixels_are_those_of_numpy(mode: str, size: tuple[int, int]) -> None:
    image = noise(mode, size)
    found = pixels_of(image)
    assert found.dtype == np.uint8
    assert found.flags.c_contiguous
    np.testing.assert_array_equal(found, np.asarray(image))


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "gif", "tiff", "bmp"])
@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_files_are_read_as_before_and_closed(
    suffix: str, orientation: int, tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    path = tmp_path / f"one.{suffix}"
    exif = Image.Exif()
    exif[0x0112] = orientation
    some = {} if suffix in ("gif", "bmp") else {"exif": exif}
    noise("RGB", (60, 40)).save(path, **some)
    for mode in ("RGB", "L"):
        image = open_image(path, mode=mode)
        turned = orientation == 6 and suffix not in ("gif", "bmp")
        assert image.size == ((40, 60) if turned else (60, 40))
        assert image.mode == mode
        with Image.open(path) as file:
            from PIL import ImageOps

            expected = np.asarray(ImageOps.exif_transpose(file).convert("RGB").convert(mode))
        path.rename(path.with_suffix(".moved"))  # nothing is read from the file any more
        np.testing.assert_array_equal(np.asarray(image), expected)
        path.with_suffix(".moved").rename(path)
        assert getattr(image, "fp", None) is None
    assert not [one for one in recwarn if issubclass(one.category, ResourceWarning)]


def test_an_image_of_the_users_stays_as_it_is(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    noise("RGB", (60, 40)).save(tmp_path / "one.jpg", exif=exif)
    with Image.open(tmp_path / "one.jpg") as mine:
        assert open_image(mine).size == (40, 60)
        assert mine.size == (60, 40)
        assert mine.getexif()[0x0112] == 6
        array = np.asarray(mine)
        opened = open_image(mine)
        opened.putpixel((0, 0), (1, 2, 3))
        np.testing.assert_array_equal(np.asarray(mine), array)


def test_one_image_may_be_opened_by_several_threads(tmp_path: Path) -> None:
    path = tmp_path / "one.jpg"
    noise("RGB", (900, 700)).save(path)
    expected = np.asarray(open_image(path))
    for _ in range(5):
        with Image.open(path) as lazy, ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda one: np.asarray(open_image(one)), [lazy] * 4))
        assert len(found) == 4
        for one in found:
            np.testing.assert_array_equal(one, expected)

"""One notion of an image file, for pools, readers and the shell."""

import os
import shutil

import numpy as np
import pytest

import altasks as al
from altasks.data import folders
from altasks.data.folders import (
    IMAGE_SUFFIXES,
    is_image_name,
    list_folder,
    list_images,
    passed_over_line,
)
from altasks.data.images import open_image
from altasks.data.pool import Pool
from altasks.errors import DataWarning, InvalidInputError

Image = pytest.importorskip("PIL.Image", reason="needs the extra vision")

PIXELS = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)


def draw(path, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(PIXELS).save(path, **options)
    return path


@pytest.mark.parametrize("suffix", IMAGE_SUFFIXES)
def test_what_counts_as_an_image_is_read(tmp_path, suffix):
    """No suffix is listed that Pillow doesn't write, and open_image doesn't read back."""
    Image.init()
    kind = Image.EXTENSION.get(suffix, "")
    kind = "JPEG" if kind == "MPO" else kind  # as cameras write one of a single picture
    if kind not in Image.OPEN:
        pytest.skip(f"this Pillow is built without {suffix}")
    image = Image.fromarray(PIXELS)
    path = tmp_path / f"a{suffix.upper()}"
    {".pbm": image.convert("1"), ".pgm": image.convert("L")}.get(suffix, image).save(path, kind)
    assert list(list_images(tmp_path).files) == [path.name]
    assert open_image(path).size == (16, 12)


def test_system_files_are_no_samples(tmp_path):
    draw(tmp_path / "deep" / "a.JPG", format="JPEG")
    draw(tmp_path / ".ipynb_checkpoints" / "a-checkpoint.jpg")
    draw(tmp_path / "__MACOSX" / "deep" / "._a.jpg")
    draw(tmp_path / "deep" / "@eaDir" / "thumb.jpg")
    for name in ("._b.jpg", ".DS_Store", "Thumbs.db", "deep/desktop.ini"):
        (tmp_path / name).write_bytes(b"\0\5\x16\7")
    for suffixes in (None, IMAGE_SUFFIXES):
        pool = al.as_pool(tmp_path, suffixes=suffixes)
        assert pool.ids == ["deep/a.JPG"]
        assert set(pool.passed_over.values()) == {"a system file"}
        assert "__MACOSX/" in pool.passed_over
    assert passed_over_line(pool.passed_over) == ""


def test_other_files_are_counted_and_named(tmp_path):
    draw(tmp_path / "a.png")
    for name in ("notes.txt", "table.csv"):
        (tmp_path / name).write_text("x")
    pool = al.as_pool(tmp_path, suffixes=IMAGE_SUFFIXES)
    assert pool.ids == ["a.png"]
    line = "Passed over 2 files: another suffix (notes.txt, table.csv)."
    assert passed_over_line(pool.passed_over) == line
    (tmp_path / "a.png").unlink()
    with pytest.raises(InvalidInputError, match=r"none in .*notes\.txt"):
        al.as_pool(tmp_path, suffixes=IMAGE_SUFFIXES)


@pytest.mark.parametrize(
    "name", ["photo.heic", "raw.NEF", "scan", "a.jpg_large", "b.png~", "x.dcm"]
)
def test_what_looks_like_an_image_is_warned_about(tmp_path, name):
    """By its suffix, or by how it begins."""
    draw(tmp_path / "a.png")
    draw(tmp_path / name, format="PNG")
    with pytest.warns(DataWarning, match=f"1 files .* look like images.*{name}"):
        pool = al.as_pool(tmp_path, suffixes=IMAGE_SUFFIXES)
    assert (pool.ids, list(pool.passed_over)) == (["a.png"], [name])
    # Whoever asks for one kind alone was told nothing new.
    assert al.as_pool(tmp_path, suffixes=[".png"]).ids == ["a.png"]


def test_a_plugin_of_pillow_is_asked(tmp_path, monkeypatch):
    assert not is_image_name("a.heic")
    monkeypatch.setitem(Image.EXTENSION, ".heic", "HEIF")
    monkeypatch.setitem(Image.OPEN, "HEIF", (None, None))
    assert is_image_name("a.HEIC")
    draw(tmp_path / "a.heic", format="PNG")
    assert list(list_images(tmp_path).files) == ["a.heic"]


def test_links_are_named(tmp_path):
    folder = tmp_path / "pool"
    draw(folder / "a.png")
    (folder / "inside.png").symlink_to(folder / "a.png")
    assert list(list_images(folder).files) == ["a.png", "inside.png"]
    shutil.copy(folder / "a.png", tmp_path / "out.png")
    (folder / "out.png").symlink_to(tmp_path / "out.png")
    with pytest.raises(InvalidInputError, match=r"images: .*out\.png links to a file outside"):
        list_images(folder)
    (folder / "out.png").unlink()
    (folder / "more").symlink_to(tmp_path, target_is_directory=True)
    with pytest.raises(InvalidInputError, match="more links to a folder"):
        list_images(folder)


def test_a_folder_that_cannot_be_listed_is_named(tmp_path, monkeypatch):
    def walk(folder, *, followlinks, onerror):
        onerror(PermissionError(13, "Permission denied", str(folder)))
        yield from ()

    monkeypatch.setattr(folders.os, "walk", walk)
    with pytest.raises(InvalidInputError, match=f"can be listed.*{tmp_path}"):
        list_folder(tmp_path)


def test_a_pipe_is_no_image(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(InvalidInputError, match="a pipe"):
        list_images(tmp_path)


def test_a_pool_shows_what_it_is():
    assert repr(al.as_pool(["a"] * 5)) == "Pool(5 samples: '0', '1', '2', ...)"
    pool = Pool(["x"], [1].__getitem__, labels={"x": 2})
    assert repr(pool) == "Pool(1 samples, 1 labelled: 'x')"


def test_a_folder_without_images_is_told_of_the_common_kinds(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(InvalidInputError, match=r"images \(\.jpg, \.png.*notes\.txt") as caught:
        al.as_pool(tmp_path, suffixes=IMAGE_SUFFIXES)
    assert ".j2k" not in str(caught.value)

"""Names that are nearly those of a file: accents in two spellings, capitals, folders in front."""

import json
import unicodedata

import numpy as np
import pytest

import altasks as al
from altasks.data import (
    read_coco,
    read_coco_masks,
    read_line_folder,
    read_line_table,
    read_masks,
    read_voc,
    read_yolo,
)
from altasks.errors import InvalidInputError, UnknownNameError

image = pytest.importorskip("PIL.Image", reason="needs the extra vision")

COMPOSED = "caf\u00e9"
TAKEN_APART = unicodedata.normalize("NFD", COMPOSED)


def save(folder, name):
    folder.mkdir(parents=True, exist_ok=True)
    image.fromarray(np.zeros((24, 32, 3), np.uint8)).save(folder / name)
    return folder


def write_coco(tmp_path, file_name):
    content = {
        "images": [{"id": 1, "file_name": file_name, "width": 32, "height": 24}],
        "annotations": [],
        "categories": [{"id": 1, "name": "cat"}],
    }
    (tmp_path / "c.json").write_text(json.dumps(content))
    return tmp_path / "c.json"


def coco(tmp_path, name, images):
    return read_coco(write_coco(tmp_path, f"{name}.png"), images)


def coco_masks(tmp_path, name, images):
    return read_coco_masks(write_coco(tmp_path, f"{name}.png"), images)


def voc(tmp_path, name, images):
    (tmp_path / "xml").mkdir()
    text = f"<annotation><filename>{name}.png</filename></annotation>"
    (tmp_path / "xml" / f"{name}.xml").write_text(text, encoding="utf-8")
    return read_voc(tmp_path / "xml", images)


def yolo(tmp_path, name, images):
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / f"{name}.txt").write_text("0 .5 .5 .2 .2\n")
    return read_yolo(tmp_path / "labels", images=images, names=["cat"])


def yolo_list(tmp_path, name, images):
    (tmp_path / "list.txt").write_text(f"images/{name}.png\n", encoding="utf-8")
    (tmp_path / "data.yaml").write_text("train: list.txt\nnames: [cat]\n")
    return read_yolo(tmp_path / "data.yaml")


def masks(tmp_path, name, images):
    save(tmp_path / "masks", f"{name}.png")
    return read_masks(images, tmp_path / "masks", classes=["a", "b"])


def line_folder(tmp_path, name, images):
    (images / f"{name}.gt.txt").write_text("text")
    return read_line_folder(images)


def line_table(tmp_path, name, images):
    (images / "lines.csv").write_text(f"image,text\n{name}.png,text\n", encoding="utf-8")
    return read_line_table(images / "lines.csv")


READERS = [coco, coco_masks, voc, yolo, yolo_list, masks, line_folder, line_table]


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(("stored", "wanted"), [(COMPOSED, TAKEN_APART), (TAKEN_APART, COMPOSED)])
def test_two_spellings_of_an_accent_are_told_apart(tmp_path, reader, stored, wanted):
    images = save(tmp_path / "images", f"{stored}.png")
    if (images / f"{wanted}.png").exists():
        pytest.skip("this file system takes both for one")
    with pytest.raises(InvalidInputError, match="looks the same") as caught:
        reader(tmp_path, wanted, images)
    for spelling in (stored, wanted):
        assert ascii(spelling)[1:-1] in str(caught.value)


@pytest.mark.parametrize("reader", [coco, coco_masks, line_table])
def test_capitals_are_a_way_out(tmp_path, reader):
    images = save(tmp_path / "images", "IMG.png")
    if (images / "img.png").exists():
        pytest.skip("this file system takes both for one")
    with pytest.raises(InvalidInputError, match=r"There is 'IMG\.png': rename"):
        reader(tmp_path, "img", images)


@pytest.mark.parametrize("read", [read_coco, read_coco_masks])
@pytest.mark.parametrize(
    "file_name",
    [
        "/data/set/a.png",
        "C:\\data\\a.png",
        "train/a.png",
        "https://host/a.png",
        "s3://bucket/a.png",
    ],
)
def test_a_path_of_another_machine_has_a_way_out(tmp_path, read, file_name):
    images = save(tmp_path / "images", "a.png")
    path = write_coco(tmp_path, file_name)
    with pytest.raises(InvalidInputError, match=r"There is 'a\.png' in .*take the folders off"):
        read(path, images)
    (images / "a.png").rename(images / "b.png")
    absolute = "train" not in file_name
    with pytest.raises(InvalidInputError, match="relative to images=" if absolute else "isn't"):
        read(path, images)


def test_an_id_that_looks_the_same_is_named():
    pool = al.as_pool({COMPOSED: "a", "b": "b"})
    with pytest.raises(UnknownNameError, match=r"'cafe\\u0301' is not in the pool.*'caf\\xe9'"):
        pool[TAKEN_APART]

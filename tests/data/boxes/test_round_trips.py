"""Boxes written by other tools are read as the same boxes, and the other way round.

A tool runs in a process of its own, see `peers.py`.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from peers import run_with

from altasks.data import (
    BoxedImages,
    read_coco,
    read_voc,
    read_yolo,
    write_coco,
    write_voc,
    write_yolo,
)

Image = pytest.importorskip("PIL.Image", reason="needs the extra vision")

#: Not in the order of the alphabet, which Label Studio's `classes.txt` is in.
NAMES = ["dog", "cat", "bird"]
SIZES = {"a.png": (64, 48), "b.png": (101, 75), "c.png": (40, 40)}
#: An ordinary box, one of fractions, one of a whole image whose sides are odd, and nothing.
BOXES = {
    "a.png": [["dog", 1.0, 2.0, 30.0, 40.0], ["bird", 10.5, 3.25, 63.75, 47.5]],
    "b.png": [["cat", 0.0, 0.0, 101.0, 75.0]],
    "c.png": [],
}
TOOLS = Path(__file__).with_name("box_tools.py")


def run(tool, action, kind, folder, images="-", out="-"):
    package = {"label_studio": "label_studio_sdk"}.get(tool, tool)
    printed = run_with(package, TOOLS, tool, action, kind, folder, images, out)
    return json.loads(printed.splitlines()[-1])


@pytest.fixture
def photos(tmp_path):
    for name, (width, height) in SIZES.items():
        path = tmp_path / "photos" / name
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.zeros((height, width, 3), np.uint8)).save(path)
    return tmp_path / "photos"


@pytest.fixture
def boxed(photos):
    labels = {
        name: [{"label": label, "box": box} for label, *box in rows] for name, rows in BOXES.items()
    }
    return BoxedImages(NAMES, {name: photos / name for name in SIZES}, labels)


def same(found, *, shift=(0, 0, 0, 0), missing=(), tolerance=1e-3):
    """Compare boxes by the images' stems; `shift` is the tool's convention."""
    by_stem = {Path(name).stem.rpartition("__")[2]: rows for name, rows in found.items()}
    expected = {Path(name).stem: rows for name, rows in BOXES.items() if name not in missing}
    assert set(by_stem) == set(expected)
    for stem, rows in expected.items():
        got = sorted(by_stem[stem])
        assert [row[0] for row in got] == sorted(row[0] for row in rows)
        for row, own in zip(got, sorted(rows), strict=True):
            moved = [value + step for value, step in zip(own[1:], shift, strict=True)]
            assert row[1:] == pytest.approx(moved, abs=tolerance)
    return True


def shown(boxed):
    return {
        name: [[entry["label"], *entry["box"]] for entry in label]
        for name, label in boxed.labels.items()
    }


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["yolo", "voc", "coco"])
@pytest.mark.parametrize("tool", ["supervision", "datumaro"])
def test_they_read_what_we_write(boxed, photos, tmp_path, tool, kind):
    out = tmp_path / "set"
    images = photos
    if kind == "yolo":
        source = write_yolo(boxed, out)
        folder, images = out / "labels/train", out / "images/train"
    elif kind == "voc":
        write_voc(boxed, out)
        (out / "ImageSets/Main").mkdir(parents=True)
        (out / "ImageSets/Main/train.txt").write_text("a\nb\nc\n")
        folder, source = out / "Annotations", "-"
        images = out / "JPEGImages"
    else:
        folder, source = write_coco(boxed, out / "annotations/instances_train.json"), "-"
        shutil.copytree(photos, out / "images/train")
    if tool == "datumaro":
        folder = out
    # supervision takes VOC's corners as counted from 1, and subtracts it from two of the four.
    shift = (-1, -1, 0, 0) if (tool, kind) == ("supervision", "voc") else (0, 0, 0, 0)
    assert same(run(tool, "read", kind, folder, images, source), shift=shift)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["yolo", "voc", "coco"])
@pytest.mark.parametrize("tool", ["supervision", "datumaro", "label_studio"])
def test_we_read_what_they_write(boxed, photos, tmp_path, tool, kind):
    content = tmp_path / "boxes.json"
    content.write_text(json.dumps({"names": NAMES, "labels": BOXES, "sizes": SIZES}))
    out = tmp_path / "set"
    run(tool, "write", kind, content, photos, out)
    found = {
        "supervision": read_supervision,
        "datumaro": read_datumaro,
        "label_studio": read_label_studio,
    }[tool](kind, out, photos)
    if (tool, kind) == ("supervision", "voc"):
        # It adds 1 to two of the four corners, and rounds up the halves that this makes.
        assert same(shown(found), shift=(1, 1, 0, 0), tolerance=0.76)
    elif (tool, kind) == ("label_studio", "voc"):
        # Corner and side are truncated, each, and 2 comes back from percent as 1.99...: up to two
        # pixels are lost. An image without boxes has no file, so it isn't in the set.
        assert same(shown(found), missing=["c.png"], tolerance=2.01)
    elif (tool, kind) == ("datumaro", "voc"):
        assert same(shown(found), missing=["c.png"])
    else:
        assert same(shown(found), tolerance=0.01)
    if kind != "voc":
        assert sorted(found.names) == sorted(NAMES)


def read_supervision(kind, out, photos):
    if kind == "yolo":
        return read_yolo(out / "labels", images=out / "images", names=NAMES)
    if kind == "voc":
        return read_voc(out / "xml", out / "images")
    return read_coco(out / "coco.json", out / "images")


def read_datumaro(kind, out, photos):
    if kind == "yolo":
        return read_yolo(out / "data.yaml")
    if kind == "voc":
        return read_voc(out / "Annotations", out / "JPEGImages")
    return read_coco(out / "annotations/instances_train.json", out / "images/train")


def read_label_studio(kind, out, photos):
    """It gives the images names of its own, and leaves them where it found them."""
    folder = out / kind
    if kind == "coco":
        source = folder / "result.json"
        named = [Path(one["file_name"]).name for one in json.loads(source.read_text())["images"]]
    else:
        files = (folder / ("labels" if kind == "yolo" else "Annotations")).iterdir()
        named = [f"{path.stem}.png" for path in files]
    (folder / "images").mkdir(exist_ok=True)
    for name in named:
        shutil.copy(photos / name.rpartition("__")[2], folder / "images" / name)
    if kind == "coco":
        return read_coco(source, folder / "images")
    if kind == "voc":
        return read_voc(folder / "Annotations", folder / "images")
    found = read_yolo(folder / "labels", images=folder / "images")
    assert found.names == sorted(NAMES)  # its classes.txt is sorted, and its numbers are by that
    return found


def test_pycocotools_reads_what_we_write(boxed, tmp_path, capsys):
    coco = pytest.importorskip("pycocotools.coco")
    found = coco.COCO(str(write_coco(boxed, tmp_path / "coco.json")))
    rows = {}
    for image in found.imgs.values():
        annotations = found.loadAnns(found.getAnnIds(imgIds=image["id"]))
        rows[image["file_name"]] = [
            [
                found.cats[one["category_id"]]["name"],
                *one["bbox"][:2],
                one["bbox"][0] + one["bbox"][2],
                one["bbox"][1] + one["bbox"][3],
            ]
            for one in annotations
        ]
    assert same(rows, tolerance=0)

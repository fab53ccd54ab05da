"""`altasks rank --task object-detection`: the same numbers as from Python, and what was found."""

import importlib.util
import json

import numpy as np
import pytest
from typer.testing import CliRunner

import altasks as al
from altasks.cli import app
from altasks.testing.rankers import RankerSuite

if importlib.util.find_spec("ultralytics") is None:
    pytest.skip("needs the extra detection", allow_module_level=True)
pytest.importorskip("sklearn", reason="the photographs are scikit-learn's")

import yolo_nets


@pytest.fixture(scope="module")
def detector(tmp_path_factory):
    folder = tmp_path_factory.mktemp("detector")
    al.ObjectDetection(yolo_nets.yolo(), imgsz=320).save(folder)
    return folder


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    (folder / "more").mkdir()
    for i, image in enumerate(yolo_nets.photographs(4)):
        image.save(folder / ("more" if i % 2 else "") / f"{i}.png")
    (folder / "notes.txt").write_text("no image")
    return folder


@pytest.fixture
def labels(tmp_path):
    folder = tmp_path / "labels"
    folder.mkdir()
    (folder / "a.txt").write_text("0 0.5 0.5 0.1 0.1\n" * 30 + "1 0.5 0.5 0.1 0.1\n")
    return folder


@pytest.fixture
def rank(detector, pool, tmp_path):
    def run(*options, model=detector, pool=pool):
        out = tmp_path / "queue.jsonl"
        given = ["rank", "--task", "object-detection", "--model", model, "--pool", pool]
        result = CliRunner().invoke(app, [*map(str, given), "--out", str(out), *map(str, options)])
        lines = out.read_text().splitlines() if out.exists() else []
        return result, [json.loads(line) for line in lines]

    return run


def test_the_queue_is_what_python_gives(rank, detector, pool, labels):
    result, rows = rank("-n", 3, "--class-weights", labels)
    assert result.exit_code == 0, result.output
    task = al.ObjectDetection(detector)
    options = {
        "power": 2,
        "reduce": "sum",
        "class_weights": al.class_weights_from_counts([30, 1, 0, 0, 0]),
    }
    images = al.as_pool(pool, suffixes=[".png"])
    scores = al.score(task, images, "margin", acquisition_options=options, progress=False)
    assert [row["id"] for row in rows] == scores.top(3)
    assert [row["path"] for row in rows] == [str(pool / row["id"]) for row in rows]
    assert [row["score"] for row in rows] == pytest.approx(sorted(scores.values)[::-1][:3])
    found = task.predict([images.at(i) for i in range(4)])
    assert f"Found {len(found.units):,} boxes in 4 images, none in 0" in result.output
    assert "Passed over 1 file: another suffix (notes.txt)." in result.output
    assert "rarest first: kind2 36, kind3 36, kind4 36, kind1 18, kind0 1.16" in result.output
    boxes = rows[0]["prediction"]["boxes"]
    assert task.check_label([e for e in boxes if e["box"][0] < e["box"][2]][:1])
    assert "closest:" in " ".join(result.output.split())


def test_other_reductions_and_functions(rank):
    result, rows = rank("--reduce", "max", "--acquisition", "entropy", "--conf", 0.2)
    assert result.exit_code == 0, result.output
    assert all(0 <= row["score"] < 2 for row in rows)
    assert all(e["conf"] > 0.2 for row in rows for e in row["prediction"]["boxes"])


def test_the_sheet_has_the_boxes_drawn(rank, detector, tmp_path):
    from PIL import Image

    from altasks.report import contact_sheet

    result, rows = rank("--sheet", tmp_path / "sheet.png")
    assert result.exit_code == 0, result.output
    assert "Pictures of" in result.output
    bare = contact_sheet(
        [{**row, "prediction": {"boxes": []}} for row in rows],
        al.ObjectDetection(detector),
        tmp_path / "bare.png",
    )
    with Image.open(tmp_path / "sheet.png") as one, Image.open(bare) as other:
        width, height = min(one.width, other.width), min(one.height, other.height)
        drawn, plain = (np.asarray(page)[:height, :width] for page in (one, other))
    assert (drawn != plain).any(-1).sum() > 100


def test_a_detector_that_finds_nothing_is_warned_of(rank, tmp_path):
    result, rows = rank("--conf", 0.999999)
    assert result.exit_code == 0, result.output
    assert "none in 4" in result.output
    assert "Warning: no box was found in any of 4 images" in result.output
    assert "Warning: all 4 samples have the same score, 0" in result.output
    assert [row["score"] for row in rows] == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--truncate"], "--truncate: not an option of object-detection"),
        (["--dropout", 0.1], "--dropout: not an option of object-detection"),
        (["--class-weights", "gone"], "a folder of labels"),
        (["--image-size", 100], "multiple of 32"),
    ],
)
def test_options_are_checked(rank, options, message):
    result, rows = rank(*options)
    assert result.exit_code == 2
    assert message in result.output
    assert not rows


def test_what_is_no_trained_detector_is_refused(rank, pool):
    result, _ = rank(model="yolov8n.yaml")
    assert result.exit_code == 2
    assert "no weights" in result.output
    result, _ = rank(pool=pool / "notes.txt")
    assert "a folder of images" in result.output


def test_weights_from_xml_name_a_strange_class(rank, tmp_path):
    folder = tmp_path / "xml"
    folder.mkdir()
    (folder / "a.xml").write_text(
        "<annotation>\n<object><name>kind_1</name></object>\n</annotation>"
    )
    result, _ = rank("--class-weights", folder)
    assert result.exit_code == 2
    text = " ".join(result.output.split())
    assert "a.xml" in text
    assert "line 2" in text
    assert "'kind1'?" in text
    (folder / "a.xml").write_text("<annotation><object><name>kind1</name></object></annotation>")
    result, _ = rank("--class-weights", folder)
    assert result.exit_code == 0, result.output


def test_its_options_are_refused_elsewhere(tmp_path):
    given = ["rank", "--task", "ner", "--model", "m", "--pool", "p", "--out", str(tmp_path / "q")]
    result = CliRunner().invoke(app, [*given, "--conf", "0.2"])
    assert result.exit_code == 2
    assert "--conf: not an option of ner, only of object-detection." in result.output


class TestConformance(RankerSuite):
    @pytest.fixture
    def arguments(self, detector, pool):
        return ["--task", "object-detection", "--model", str(detector), "--pool", str(pool)]

    @pytest.fixture
    def labelled(self, detector, pool, tmp_path):
        for image in pool.rglob("*.png"):
            text = (tmp_path / "boxes" / image.relative_to(pool)).with_suffix(".txt")
            text.parent.mkdir(parents=True, exist_ok=True)
            text.write_text("0 0.5 0.5 0.4 0.4\n1 0.3 0.3 0.2 0.2\n")
        task = ["--task", "object-detection", "--model", str(detector), "--image-size", "32"]
        data = ["--data", str(tmp_path / "boxes"), "--format", "yolo"]
        options = [f"images={pool}", 'names=["cup", "spoon"]']
        data += [word for option in options for word in ("--reader-option", option)]
        return [*task, *data, "--training-arg", "epochs=1", "--training-arg", "batch=2"]


@pytest.mark.parametrize("strategy", ["category_matching", "object_herding"])
def test_images_are_compared_by_their_objects(strategy, rank, detector, pool, labels):
    asked = ["-n", 2, "--acquisition", "difficulty_calibrated", "--strategy", strategy]
    result, _ = rank(*asked, "--class-weights", labels)
    assert result.exit_code == 2
    assert "--class-weights" in result.output
    result, rows = rank(*asked)
    assert result.exit_code == 0, result.output
    task = al.ObjectDetection(detector, imgsz=320)
    scores = al.score(task, sorted(pool.rglob("*.png")), keep=("objects",), progress=False)
    assert scores.objects.shape == (4, 32, 66)
    assert len({row["id"] for row in rows}) == 2
    assert "objects" in repr(scores)

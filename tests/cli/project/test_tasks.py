"""A round of each task in the shell: labels from a file, a fit, a new order, labels out again."""

from __future__ import annotations

import csv
import importlib.util
import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from project_files import read_table, write_table

import altasks as al

pytestmark = pytest.mark.slow
pytest.importorskip("transformers", reason="needs the extra text")

STEPS = ["--set", "training.max_steps=2"]


def round_of(shell, init, label_of, *, queue="batch.csv", number=4, cell=str):
    """Init, ask, tell, fit, ask, export; return the project's exported rows and labels."""
    shell.run("init", *init, "--number", number)
    shell.run("ask", "--out", queue)
    path = shell.folder / queue
    labels = {}
    if queue.endswith(".csv"):
        rows = read_table(path)
        for row in rows:
            labels[row["id"]] = label_of(row["id"])
            row["label"] = cell(labels[row["id"]])
        write_table(path, rows)
    else:
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        labels = {row["id"]: label_of(row["id"]) for row in rows}
        lines = [json.dumps({**row, "label": labels[row["id"]]}) for row in rows]
        path.write_text("\n".join(lines))
    told = shell.json("tell", queue)
    assert told["labels"] == len(rows) == number
    assert shell.json("tell", queue)["known"] == number
    assert shell.json("fit")["fitted"] is True
    again = shell.json("ask")
    assert again["new"] == number
    assert all("prediction" in row and row["score"] is not None for row in again["rows"])
    out = [json.loads(line) for line in shell.run("export").stdout.splitlines()]
    assert {row["id"] for row in out} == set(labels)
    assert shell.json("status")["labelled"] == number
    return SimpleNamespace(rows=out, labels=labels)


@pytest.fixture
def encoder(shell, tiny_encoder):
    shutil.copytree(tiny_encoder, shell.folder / "encoder")
    return ["--model", "encoder", *STEPS]


def test_several_classes(shell, encoder, topic_texts, topic_labels):
    rows = [{"id": f"t{i}", "text": text} for i, text in enumerate(topic_texts)]
    write_table(shell.folder / "texts.csv", rows)
    words = ["--task", "text-classification", "--pool", "texts.csv", "--multi-label"]
    words += [word for name in sorted(set(topic_labels)) for word in ("--label", name)]

    def label_of(name):
        place = int(name[1:])
        return [[], [topic_labels[place]], ["food", "sport"]][place % 3]

    done = round_of(
        shell, [*words, *encoder], label_of, number=6, cell=lambda one: "; ".join(one) or "[]"
    )
    assert {row["id"]: row["label"] for row in done.rows} == done.labels
    shell.run("export", "--out", "l.csv")
    assert {row["id"]: json.loads(row["label"]) for row in read_table(shell.folder / "l.csv")} == (
        done.labels
    )


def test_entities_in_texts_with_emoji(shell, encoder):
    texts = [f"😀 Ada met Grace in Paris, {i} times" for i in range(10)]
    lines = [json.dumps({"id": f"s{i}", "text": one}) for i, one in enumerate(texts)]
    (shell.folder / "s.jsonl").write_text("\n".join(lines), encoding="utf-8")
    words = ["--task", "ner", "--pool", "s.jsonl", "--label", "PER", "--label", "LOC"]

    def label_of(name):
        text = texts[int(name[1:])]
        start = text.index("Paris")
        return [
            {"start": 2, "end": 5, "label": "PER"},
            {"start": start, "end": start + 5, "label": "LOC"},
        ]  # fmt: skip

    done = round_of(shell, [*words, *encoder], label_of, cell=json.dumps)
    for row in done.rows:
        assert row["spans"] == done.labels[row["id"]]
        assert row["text"] == texts[int(row["id"][1:])]
    shell.run("export", "--out", "l.jsonl")
    read = al.read(shell.folder / "l.jsonl", "tagged_jsonl")
    assert set(read.classes) == {"PER", "LOC"}
    shell.run("export", "--out", "l.conll")
    assert al.read(shell.folder / "l.conll", "conll").pairs()[1] == read.pairs()[1]
    # And in again, by another project of the same sentences.
    text = (shell.folder / "altasks.toml").read_text()
    (shell.folder / "altasks.toml").write_text(text.replace("altasks.db", "other.db"))
    assert shell.json("import", "l.jsonl")["labels"] == 4
    assert [json.loads(line)["spans"] for line in shell.run("export").stdout.splitlines()] == [
        row["spans"] for row in done.rows
    ]


def test_sentences_in_words_of_a_columns_file(shell, encoder):
    sentences = [["Ada", "wrote", str(i)] for i in range(10)]
    text = "\n\n".join("\n".join(f"{w} O" for w in one) for one in sentences)
    (shell.folder / "s.conll").write_text(text)
    words = ["--task", "ner", "--pool", "s.conll", "--label", "PER"]
    done = round_of(shell, [*words, *encoder], lambda _: ["B-PER", "O", "O"], queue="batch.jsonl")
    assert all(row["tags"] == ["B-PER", "O", "O"] for row in done.rows)


def test_roles(shell, encoder):
    lines = [
        json.dumps({"id": f"s{i}", "tokens": ["Ada", "wrote", "it", str(i)], "verbs": [1]})
        for i in range(10)
    ]
    (shell.folder / "s.jsonl").write_text("\n".join(lines))
    words = ["--task", "srl", "--pool", "s.jsonl", "--label", "ARG0", "--label", "ARG1"]
    frame = {"verb": 1, "roleset": "", "tags": ["B-ARG0", "B-V", "B-ARG1", "O"]}
    done = round_of(shell, [*words, *encoder], lambda _: [frame], queue="batch.jsonl")
    shell.run("export", "--out", "l.jsonl")
    assert al.read(shell.folder / "l.jsonl", "srl").pairs()[1] == [[frame]] * 4
    assert all(row["frames"][0]["tags"] == frame["tags"] for row in done.rows)


def test_numbers_with_two_targets(shell):
    rng = np.random.default_rng(0)
    rows = [
        {"id": f"r{i}", "a": a, "b": b, "up": "", "down": ""}
        for i, (a, b) in enumerate(rng.normal(size=(20, 2)).round(3).tolist())
    ]
    write_table(shell.folder / "m.csv", rows)
    value = {row["id"]: [row["a"] + row["b"], -row["a"]] for row in rows}
    words = ["--task", "regression", "--pool", "m.csv", "--label-column", "up"]
    words += ["--label-column", "down", "--set", 'options.hidden=["8"]', *STEPS]
    done = round_of(shell, words, value.__getitem__, cell=json.dumps)
    for row in done.rows:
        assert row["label"] == pytest.approx(value[row["id"]])
        assert set(row) >= {"a", "b"}
        assert "up" not in row


def test_one_number_for_each_row(shell):
    rows = [{"id": f"r{i}", "a": i / 10, "label": ""} for i in range(20)]
    write_table(shell.folder / "m.csv", rows)
    words = ["--task", "regression", "--pool", "m.csv", *STEPS]
    done = round_of(shell, words, lambda name: -int(name[1:]) / 3)
    assert all(row["label"] == pytest.approx(-int(row["id"][1:]) / 3) for row in done.rows)
    shell.run("export", "--out", "l.csv")
    # What was exported is data for the other commands.
    shell.run("fit", "--task", "regression", "--data", "l.csv", "--training-arg", "max_steps=1",
              "--hidden", 4, "--id-column", "id", "--out", "model")  # fmt: skip


@pytest.fixture
def vit(shell):
    image = pytest.importorskip("PIL.Image", reason="needs the extra vision")
    import transformers

    from altasks._internal.random import isolated

    names = {0: "cat", 1: "dog"}
    with isolated(0):
        net = transformers.ViTForImageClassification(
            transformers.ViTConfig(
                hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
                image_size=16, patch_size=8, id2label=names,
                label2id={name: place for place, name in names.items()},
            )
        )  # fmt: skip
    transformers.utils.logging.disable_progress_bar()
    net.save_pretrained(shell.folder / "vit")
    size = {"height": 16, "width": 16}
    transformers.ViTImageProcessor(size=size).save_pretrained(shell.folder / "vit")
    rng = np.random.default_rng(0)
    for i in range(10):
        path = shell.folder / "photos" / ("a" if i % 2 else "b") / f"{i:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        image.fromarray(rng.integers(0, 256, (20, 30, 3), np.uint8)).save(path)


def test_images(shell, vit):
    words = ["--task", "image-classification", "--model", "vit", "--pool", "photos"]
    words += ["--label", "cat", "--label", "dog", *STEPS]
    done = round_of(shell, words, lambda name: "cat" if name.startswith("a") else "dog")
    assert {row["id"]: row["label"] for row in done.rows} == done.labels
    (shell.folder / "out").mkdir()
    assert "put it there" in shell.run("export", "--out", "out/l.csv").output
    shell.run("export", "--out", "l.csv")
    read = al.read(shell.folder / "l.csv", "image_table", id_column="id")
    assert read.pool.labels == done.labels
    assert all(sample.is_file() for sample in read.pairs()[0])
    # Folders named like classes are labels too, found by their files.
    text = (shell.folder / "altasks.toml").read_text()
    text = text.replace("altasks.db", "other.db").replace('["cat", "dog"]', '["a", "b"]')
    (shell.folder / "altasks.toml").write_text(text)
    assert shell.json("import", "photos")["labels"] == 10


def test_boxes(shell):
    if importlib.util.find_spec("ultralytics") is None:
        pytest.skip("needs the extra detection")
    pytest.importorskip("sklearn", reason="the photographs are scikit-learn's")
    import yolo_nets

    al.ObjectDetection(yolo_nets.yolo(), imgsz=32).save(shell.folder / "detector")
    (shell.folder / "photos").mkdir()
    for i, image in enumerate(yolo_nets.photographs(4)):
        image.save(shell.folder / "photos" / f"{i}.png")
    boxes = [{"label": "cup", "box": [10.0, 20.0, 60.0, 80.0]}]
    words = ["--task", "object-detection", "--model", "detector", "--pool", "photos"]
    words += ["--label", "cup", "--label", "spoon", "--set", "options.image_size=32"]
    words += ["--set", "training.epochs=1", "--set", "training.batch=2"]
    label_of = {"0.png": boxes, "1.png": [], "2.png": boxes, "3.png": boxes}
    done = round_of(shell, words, label_of.__getitem__, number=2, cell=json.dumps)
    assert {row["id"]: row["label"] for row in done.rows} == done.labels
    shell.run("export", "--out", "l.json")
    read = al.read(shell.folder / "l.json", "coco", images=shell.folder / "photos")
    assert read.pool.labels == done.labels
    shell.run("export", "--format", "yolo", "--out", "yolo")
    assert (shell.folder / "yolo").is_dir()
    text = (shell.folder / "altasks.toml").read_text()
    (shell.folder / "altasks.toml").write_text(text.replace("altasks.db", "other.db"))
    told = shell.json("import", "l.json", "--format", "coco", "--reader-option", "images=photos")
    assert told["labels"] == 2
    with (shell.folder / "x.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["id", "label"], ["3.png", '[{"label": "cup"}]']])
    refused = shell.run("tell", "x.csv", ok=False)
    assert refused.exit_code == 2
    assert "line 2" in refused.output

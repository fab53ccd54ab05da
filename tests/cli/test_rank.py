import contextlib
import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import threading

import pytest
from typer.testing import CliRunner

import altasks as al
from altasks.cli import app
from altasks.cli.labelled import read_ids
from altasks.cli.rank import run_rank
from altasks.cli.rankers import RankRequest
from altasks.errors import InvalidInputError
from altasks.registry import RANKERS, TASKS

pytest.importorskip("transformers", reason="needs the extra text")

runner = CliRunner()


@pytest.fixture
def rank(checkpoint, pool_csv, tmp_path):
    """Run `altasks rank` on the small pool; options given override or add."""

    def run(**options):
        given = {
            "task": "text-classification",
            "model": checkpoint,
            "pool": pool_csv,
            "out": tmp_path / "queue.jsonl",
            "number": 5,
            **options,
        }
        arguments = ["rank"]
        for name, value in given.items():
            if value is None:
                continue
            arguments.append(f"--{name.replace('_', '-')}")
            if value is not True:
                arguments.append(str(value))
        return runner.invoke(app, arguments)

    return run


def read(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_samples_are_checked_once_as_score_checks_them(rank, pool_csv, monkeypatch):
    checked = []
    own = al.TextClassification.check_samples

    def check(self, samples):
        checked.extend(samples)
        own(self, samples)

    monkeypatch.setattr(al.TextClassification, "check_samples", check)
    result = rank(passes=2)
    assert result.exit_code == 0, result.output
    pool = al.as_pool(pool_csv)
    assert sorted(checked) == sorted(pool[name] for name in pool)


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_the_queue_is_what_python_gives(kind, rank, checkpoint, pool_csv, pool_jsonl, tmp_path):
    pool = {"csv": pool_csv, "jsonl": pool_jsonl}[kind]
    result = rank(pool=pool, acquisition="bald", seed=3)
    assert result.exit_code == 0, result.output
    task = al.TextClassification(checkpoint, committee=al.MCDropout(20, seed=3))
    scores = al.score(task, pool, "bald")
    rows = read(tmp_path / "queue.jsonl")
    assert [row["id"] for row in rows] == scores.top(5)
    assert [row["rank"] for row in rows] == [1, 2, 3, 4, 5]
    assert [row["score"] for row in rows] == sorted(scores.values.tolist(), reverse=True)[:5]
    assert [row["text"] for row in rows] == [al.as_pool(pool)[row["id"]] for row in rows]
    for row in rows:
        classes = row["prediction"]["classes"]
        assert {entry["label"] for entry in classes} == {"card", "rate", "top-up"}
        assert math.isclose(sum(entry["probability"] for entry in classes), 1, abs_tol=1e-5)
        assert row["prediction"]["predicted"] == classes[0]["label"]


def test_the_same_command_gives_the_same_bytes(rank, tmp_path):
    rank(out=tmp_path / "a.jsonl")
    rank(out=tmp_path / "b.jsonl")
    rank(out=tmp_path / "c.jsonl", seed=1)
    first = (tmp_path / "a.jsonl").read_bytes()
    assert first == (tmp_path / "b.jsonl").read_bytes()
    assert first != (tmp_path / "c.jsonl").read_bytes()


def test_the_summary_says_what_is_in_the_queue(rank, rows, tmp_path):
    result = rank(acquisition="entropy", passes=0)
    assert "Scored 30 samples by entropy" in result.output
    queue = read(tmp_path / "queue.jsonl")
    assert f"from {queue[-1]['score']:.4g} to {queue[0]['score']:.4g}" in result.output
    line = next(ln for ln in result.output.splitlines() if ln.startswith("Predicted classes"))
    counts = dict(part.rsplit(" ", 1) for part in line.partition(": ")[2].split(", "))
    found = [row["prediction"]["predicted"] for row in queue]
    assert {name: int(count) for name, count in counts.items()} == {
        name: found.count(name) for name in set(found)
    }
    best = queue[0]["prediction"]["classes"][0]
    assert f"{best['label']} {best['probability']:.2f}" in result.output


def test_a_saved_task_keeps_its_labels_and_their_kind(rank, trunk, tmp_path):
    transformers = pytest.importorskip("transformers")
    model = transformers.BertForSequenceClassification.from_pretrained(trunk, num_labels=2)
    task = al.TextClassification(
        model, labels=["urgent", "angry"], multi_label=True, tokenizer=str(trunk)
    )
    task.save(tmp_path / "mine")
    assert rank(model=tmp_path / "mine").exit_code == 0
    for row in read(tmp_path / "queue.jsonl"):
        classes = row["prediction"]["classes"]
        assert {entry["label"] for entry in classes} == {"urgent", "angry"}
        # Independent labels: near an untrained 0.5 each, their sum is that of no distribution.
        assert row["prediction"]["predicted"] == [
            entry["label"] for entry in classes if entry["probability"] >= 0.5
        ]
        assert "text" not in row["prediction"]


def test_a_folder_of_another_task_is_refused(rank, checkpoint, tmp_path):
    folder = tmp_path / "other"
    shutil.copytree(checkpoint, folder)
    (folder / "altasks.json").write_text('{"task": "ner", "labels": ["PER"]}')
    result = rank(model=folder)
    assert result.exit_code == 2
    assert "one of the task 'ner'" in result.output


def test_a_hugging_face_checkpoint_says_itself_that_its_labels_are_independent(
    rank, trunk, tmp_path
):
    transformers = pytest.importorskip("transformers")
    model = transformers.BertForSequenceClassification.from_pretrained(
        trunk, num_labels=2, problem_type="multi_label_classification"
    )
    model.save_pretrained(tmp_path / "theirs")
    transformers.AutoTokenizer.from_pretrained(trunk).save_pretrained(tmp_path / "theirs")
    assert rank(model=tmp_path / "theirs").exit_code == 0
    assert isinstance(read(tmp_path / "queue.jsonl")[0]["prediction"]["predicted"], list)


def test_labelled_samples_are_left_out(rank, rows, tmp_path):
    done = [row["id"] for row in rows[:27]]
    text = tmp_path / "done.txt"
    text.write_text("\n".join([*done, "", "elsewhere"]) + "\n")
    result = rank(labelled=text)
    assert result.exit_code == 0
    assert "1 of 28 ids" in result.output
    assert "'elsewhere'" in result.output
    assert "Asked for 5, but there are only 3" in result.output
    assert {row["id"] for row in read(tmp_path / "queue.jsonl")} == {"q27", "q28", "q29"}


def test_a_queue_can_be_left_out_of_the_next(rank, tmp_path):
    assert rank().exit_code == 0
    second = rank(labelled=tmp_path / "queue.jsonl", out=tmp_path / "next.jsonl")
    assert second.exit_code == 0, second.output
    first, after = (
        {row["id"] for row in read(tmp_path / name)} for name in ("queue.jsonl", "next.jsonl")
    )
    assert len(first) == len(after) == 5
    assert not first & after


def test_columns_can_be_named(rank, pool_csv, rows, tmp_path):
    lines = pool_csv.read_text().splitlines()
    pool_csv.write_text("\n".join(["key,body,note", *lines[1:]]) + "\n")
    result = rank(text_column="body", id_column="key")
    assert result.exit_code == 0, result.output
    by_id = {row["id"]: row["text"] for row in rows}
    for row in read(tmp_path / "queue.jsonl"):
        assert row["text"] == by_id[row["id"]]


@pytest.mark.parametrize("strategy", ["top_k", "random", "power"])
def test_strategies_pick(strategy, rank, tmp_path):
    result = rank(strategy=strategy)
    assert result.exit_code == 0, result.output
    assert len({row["id"] for row in read(tmp_path / "queue.jsonl")}) == 5


@pytest.mark.parametrize("strategy", ["k_center", "badge", "batch_bald"])
def test_strategies_that_read_more_than_scores_pick(strategy, rank, tmp_path):
    done = tmp_path / "done.txt"
    done.write_text("q0\nq1\nq2\n")
    options = {"strategy": strategy, "labelled": done, "dropout_layers": "head", "passes": 4}
    result = rank(**options)
    assert result.exit_code == 0, result.output
    picked = {row["id"] for row in read(tmp_path / "queue.jsonl")}
    assert len(picked) == 5
    assert not {"q0", "q1", "q2"} & picked


def test_head_dropout_scores_do_not_depend_on_the_batch_size(rank, tmp_path):
    options = {"dropout_layers": "head", "dropout": 0.3, "number": 30}
    rank(**options, batch_size=30, out=tmp_path / "one.jsonl")
    rank(**options, batch_size=7, out=tmp_path / "many.jsonl")
    one, many = (
        {row["id"]: row["score"] for row in read(tmp_path / f"{name}.jsonl")}
        for name in ("one", "many")
    )
    assert one.keys() == many.keys()
    for name, value in one.items():
        assert many[name] == pytest.approx(value, abs=1e-6)


BAD = {
    "task": ({"task": "text-clasification"}, ["--task", "text-classification"]),
    "acquisition": ({"acquisition": "blad"}, ["'blad'", "'bald'"]),
    "strategy": ({"strategy": "top-k"}, ["'top-k'", "'top_k'"]),
    "no pool": ({"pool": "nowhere.csv"}, ["nowhere.csv"]),
    "column": ({"text_column": "sentence"}, ["'sentence'", "'id', 'text', 'note'"]),
    "id column": ({"id_column": "note"}, ["distinct ids", "line 2 and line 3"]),
    "bald of one": ({"acquisition": "bald", "passes": 0}, ["bald", "entropy"]),
    "one pass": ({"passes": 1}, ["passes", "at least 2"]),
    "dropout": ({"dropout": 1.5}, ["p", "1.5"]),
    "device": ({"device": "tpu-of-mine"}, ["device", "'tpu-of-mine'", "'cpu'"]),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_options_are_one_message_and_write_nothing(case, rank, tmp_path):
    options, words = BAD[case]
    result = rank(**options)
    assert result.exit_code == 2, result.output
    assert result.output.startswith("Error: ")
    assert "Traceback" not in result.output
    for word in words:
        assert word in result.output
    assert not list(tmp_path.glob("*queue*"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", ["empty file"]),
        ("id,text\n", ["pool", "empty"]),
        ("id,text\na,hi\na,ho\n", ["distinct ids", "'a'", "line 2 and line 3"]),
        ("id,text\na,hi\nb,\n", ["empty text", "'b'"]),
        ("id,text\na,hi,ho\n", ["expected 2 cells, found 3", "line 2"]),
        ("id,text\na," + "card " * 10_000 + "\n", ["tokens", "--truncate", "'a'"]),
    ],
)
def test_a_bad_pool_is_named(content, words, rank, pool_csv, tmp_path):
    pool_csv.write_text(content)
    result = rank()
    assert result.exit_code == 2, result.output
    for word in words:
        assert word in result.output
    assert not list(tmp_path.glob("*queue*"))


def test_truncate_reads_the_beginning(rank, pool_csv, tmp_path):
    pool_csv.write_text("id,text\na," + "card " * 10_000 + "\nb,rate\n")
    assert rank(truncate=True).exit_code == 0
    assert len(read(tmp_path / "queue.jsonl")) == 2


@pytest.mark.parametrize(
    ("option", "given", "there", "gone"),
    [
        ("acquisition", "varience", "variation_ratio", ["variance", "box_disagreement"]),
        ("strategy", "objct_herding", "max_herding", ["object_herding"]),
    ],
)
def test_a_misspelt_name_lists_what_can_work_here(rank, option, given, there, gone):
    result = rank(**{option: given})
    assert result.exit_code == 2
    text = " ".join(result.output.split())
    assert f"Error: --{option}: No {option}" in text
    listed = text.partition("For text-classification: ")[2].rstrip(".").split(", ")
    assert there in listed
    assert not {*gone} & {*listed}


def test_an_existing_queue_is_kept_unless_forced(rank, tmp_path):
    target = tmp_path / "queue.jsonl"
    target.write_text("mine\n")
    result = rank()
    assert result.exit_code == 2
    assert "--force" in result.output
    assert target.read_text() == "mine\n"
    assert rank(force=True).exit_code == 0
    assert len(read(target)) == 5


@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        ("x1\nx2\n", "done.txt", ["--labelled", "'x1'", "--id-column"]),
        ("key\nq1\n", "done.csv", ["--labelled", "'id'", "'key'"]),
        ('{"id": "q1"}\n{"id": null}\n', "done.jsonl", ["an id in every row", "line 2"]),
        (None, "done.txt", ["--labelled", "existing file"]),
        ("".join(f"q{i}\n" for i in range(30)), "done.txt", ["every id is labelled"]),
    ],
)
def test_a_bad_list_of_labelled_ids_is_named(content, name, words, rank, tmp_path):
    path = tmp_path / name
    if content is not None:
        path.write_text(content)
    result = rank(labelled=path)
    assert result.exit_code == 2
    for word in words:
        assert word in result.output


def test_a_list_of_ids_is_read_as_a_pool_names_them(tmp_path):
    path = tmp_path / "done.txt"
    names = ["a\u2028b.png", "c\x85d.png", "e f.png"]  # str.splitlines breaks inside
    path.write_text("\ufeff" + "\r\n".join(names), encoding="utf-8", newline="")
    assert read_ids(path, None) == names
    path.write_bytes(b"one\ncaf\xe9\n")
    with pytest.raises(InvalidInputError, match=r"done\.txt: expected utf-8 .*line 2"):
        read_ids(path, None)


@pytest.mark.parametrize("content", ["{", "[]"])
def test_a_damaged_note_beside_a_model_is_one_message(rank, checkpoint, tmp_path, content):
    shutil.copytree(checkpoint, tmp_path / "model")
    (tmp_path / "model" / "altasks.json").write_text(content)
    result = rank(model=tmp_path / "model")
    assert result.exit_code == 2
    assert (
        "--model: expected a folder written by save(), its altasks.json whole, found "
        in result.output
    )
    assert str(tmp_path / "model" / "altasks.json") in result.output


@pytest.mark.parametrize("task", ["text-classification", "image-classification"])
@pytest.mark.parametrize("content", ["{", "[]", ""])
def test_a_damaged_config_is_one_message(rank, checkpoint, tmp_path, task, content):
    shutil.copytree(checkpoint, tmp_path / "model")
    (tmp_path / "model" / "config.json").write_text(content)
    pool = {}
    if task == "image-classification":
        (tmp_path / "photos").mkdir()
        (tmp_path / "photos" / "a.png").touch()
        pool = {"pool": tmp_path / "photos"}
    result = rank(task=task, model=tmp_path / "model", **pool)
    assert result.exit_code == 2, result.output
    assert "--model: expected a checkpoint, found a damaged config.json" in result.output
    assert str(tmp_path / "model") in result.output


@pytest.mark.parametrize(
    ("tasks", "options", "named"),
    [
        ("ocr object-detection segmentation", {"passes": 20}, "--passes"),
        ("ocr segmentation", {"dropout": 0.1}, "--dropout"),
        ("ocr segmentation", {"dropout": 0.0}, "--dropout"),
        ("ocr segmentation", {"passes": 0}, "--passes"),
        ("ner text-classification", {"conf": 0.0}, "--conf"),
        ("ner text-classification", {"passes": 0, "dropout": 0.1}, "--dropout.*--passes beside"),
        ("ner", {"passes": 0, "dropout_layers": "head"}, "--dropout.*--passes beside"),
        ("ocr object-detection segmentation", {"dropout_layers": "head"}, "--dropout-layers"),
        ("image-classification object-detection segmentation", {"text_column": "x"}, "--text-col"),
        ("image-classification", {"dropout": 0.1}, "--dropout.*--passes beside"),
        ("image-classification", {"dropout_layers": "head"}, "--dropout.*--passes beside"),
        ("ner", {"text_column": "x", "pool": "words.conll"}, "--text-column"),
    ],
)
def test_an_option_that_would_not_be_read_is_refused(tasks, options, named, tmp_path):
    (tmp_path / "pool").mkdir()
    (tmp_path / "pool" / "a.png").touch()
    for task in tasks.split():
        own = dict(options)
        pool, out = tmp_path / own.pop("pool", "pool"), tmp_path / "queue.jsonl"
        request = RankRequest(task=task, model=str(tmp_path), pool=pool, out=out, options=own)
        with pytest.raises(InvalidInputError, match=named):
            run_rank(request)
        assert not out.exists()


def test_a_model_that_was_never_fine_tuned_is_refused(rank, trunk, tmp_path):
    result = rank(model=trunk)
    assert result.exit_code == 2
    assert "--model" in result.output
    assert "without a classification head" in result.output
    assert not (tmp_path / "queue.jsonl").exists()


def test_a_model_that_is_not_there_is_one_message(rank, tmp_path):
    result = rank(model=tmp_path / "no-model-here")
    assert result.exit_code == 2
    assert "no-model-here" in result.output
    assert "Traceback" not in result.output


def test_a_task_that_needs_more_than_a_model_says_how_from_python(rank, monkeypatch):
    class Own:
        def __init__(self, labels): ...

    monkeypatch.setitem(TASKS._targets, "own-task", Own)
    result = rank(task="own-task")
    assert result.exit_code == 2
    assert 'al.get_task("own-task")' in result.output
    assert "needs labels" in result.output


def test_a_missing_extra_says_what_to_install(rank, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    result = rank()
    assert result.exit_code == 2
    assert "pip install '.[text]' in the clone" in result.output


@pytest.mark.slow
def test_ctrl_c_keeps_what_was_scored(checkpoint, tmp_path):
    """A real process on a real terminal, and Ctrl-C once its progress bar moves."""
    termios = pytest.importorskip("termios")
    pool = tmp_path / "pool.jsonl"
    with pool.open("w") as file:
        for i in range(60_000):
            file.write(json.dumps({"id": f"s{i}", "text": f"card rate lost {i}"}) + "\n")
    out = tmp_path / "queue.jsonl"
    command = [sys.executable, "-m", "altasks", "rank", "--task", "text-classification"]
    command += ["--model", str(checkpoint), "--pool", str(pool), "--out", str(out)]
    command += ["--passes", "2"]
    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (24, 100))  # a bar on a terminal of no width shows nothing
    process = subprocess.Popen(
        command,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        # A shell starts what it sends to the background deaf to Ctrl-C, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    os.close(theirs)
    watchdog = threading.Timer(240, process.kill)
    watchdog.start()
    said = ""
    try:
        while not re.search(r"scoring \(bald\): +[1-9]", said):
            said += os.read(ours, 4096).decode(errors="replace")
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(OSError):  # Linux ends a closed terminal with EIO
            while block := os.read(ours, 4096):
                said += block.decode(errors="replace")
    finally:
        code = process.wait()
        watchdog.cancel()
        os.close(ours)
    said = " ".join(said.split())
    assert code == 130, said
    assert "Traceback" not in said
    assert not out.exists()
    partial = tmp_path / "queue.jsonl.partial"
    rows = read(partial)
    assert f"Interrupted after {len(rows):,} of 60,000 samples" in said
    assert str(partial) in said
    assert 0 < len(rows) < 60_000
    values = [row["score"] for row in rows]
    assert values == sorted(values, reverse=True)
    assert len({row["id"] for row in rows}) == len(rows)
    assert set(rows[0]) == {"rank", "id", "score", "text", "check"}


def test_every_task_of_ours_has_a_ranker():
    assert set(RANKERS) == set(TASKS.builtin)
    assert callable(run_rank)


def test_a_text_cannot_command_the_terminal(rank, tmp_path):
    pool = tmp_path / "odd.jsonl"
    texts = ["\x1b[2Jlost [bold]card[/bold] [/] :smile:", "\u202erate \x07 \x9b31m"]
    pool.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    result = rank(pool=pool, passes=0)
    assert result.exit_code == 0
    shown = result.output
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(shown)
    # Cells are folded, so words are looked for, not lines.
    assert "[bold]card[/bold]" in shown
    assert ":smile:" in shown
    assert {row["text"] for row in read(tmp_path / "queue.jsonl")} == set(texts)

"""`altasks compare`: from a command line to a table, a picture, rows and one sentence."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from centroids import Centroids, numbers
from typer.testing import CliRunner

import altasks as al
from altasks.cli import app
from altasks.registry import TASKS

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    """A task of a stranger, without a ranker and without a reader."""
    monkeypatch.setitem(TASKS._targets, "centroids", Centroids)
    Centroids.fits = 0


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "numbers.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text", "label"])
        writer.writerows([f"n{i}", x, y] for i, (x, y) in enumerate(zip(*numbers(), strict=True)))
    return path


@pytest.fixture
def compare(table, tmp_path):
    """Run the command on the table; options given override or add."""

    def run(*words, **options):
        given = {
            "task": "centroids", "data": table, "arm": "margin", "seeds": 2, "budget": 8,
            "batch": 4, "out": tmp_path / "compared", **options,
        }  # fmt: skip
        command = ["compare", *words]
        for name, value in given.items():
            if value is not None:
                command += [f"--{name.replace('_', '-')}", str(value)]
        result = CliRunner().invoke(app, command, env={"COLUMNS": "200"})
        return result, " ".join(result.output.split())

    return run


def test_what_is_printed_is_what_python_gives(compare, table, tmp_path):
    pytest.importorskip("matplotlib")
    result, _ = compare("--arm", "entropy + power(beta=2)")
    assert result.exit_code == 0, result.output
    pool = al.as_pool(table, label_column="label")
    ours = al.compare(
        Centroids, pool, None, ["entropy + power(beta=2)", "margin"], seeds=2, budget=8, batch=4,
        progress=False,
    )  # fmt: skip
    for line in ours.table().splitlines():
        if "margin" in line or "random" in line:
            assert line.rpartition("  ")[0].strip() in result.output  # without seconds
    assert ours.verdict in " ".join(result.output.split())
    out = tmp_path / "compared"
    assert {path.name for path in out.iterdir()} == {
        "results.jsonl", "table.txt", "table.csv", "points.csv", "curves.png",
    }  # fmt: skip
    with (out / "table.csv").open(encoding="utf-8") as file:
        assert [row["arm"] for row in csv.DictReader(file)] == [row["arm"] for row in ours.rows()]
    assert "60 labelled samples of 3 classes" in result.output or "60 labelled" in result.output
    assert "8/8" in result.output


def test_finished_runs_are_kept_and_more_can_follow(compare):
    compare()
    done = Centroids.fits
    result, text = compare()
    assert Centroids.fits == done
    assert "6 of 6 runs were finished before." in text
    result, text = compare(arm="entropy")
    assert result.exit_code == 0, result.output
    assert "4 of 6 runs were finished before." in text
    assert Centroids.fits == done + 2 * 2


def test_ctrl_c_says_that_it_goes_on(compare, tmp_path):
    Centroids.stop_after = 3
    try:
        result, text = compare()
    finally:
        Centroids.stop_after = None
    assert result.exit_code == 130
    assert "the same command goes on from there" in text
    result, text = compare()
    assert result.exit_code == 0, result.output
    assert "1 of 6 runs were finished before." in text


def test_budgets_in_cost_and_a_test_set(compare, tmp_path):
    held = tmp_path / "held.csv"
    held.write_text("text,label\n" + "".join(f"{i / 10},low\n" for i in range(9)))
    result, text = compare(
        budget=None, batch=None, cost_budget=20, cost_batch=7, test=held, metric="error"
    )
    assert result.exit_code == 0, result.output
    assert "60 to ask, 9 more to measure on" in text
    assert "a cost of 7, then 7 at a time" in text
    assert "less is better" in text


def test_the_default_arm_says_what_it_was(compare):
    result, text = compare(arm="default", samples=24)
    assert result.exit_code == 0, result.output
    assert "24 labelled samples" in text
    assert "default: margin + top_k" in text


@pytest.mark.parametrize(
    ("words", "options", "expected"),
    [
        ((), {"arm": "margn"}, "Error: --arm: no acquisition function, strategy or committee"),
        ((), {"arm": "random"}, "Error: --arm: expected an arm to compare with random"),
        ((), {"data": "nowhere.csv"}, "Error: --data: expected an existing file"),
        ((), {"label_column": "y"}, "Error: --label-column: expected one of the columns 'id'"),
        ((), {"budget": 4}, "Error: --budget: expected more than the 4 that"),
        ((), {"budget": 60}, "Error: --budget: expected at most 45"),
        ((), {"cost_budget": 9}, "Error: --budget: expected a budget in samples or one in cost"),
        ((), {"initial": 2.5}, "Error: --initial: expected a whole number"),
        ((), {"metric": "acuracy"}, "Error: --metric: expected one of coverage, accuracy"),
        ((), {"test_share": 2}, "Error: --test-share: expected a number in (0, 1)"),
        ((), {"format": "cocoa"}, "Error: --format: expected a reader that is registered"),
        ((), {"training_arg": "epochs"}, "Error: --training-arg: expected NAME=VALUE"),
        ((), {"training_arg": "epochs=3"}, "Error: --training-arg: expected not to be given"),
        ((), {"arm": "bald + mc_dropout(passes=3)"}, "Error: --arm: expected no committee"),
        ((), {"passes": 3}, "Error: --passes: not an option of centroids, only of"),
        (("--truncate",), {"task": None}, "Error: --task: --truncate is an option of"),
        ((), {"task": "centroid"}, "Did you mean 'centroids'?"),
    ],
)
def test_bad_input_is_named_by_its_option(compare, words, options, expected):
    result, text = compare(*words, **options)
    assert result.exit_code == 2, result.output
    assert expected in text


@pytest.mark.parametrize(
    ("arm", "why"),
    [
        ("object_herding", "it needs labelled objects and objects"),
        ("margin + cold_start(random) + category_matching", "it needs objects"),
        ("vote_entropy", "needs K >= 2, found K = 1"),
        ("variance", "reads Normal"),
    ],
)
def test_an_arm_that_cannot_work_is_refused_before_the_first_run(compare, arm, why):
    result, text = compare("--arm", "margin + top_k", arm=arm)
    assert result.exit_code == 2, result.output
    assert f"Error: --arm: {arm!r} can't ask from this task:" in text
    assert why in text
    assert Centroids.fits == 0
    if "objects" in why:
        able = text.partition("Strategies that can work here: ")[2].rstrip(".").split(", ")
        assert "badge" in able
        assert not {"object_herding", "category_matching"} & {*able}


def test_a_misspelt_arm_is_answered_by_what_the_task_can_do(compare):
    _, text = compare(arm="objct_herding")
    assert "For centroids: " in text
    assert "object_herding" not in text
    assert "uncertainty_herding" in text


def test_a_task_that_must_be_trained_first_is_compared(compare, monkeypatch):
    def untrained(self, samples):
        if not self.centres.any():
            raise RuntimeError("not fitted")
        return predict(self, samples)

    predict = Centroids.predict
    monkeypatch.setattr(Centroids, "predict", untrained)
    result, _ = compare(seeds=1)
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("task", ["ner", "text-classification", "object-detection", "segmentation"])
def test_a_task_of_ours_needs_a_model_to_train(task, table):
    result = CliRunner().invoke(app, ["compare", "--task", task, "--data", str(table)])
    assert result.exit_code == 2
    assert "Error: --model: expected a model to train" in result.output


def test_a_file_in_the_place_of_the_folder_is_refused(compare, tmp_path):
    (tmp_path / "taken").write_text("mine")
    result, text = compare(out=tmp_path / "taken")
    assert result.exit_code == 2
    assert "--out: expected a folder" in text
    assert (tmp_path / "taken").read_text() == "mine"


def test_help_shows_what_fits_the_task():
    def shown(*words):
        command = ["compare", *words, "--help"]
        environment = {"COLUMNS": "200", "TERMINAL_WIDTH": "200"}
        result = CliRunner().invoke(app, command, env=environment)
        assert result.exit_code == 0, result.output
        return result.output

    assert "--frozen-layers" in shown("--task", "ner")
    assert "--image-size" not in shown("--task", "ner")
    assert "--image-size" in shown("--task", "object-detection")
    assert "--passes" not in shown("--task", "object-detection")
    assert "Each task has options of its own: altasks compare --task" in shown()


@pytest.mark.slow
def test_a_killed_process_goes_on(tmp_path):
    """SIGKILL in the middle of a run; the same command ends with what an uncut one measures."""
    pytest.importorskip("transformers", reason="regression is trained by it")
    rows = "".join(f"{i / 10},{(i * 7) % 11},{i / 5}\n" for i in range(60))
    (tmp_path / "rows.csv").write_text("a,b,label\n" + rows)
    command = [
        sys.executable, "-m", "altasks", "compare", "--task", "regression", "--data", "rows.csv",
        "--arm", "lcmd", "--seeds", "1", "--budget", "20", "--batch", "5",
        "--training-arg", "max_steps=10", "--out",
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    place = {"cwd": tmp_path, "env": environment, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([*command, "cut"], **place) as process:
        deadline = time.monotonic() + 300
        # The second arm has measured a round or more of its four, and is not done.
        while time.monotonic() < deadline and not _in_second_run(tmp_path / "cut"):
            time.sleep(0.02)
        assert process.poll() is None
        process.send_signal(signal.SIGKILL)
    assert _in_second_run(tmp_path / "cut")
    again = subprocess.run([*command, "cut"], **place, check=True)
    assert "1 of 3 runs were finished before." in again.stdout
    subprocess.run([*command, "whole"], **place, check=True)
    assert _scores(tmp_path / "cut") == _scores(tmp_path / "whole")
    assert not (tmp_path / "cut" / "unfinished").exists()


def _in_second_run(out):
    rounds = [path.read_text().count("\n") for path in out.glob("unfinished/*/rounds.jsonl")]
    return (out / "results.jsonl").is_file() and any(count < 4 for count in rounds)


def _scores(out):
    rows = [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]
    return sorted(
        json.dumps([row["config"]["arm"], [point["metrics"] for point in row["points"]]])
        for row in rows
    )

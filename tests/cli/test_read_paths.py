"""What isn't there is refused at once: before torch is imported, and by its option."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from altasks.cli import app
from altasks.cli.read_paths import check_paths
from altasks.errors import InvalidInputError


@pytest.mark.parametrize(
    "command",
    [
        "rank --task ner --pool {} --out q.jsonl --model ./model",
        "compare --task ner --data {} --model ./model",
    ],
)
def test_nothing_heavy_is_imported_for_that(command, tmp_path):
    words = command.format(tmp_path / "nowhere.conll").split()
    code = f"""
import sys
from altasks.cli import app
try:
    app({words!r})
except SystemExit as end:
    print(end.code, [name for name in ("torch", "numpy") if name in sys.modules])
"""
    root = Path(__file__).parents[2]
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True
    )
    assert run.stdout == "2 []\n"
    assert "expected an existing file or folder" in run.stderr


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("rank --task ner --pool {}/poll.csv --out q --model m", "Did you mean 'pool.csv'?"),
        ("rank --task ner --pool {}/pool.csv --out q --model m --labelled x.csv", "--labelled: "),
        ("rank --task ner --pool {}/pool.csv --out q --model ./m", "--model: expected an existing"),
        ("compare --task ner --data {}/pool.csv --model m --test x.csv", "--test: "),
        ("compare --task ner --data ~/pool.csv --model m", "Shells know '~'"),
    ],
)
def test_the_option_is_named_and_the_nearest_file(words, expected, tmp_path):
    (tmp_path / "pool.csv").write_text("text\na\n")
    result = CliRunner().invoke(app, words.format(tmp_path).split())
    assert result.exit_code == 2
    assert expected in " ".join(result.output.split())


def test_a_name_on_a_hub_is_no_path():
    check_paths({}, "organisation/model")
    check_paths({"--labelled": None}, None)
    with pytest.raises(InvalidInputError, match="--model: "):
        check_paths({}, "../organisation/model")

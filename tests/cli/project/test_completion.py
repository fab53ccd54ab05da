"""The shell completes commands, options, tasks and tools; half a line is no error."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from altasks.cli import app


def completions(line):
    words = line.split(" ")
    environment = {
        "_ALTASKS_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    result = CliRunner().invoke(app, [], env=environment, prog_name="altasks")
    assert result.exit_code == 0, result.output
    return result.stdout.split()


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("altasks st", {"status"}),
        ("altasks ask --o", {"--out"}),
        ("altasks init --task text", {"text-classification"}),
        ("altasks init --tool sim", {"simulated"}),
        ("altasks fit --task ner --pa", {"--passes"}),
        ("altasks rank --task ner --pa", {"--passes"}),
        ("altasks rank --task nothing --po", {"--pool"}),
        ("altasks compare --arm= --see", {"--seeds"}),
    ],
)
def test_completions(line, found):
    assert set(completions(line)) == found


def test_help_offers_to_install_it():
    assert "--install-completion" in CliRunner().invoke(app, ["--help"]).output


@pytest.mark.parametrize(
    "command", ["init", "ask", "tell", "fit", "sync", "run", "status", "export", "import"]
)
def test_every_help_is_short_and_every_option_explained(command):
    result = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    lines = [line for line in result.output.splitlines() if line.startswith("│ ") and "--" in line]
    assert lines
    for line in lines:
        assert line.rstrip("│ ").endswith((".", "]", "1e-3", "...")), line

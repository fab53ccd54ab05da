"""`altasks serve`: its options, and what it refuses before any work."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from altasks.cli.app import app
from altasks.cli.serve_command import SERVE

GIVEN = ["--label-studio", "--task", "ner", "--pool", "a.jsonl", "--store", "a.db",
         "--project", "7"]  # fmt: skip


def test_options_become_an_order():
    order = SERVE.order_from(
        [*GIVEN, "--fit-every", "25", "-n", "50", "--no-connect", "--passes", "5"]
    )
    assert (order.store, order.project, order.people) == ("a.db", "7", 1)
    assert order.server == {
        "connect": False, "ask": 50, "fit_every": 25, "sync_every": 60.0, "host": "127.0.0.1",
        "port": 9090, "address": None, "allow_network": False,
    }  # fmt: skip
    assert order.request.options["passes"] == 5


def test_the_help_names_each_option_and_those_of_a_task():
    found = CliRunner().invoke(app, ["serve", "--task", "ner", "--help"])
    assert found.exit_code == 0
    for flag in ("--label-studio", "--fit-every", "--allow-network", "--token-file", "--passes"):
        assert flag in found.output


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--host", "0.0.0.0"], "--host: expected this machine's loopback"),
        (["--port", "70000"], "--port: expected a free port"),
        (["--fit-every", "0"], "--fit-every"),
        (["--image-size", "3"], "not an option of ner"),
    ],
)
def test_what_can_not_be_is_named_by_its_option(more, words, monkeypatch):
    monkeypatch.setenv("ALTASKS_SERVE_TOKEN", "a-token-that-is-long-enough")
    pytest.importorskip("uvicorn", reason="needs the extra serve")
    found = CliRunner().invoke(app, ["serve", *GIVEN, "--model", "m", *more])
    assert found.exit_code == 2
    assert words in " ".join(found.output.replace("│", " ").split())


def test_a_tool_has_to_be_named_and_a_token_long(monkeypatch, tmp_path):
    found = CliRunner().invoke(app, ["serve", *GIVEN[1:], "--model", "m"])
    assert "Add --label-studio." in found.output
    pytest.importorskip("uvicorn", reason="needs the extra serve")
    (tmp_path / "token").write_text("tooshort\n")
    found = CliRunner().invoke(
        app, ["serve", *GIVEN, "--model", "m", "--token-file", str(tmp_path / "token")]
    )
    assert "--token-file: expected at least 16" in found.output
    assert "tooshort" not in found.output
    monkeypatch.setenv("ALTASKS_SERVE_TOKEN", "tooshort")
    found = CliRunner().invoke(app, ["serve", *GIVEN, "--model", "m"])
    assert "ALTASKS_SERVE_TOKEN: expected at least 16" in found.output

"""`altasks.toml`: what is wrong is named with its key, its line and a way out."""

from __future__ import annotations

import json

import pytest

from altasks.cli.project.config import line_of, read_config
from altasks.errors import InvalidInputError

GOOD = 'task = "centroids"\npool = "numbers.csv"\n'


def fault_of(tmp_path, text):
    path = tmp_path / "altasks.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidInputError) as caught:
        read_config(path)
    return str(caught.value)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ('lables = ["a"]', ["lables:", "line 3", "Did you mean 'labels'?"]),
        ("[ask]\nnumbr = 5", ["ask.numbr", "line 4", "Did you mean 'number'?"]),
        ("number = 5", ["number:", "line 3", "below [ask]"]),
        ('[ask]\nnumber = "5"', ["ask.number", "a whole number", "'5'", "line 4"]),
        ("[ask]\nnumber = 0", ["ask.number", "at least 1", "line 4"]),
        ('labels = "a"', ["labels:", "a list of texts", "line 3"]),
        ('labels = ["a", "a"]', ["labels:", "'a' twice"]),
        ("multi_label = 1", ["multi_label", "true or false"]),
        ("ask = 5", ["ask:", "a table, [ask]"]),
        ('[tool]\nproject = "x"', ["tool.name"]),
        ('[tool]\nname = "label_studio"\nprojct = 1', ["tool.projct", "'project'", "line 5"]),
        ('[tool]\nname = "kili"\nlevels = 0', ["tool.levels", "at least 1"]),
        ("[optons]\na = 1", ["optons:", "Did you mean 'options'?", "line 3"]),
        ("labels = [a]", ["altasks.toml: expected TOML", "line 3", "quotation marks"]),
        ("[ask]\nrandom_share = inf", ["ask.random_share", "a number"]),
    ],
)
def test_faults_name_key_line_and_way_out(tmp_path, more, words):
    message = fault_of(tmp_path, GOOD + more + "\n")
    for word in words:
        assert word in message, message


@pytest.mark.parametrize("key", ["task", "pool"])
def test_what_is_needed_is_named(tmp_path, key):
    lines = [line for line in GOOD.splitlines() if not line.startswith(key)]
    assert fault_of(tmp_path, "\n".join(lines)).startswith(f"{key}:")


@pytest.mark.parametrize(
    "more",
    [
        '[tool]\nname = "label_studio"\ntoken = "sesame-42"',
        '[tool]\nname = "kili"\nkey = "sesame-42"',
        '[tool]\nname = "mine"\napi_key = "sesame-42"',
        'api-key = "sesame-42"',
        'store = "postgresql://ada:sesame-42@host/db"',
        '[tool]\nname = "label_studio"\nurl = "https://ada:sesame-42@labels.example.org"',
    ],
)
def test_secrets_are_refused_and_never_shown(tmp_path, more):
    message = fault_of(tmp_path, GOOD + more + "\n")
    assert "environment" in message
    assert "sesame" not in message
    assert "line " in message


def test_the_line_of_a_key():
    text = '# x = 1\n"task" = "a"\n[ask]\nx = 1\n[tool]\nx = 2\n'
    assert [line_of(text, "", "task"), line_of(text, "tool", "x"), line_of(text, "", "ask")] == [
        2, 6, 3,
    ]  # fmt: skip
    assert line_of(text, "", "nothing") is None


def test_no_project_says_how_to_make_one(shell):
    refused = shell.run("status", ok=False)
    assert refused.exit_code == 2
    assert "altasks init" in refused.output


def test_errors_as_json(shell):
    refused = shell.run("status", "--json", ok=False)
    assert refused.exit_code == 2
    found = json.loads(refused.stdout)
    assert found["error"]["kind"] == "InvalidInputError"
    assert "altasks init" in found["error"]["message"]


def test_errors_of_python_have_the_files_keys(project):
    path = project.folder / "altasks.toml"
    text = path.read_text()
    for old, new, words in [
        ('pool = "numbers.csv"', 'pool = "none.csv"', ["pool: ", "line 5", "none.csv"]),
        ("[ask]", '[ask]\nstrategy = "topk"', ["ask.strategy: ", "'top_k'", "line "]),
        ("[ask]", '[ask]\nacquisition = "bold"', ["ask.acquisition: ", "'bald'", "line "]),
        ('task = "centroids"', 'task = "centroid"', ["task: ", "'centroids'", "line 4"]),
        ("[run]", "[options]\ncolumn = 1\n[run]", ["options.column", "text_column"]),
        ("[run]", '[tool]\nname = "lable_studio"\n[run]', ["tool.name", "'label_studio'"]),
    ]:
        assert old in text
        path.write_text(text.replace(old, new))
        command = "sync" if "tool" in new else "ask"
        refused = project.run(command, ok=False)
        assert refused.exit_code == 2
        for word in words:
            assert word in refused.output, refused.output


def test_init_refuses_what_would_not_work(shell):
    words = ["init", "--task", "centroids", "--label", "a"]
    refused = shell.run(*words, "--pool", "none.csv", ok=False)
    assert refused.exit_code == 2
    assert list(shell.folder.iterdir()) == []
    (shell.folder / "n.csv").write_text("text\n1\n")
    refused = shell.run(*words, "--pool", "n.csv", "--set", "ask.numbr=3", ok=False)
    assert "'number'" in refused.output
    refused = shell.run(*words, "--pool", "n.csv", "--set", "tool.token=sesame", ok=False)
    assert "sesame" not in refused.output
    assert not (shell.folder / "altasks.toml").exists()
    shell.run(*words, "--pool", "n.csv")
    refused = shell.run(*words, "--pool", "n.csv", "--number", 3, ok=False)
    assert "--force" in refused.output


def test_paths_start_at_the_file_wherever_the_command_is_typed(project):
    import contextlib

    from typer.testing import CliRunner

    from altasks.cli import app

    (project.folder / "below").mkdir()
    with contextlib.chdir(project.folder / "below"):
        words = ["ask", "--project", str(project.folder), "--out", "here.csv"]
        assert CliRunner().invoke(app, words).exit_code == 0
        assert (project.folder / "below" / "here.csv").is_file()
    assert (project.folder / "altasks.db").is_file()


def test_other_settings_are_taken_once_they_are_meant(project):
    project.run("ask")
    path = project.folder / "altasks.toml"
    path.write_text("seed = 7\n" + path.read_text())
    for command in ("ask", "fit"):
        refused = project.run(command, ok=False)
        assert refused.exit_code == 2
        assert "--accept-changes" in refused.output
        assert "line 1" in refused.output
    assert project.json("ask", "--accept-changes")["open"] == 6
    assert project.json("ask")["open"] == 6


def test_the_keys_of_tools_are_what_they_are_made_with():
    import inspect

    from altasks.cli.project.keys import TOOLS
    from altasks.registry import get_oracle

    for name in ("label_studio", "kili"):
        parameters = inspect.signature(get_oracle(name)).parameters
        assert set(TOOLS[name]) <= set(parameters), name


def test_the_tables_on_the_page_are_read(tmp_path):
    import re
    from pathlib import Path

    page = Path(__file__).parents[3] / "docs" / "how-to" / "project_from_the_shell.md"
    blocks = re.findall(r"^```toml\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    assert blocks
    for block in blocks:
        (tmp_path / "altasks.toml").write_text(GOOD + block)
        assert read_config(tmp_path / "altasks.toml").tool["name"] == "label_studio"


def test_options_of_a_reader_need_one(tmp_path):
    assert "format" in fault_of(tmp_path, GOOD + '[reader]\nimages = "x"\n')


def test_init_speaks_of_the_options_that_were_typed(shell):
    (shell.folder / "numbers.csv").write_text("nr,message\n1,hello\n")
    words = ["init", "--task", "text-classification", "--label", "a", "--label", "b"]
    for more, said in (
        (["--pool", "nmbers.csv"], "--pool: expected an existing file or folder"),
        (["--pool", "numbers.csv"], "--set options.text_column=...: expected one of the columns"),
        (["--pool", "numbers.csv", "--set", "options.text_column=message", "--model", "../encodr"],
         "--model: expected an existing folder or file, found '../encodr'"),
    ):  # fmt: skip
        refused = shell.run(*words, *more, ok=False)
        assert refused.exit_code == 2
        assert said in " ".join(refused.output.split())
        assert ".tmp" not in refused.output
    assert not (shell.folder / "altasks.toml").exists()

import subprocess
import sys
from importlib.metadata import entry_points

import pytest
import typer
from typer.testing import CliRunner

import altasks
from altasks.cli import app
from altasks.cli.app import Shell
from altasks.errors import InvalidInputError, ScoringInterruptedError

runner = CliRunner()


def shell(*arguments, cwd=None):
    return subprocess.run(
        [sys.executable, "-m", "altasks", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        check=False,
    )


@pytest.mark.parametrize("arguments", [["--help"], ["rank", "--help"], ["demo", "--help"], []])
def test_help_lists_what_there_is(arguments):
    result = runner.invoke(app, arguments)
    assert "Usage" in result.output
    if not arguments or arguments == ["--help"]:
        for command in ("demo", "tasks", "rank", "--version"):
            assert command in result.output


def test_version():
    result = shell("--version")
    assert result.returncode == 0
    assert result.stdout == f"altasks {altasks.__version__}\n"


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["tasks"], ["rank", "--help"]])
def test_looking_around_loads_no_library(arguments):
    script = (
        "import sys\n"
        "from altasks.cli import main\n"
        f"sys.argv = ['altasks', *{arguments!r}]\n"
        "try:\n    main()\n"
        "except SystemExit as end:\n    assert not end.code, end.code\n"
        "print('LOADED', *sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    loaded = set(result.stdout.rpartition("LOADED")[2].split())
    assert "altasks.cli.app" in loaded
    heavy = {"torch", "numpy", "transformers", "sqlalchemy", "matplotlib", "rapidfuzz", "yaml"}
    assert loaded.isdisjoint(heavy)


def test_the_options_of_every_task_load_no_library():
    script = (
        "import sys\n"
        "from altasks.cli.rankers.find import find_ranker, task_names\n"
        "print(*(option.flag for name in task_names() for option in find_ranker(name).options))\n"
        "print(*sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    flags, loaded = result.stdout.splitlines()
    assert {"--views", "--regions", "--member", "--conf", "--truncate"} <= set(flags.split())
    assert {"torch", "numpy", "transformers", "PIL"}.isdisjoint(loaded.split())


def test_help_answers_in_under_a_second():
    resource = pytest.importorskip("resource")
    seconds = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert shell("--help").returncode == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    # Processor time: the clock on the wall also measures what else the machine is doing.
    assert min(seconds) < 1.0


def test_the_console_script_is_this_command():
    script = entry_points(group="console_scripts", name="altasks")
    if not script:
        pytest.skip("altasks is not installed, only on the path")
    assert [point.value for point in script] == ["altasks.cli:main"]


def test_an_unknown_command_or_option_is_a_usage_error():
    assert runner.invoke(app, ["rnak"]).exit_code == 2
    assert runner.invoke(app, ["rank", "--no-such-option"]).exit_code == 2
    result = runner.invoke(app, ["rank"])
    assert result.exit_code == 2
    assert "--task" in result.output


def failing(error):
    """The real shell around a command that raises."""
    broken = typer.Typer(cls=Shell, pretty_exceptions_enable=False)

    @broken.callback()
    def options(debug: bool = False) -> None: ...

    @broken.command()
    def fail() -> None:
        raise error

    return broken


def test_our_errors_are_one_message_and_exit_code_2():
    error = InvalidInputError("probs: expected rows that sum to 1.")
    error.add_note("in the batch of ids: 'a'")
    result = runner.invoke(failing(error), ["fail"])
    assert result.exit_code == 2
    assert result.output == "Error: probs: expected rows that sum to 1.\nin the batch of ids: 'a'\n"


def test_a_name_in_an_error_cannot_command_the_terminal():
    error = InvalidInputError("1 of 2 can't be read:\n  \x1b[2J\u202ea\x9b.png: damaged")
    result = runner.invoke(failing(error), ["fail"])
    assert result.output == "Error: 1 of 2 can't be read:\n  \ufffd[2J\ufffda\ufffd.png: damaged\n"


def test_debug_shows_the_traceback_too():
    result = runner.invoke(failing(InvalidInputError("no good")), ["--debug", "fail"])
    assert result.exit_code == 2
    assert "Traceback" in result.output
    assert result.output.endswith("Error: no good\n")


def test_a_file_that_cannot_be_opened_is_one_message():
    result = runner.invoke(failing(PermissionError(13, "Permission denied", "a.csv")), ["fail"])
    assert result.exit_code == 2
    assert result.output == "Error: PermissionError: [Errno 13] Permission denied: 'a.csv'\n"


@pytest.mark.parametrize(
    ("error", "words"),
    [(KeyboardInterrupt(), "Interrupted."), (ScoringInterruptedError("Half done."), "Half done.")],
)
def test_ctrl_c_exits_130(error, words):
    result = runner.invoke(failing(error), ["fail"])
    assert result.exit_code == 130
    assert result.output == words + "\n"


def test_a_fault_of_ours_is_not_hidden():
    result = runner.invoke(failing(ZeroDivisionError("a bug")), ["fail"])
    assert isinstance(result.exception, ZeroDivisionError)

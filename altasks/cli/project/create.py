"""Writing a project's file: `altasks init`."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from altasks.cli.files import write_lines
from altasks.cli.project.config import read_config
from altasks.cli.project.keys import ASK, FILE, RUN, TOP
from altasks.cli.project.opened import Opened
from altasks.cli.project.session import Talk
from altasks.cli.project.steps import count
from altasks.errors import InvalidInputError, UnknownNameError, invalid

#: Optional keys that a new file shows commented out, with an example of each.
_SHOWN = {
    "ask": {"initial": 20, "acquisition": "margin", "strategy": "top_k", "cold_start": "random"},
    "run": {"budget": 500, "stop": "stabilising_predictions", "fit_after": 20, "every": 60},
}

#: Keys that options of another name give.
_OPTIONS = {"labels": "label", "label_columns": "label-column"}

#: Keys that are given as paths from where the command is typed.
_PATHS = ("pool", "model", "test")


def toml_value(value: Any) -> str:
    """Return a value as TOML writes it.

    Example:
        >>> print(toml_value(["yes", "no"]), toml_value(True), toml_value(5))
        ["yes", "no"] true 5
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml_value, value))}]"
    if isinstance(value, int | float):
        return repr(value)
    # JSON's escapes are TOML's, but for DEL, which TOML wants escaped too.
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")


def text_of(top: Mapping[str, Any], tables: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the text of a file: what is given, and what else there is commented out.

    Args:
        top: keys outside of tables; those with None are left out.
        tables: name -> keys.
    """
    lines = [
        "# A labelling project. Paths start in this file's folder; secrets never stand here.",
        "# See `altasks status`; what each key means: docs/how-to/project_from_the_shell.md.",
        "",
    ]
    for key, known in TOP.items():
        value = top.get(key)
        if value not in (None, (), []):
            lines += [f"{key} = {toml_value(value)}  # {known.means}"]
    known_tables = {"ask": ASK, "run": RUN}
    for table in dict.fromkeys(["ask", "run", *tables]):
        mine = {key: one for key, one in tables.get(table, {}).items() if one is not None}
        if not mine and table not in known_tables:
            continue
        lines += ["", f"[{table}]"]
        lines += [f"{key} = {toml_value(one)}" for key, one in mine.items()]
        for key, example in _SHOWN.get(table, {}).items():
            if key not in mine:
                means = known_tables[table][key].means
                lines.append(f"# {key} = {toml_value(example)}  # {means}")
    return "\n".join(lines) + "\n"


def create(
    talk: Talk,
    folder: Path,
    top: Mapping[str, Any],
    tables: Mapping[str, Mapping[str, Any]],
    *,
    force: bool,
) -> None:
    """Write the file, once it is known to be one that works: the samples are read.

    Raises:
        InvalidInputError: for a file that is there with another content, and as the other
            commands: for keys that don't fit, and samples that can't be read.
    """
    if not folder.is_dir():
        raise invalid("--project", "an existing folder", repr(str(folder)))
    top = {**top, **{key: _from(folder, top[key]) for key in _PATHS if top.get(key)}}
    target = folder / FILE
    text = text_of(top, tables)
    if target.exists() and target.read_text(encoding="utf-8") != text and not force:
        raise invalid(
            "--project", f"a folder without {FILE}", f"one with it, {str(target)!r}",
            hint="Edit that file, or overwrite it with --force.",
        )  # fmt: skip
    # Read as it will be by the next command; only a file that works is kept.
    trial = folder / f".{FILE}.tmp"
    try:
        write_lines(trial, text.splitlines())
        with contextlib.chdir(folder), _as_typed(trial.name):
            project = Opened(read_config(trial))
            _check_model(project)
            samples = len(project.pool)
            shown = _first(project)
            _ = project.request
    finally:
        trial.unlink(missing_ok=True)
    write_lines(target, text.splitlines())
    talk(f"Wrote {target}: {count(samples, 'sample')} for {top['task']}. The first: {shown}")
    talk("Next: altasks ask --out batch.csv")
    talk.result({"project": str(target), "pool": samples, "next": "altasks ask"})


def _check_model(project: Opened) -> None:
    """Refuse a path that isn't there; a name on a hub is looked up when the model is loaded."""
    model = project.config.top.get("model")
    if model is None or Path(model).expanduser().exists():
        return
    if Path(model).is_absolute() or model.startswith((".", "~")) or "\\" in model:
        raise project.config.fault("model", "an existing folder or file", repr(model))


@contextlib.contextmanager
def _as_typed(trial: str) -> Iterator[None]:
    """Raise errors of a file that goes away with the options that its keys came from."""
    try:
        yield
    except (InvalidInputError, UnknownNameError) as error:
        message = re.sub(rf" \([^()]*{re.escape(trial)}(?:, line \d+)?\)", "", str(error))
        key = re.match(r"([a-z_]+)((?:\.\w+)?): ", message)
        if key is not None and key[2]:
            message = f"--set {key[1]}{key[2]}=...: {message[key.end() :]}"
        elif key is not None and key[1] in TOP:
            option = _OPTIONS.get(key[1], key[1]).replace("_", "-")
            message = f"--{option}: {message[key.end() :]}"
        raise type(error)(message) from error


def _from(folder: Path, named: str) -> str:
    """Return a path of the command line as one that starts in the project's folder."""
    path = Path(named)
    here = folder.resolve() == Path.cwd().resolve()
    if here or path.is_absolute() or not path.exists():
        return named  # also the name of a model on a hub
    return Path(os.path.relpath(path, folder)).as_posix()


def _first(project: Opened) -> str:
    from altasks._internal.text import one_line

    name = project.pool.ids[0]
    fields = project.ranker.fields(project.pool[name])
    text = one_line(f"{name}: " + ", ".join(str(one) for one in fields.values()))
    return text if len(text) <= 90 else f"{text[:87]}..."


def tables_of(settings: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the tables that `--set TABLE.KEY=VALUE` makes.

    Raises:
        InvalidInputError: for what is no such setting.

    Example:
        >>> tables_of(["ask.number=50", "training.num_train_epochs=3"])
        {'ask': {'number': 50}, 'training': {'num_train_epochs': 3}}
    """
    from altasks.cli.rankers.labelled_files import settings_in

    found: dict[str, dict[str, Any]] = {}
    for name, value in settings_in(settings, "--set").items():
        table, dot, key = name.strip().partition(".")
        if not dot or not table or not key:
            raise invalid("--set", "TABLE.KEY=VALUE, such as ask.number=50", repr(name))
        if isinstance(value, dict) or value is None:
            raise invalid("--set", "a text, a number, true, false or a list", repr(value)[:40])
        found.setdefault(table, {})[key] = value
    return found

"""One command on a project: where it works, what it prints, and how it fails."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import typer

from altasks._internal.text import printable
from altasks.errors import AltasksError, DataWarning, LoopWarning, UntestedVersionWarning


class Talk:
    """What a command says: lines for people, or one JSON object for programs.

    Args:
        as_json: whether it is the object.
        to_stderr: whether lines go there, because rows go to the standard output.
    """

    def __init__(self, as_json: bool, *, to_stderr: bool = False) -> None:
        self.as_json = as_json
        self.to_stderr = to_stderr
        self.notes: list[str] = []
        self._home = Path.cwd()  # where the command was typed

    def path(self, path: Path) -> str:
        """Return a path as short as it can be typed where the command was."""
        return str(path.relative_to(self._home) if path.is_relative_to(self._home) else path)

    def __call__(self, text: str) -> None:
        """Say a line to people."""
        if not self.as_json:
            typer.echo(printable(text, keep="\n"), err=self.to_stderr)

    def note(self, text: str) -> None:
        """Say what people should know, on the standard error output, or as one of `notes`."""
        self.notes.append(text)
        if not self.as_json:
            typer.echo(printable(f"Note: {text}", keep="\n"), err=True)

    def result(self, found: Mapping[str, Any]) -> None:
        """Give the result to programs."""
        if self.as_json:
            typer.echo(json.dumps({**found, "notes": self.notes}, ensure_ascii=False))


@contextlib.contextmanager
def talking(as_json: bool, *, to_stderr: bool = False) -> Iterator[Talk]:
    """Give a `Talk`; show warnings as notes, and with JSON errors as an object, too.

    The exit code is 2 for an error and 130 for Ctrl-C, with JSON as without.
    """
    talk = Talk(as_json, to_stderr=to_stderr)
    with warnings.catch_warnings():
        warnings.simplefilter("always", LoopWarning)
        warnings.simplefilter("always", DataWarning)
        usual = warnings.showwarning

        def show(message: Any, category: Any, *place: Any, **more: Any) -> None:
            if issubclass(category, LoopWarning | DataWarning | UntestedVersionWarning):
                talk.note(str(message))
            else:
                usual(message, category, *place, **more)

        warnings.showwarning = show
        try:
            yield talk
        except KeyboardInterrupt as error:
            if not as_json:
                raise
            _print_error("Interrupted", str(error) or "Interrupted.", talk)
            raise typer.Exit(130) from error
        except BrokenPipeError as error:  # whoever read our lines has seen enough
            with contextlib.suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(1) from error
        except (AltasksError, OSError) as error:
            if not as_json:
                raise
            message = "\n".join([str(error), *getattr(error, "__notes__", [])])
            _print_error(type(error).__name__, message, talk)
            raise typer.Exit(2) from error
        finally:
            warnings.showwarning = usual


def _print_error(kind: str, message: str, talk: Talk) -> None:
    found = {"error": {"kind": kind, "message": message}, "notes": talk.notes}
    typer.echo(json.dumps(found, ensure_ascii=False))


@contextlib.contextmanager
def on_project(
    project: Path | None, as_json: bool, *, to_stderr: bool = False
) -> Iterator[tuple[Any, Talk]]:
    """Give the `Opened` project and a `Talk`; the working folder is that of its file meanwhile.

    So every path in the file starts there, and those of the command line are made absolute before.
    """
    from altasks.cli.project.config import find_config, read_config
    from altasks.cli.project.opened import Opened

    with talking(as_json, to_stderr=to_stderr) as talk:
        config = read_config(find_config(project))
        with contextlib.chdir(config.folder):
            yield Opened(config), talk

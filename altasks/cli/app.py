"""The commands and their options; what each does lives in a module of its own, loaded when run."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from altasks._internal.text import printable
from altasks._version import __version__
from altasks.cli.compare_command import COMPARE
from altasks.cli.project.commands import add_to
from altasks.cli.project.fit_command import FIT
from altasks.cli.rank_command import RANK
from altasks.cli.score_command import SCORE
from altasks.cli.serve_command import SERVE
from altasks.cli.task_command import CONTEXT_SETTINGS, TaskCommand
from altasks.errors import AltasksError

#: Commands whose options depend on `--task`: made anew for each command line.
_BY_TASK: dict[str, TaskCommand[Any]] = {
    command.name: command for command in (RANK, COMPARE, SCORE, SERVE, FIT)
}


class Shell(TyperGroup):
    """The one place where errors become messages: exit 2 for ours, 130 for Ctrl-C."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that is meant; the options of some depend on their `--task`."""
        name, command, rest = super().resolve_command(ctx, args)
        if name in _BY_TASK:
            try:
                command = _BY_TASK[name].made_for(rest)
            except AltasksError:
                if not ctx.resilient_parsing:  # half a command line, which a shell completes
                    raise
        return name, command, rest

    def invoke(self, ctx: Any) -> Any:
        """Run the command; turn the errors a user can act on into one message."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            # ScoringInterruptedError comes here too, once `rank` has saved what was scored.
            code, message = 130, _with_notes(error, "Interrupted.")
            self._print(ctx, error, message)
        except AltasksError as error:
            code = 2
            self._print(ctx, error, f"Error: {_with_notes(error)}")
        except OSError as error:
            code = 2
            self._print(ctx, error, f"Error: {type(error).__name__}: {_with_notes(error)}")
        raise typer.Exit(code)

    def _print(self, ctx: Any, error: BaseException, message: str) -> None:
        if ctx.params.get("debug"):
            traceback.print_exception(error)
        # A file's name may bring control codes to the terminal.
        typer.echo(printable(message, keep="\n"), err=True)


def _with_notes(error: BaseException, otherwise: str = "") -> str:
    return "\n".join([str(error) or otherwise, *getattr(error, "__notes__", [])])


app = typer.Typer(
    cls=Shell,
    help="Pick the samples worth labelling.",
    no_args_is_help=True,
    # A fault of ours shows Python's own traceback, which is what a report needs.
    pretty_exceptions_enable=False,
    context_settings=CONTEXT_SETTINGS,
)


def _print_version(value: bool) -> None:
    if value:
        typer.echo(f"altasks {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error (before the command).")
    ] = False,
) -> None:
    """Pick the samples worth labelling."""


@app.command()
def tasks() -> None:
    """List the tasks: adapter, what to install, example."""
    from altasks.cli.task_table import print_tasks

    print_tasks()


RANK.list_in(app)
COMPARE.list_in(app)
SCORE.list_in(app)
SERVE.list_in(app)


@app.command()
def merge(
    parts: Annotated[list[Path], typer.Argument(help="What `altasks score` wrote, all shards.")],
    out: Annotated[Path, typer.Option(help="The queue to write, JSON lines, best first.")],
    number: Annotated[
        int | None, typer.Option("--number", "-n", min=1, help="How many to pick; as scored for.")
    ] = None,
    pool: Annotated[
        Path | None, typer.Option(help="Where the pool lies now; where it was, if not given.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Likewise, the model.")] = None,
    labelled: Annotated[Path | None, typer.Option(help="Likewise, what is labelled.")] = None,
    device: Annotated[
        str | None, typer.Option(help="'cpu', 'cuda', ...; where the model is by default.")
    ] = None,
    sheet: Annotated[
        Path | None, typer.Option(help="Of images: a PNG with the pictures of the queue.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite --out.")] = False,
) -> None:
    """Make one queue of the parts that `altasks score` wrote, as `altasks rank` would."""
    from altasks.cli.merge import MergeOrder, run_merge

    moved = {"pool": pool, "model": model, "labelled": labelled, "device": device}
    run_merge(MergeOrder(parts, out, number, moved, sheet, force))


@app.command()
def demo(
    seeds: Annotated[int, typer.Option(min=1, help="How many paired repetitions.")] = 3,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of asking after the start.")] = 6,
    start: Annotated[int, typer.Option(min=2, help="Labels before the first fit.")] = 24,
    batch: Annotated[int, typer.Option(min=1, help="Labels asked for in each round.")] = 24,
    out: Annotated[
        Path, typer.Option(help="The folder of results; a repeated command continues there.")
    ] = Path("altasks-demo"),
    jobs: Annotated[
        int | None,
        typer.Option(min=1, help="Runs at once. [default: one for each core, at most 4]"),
    ] = None,
) -> None:
    """Fine-tune a sentence encoder in the loop: the default, BALD and random labels (minutes)."""
    from altasks.cli.demo import DemoSettings, run_demo

    run_demo(DemoSettings(seeds=seeds, rounds=rounds, start=start, batch=batch), out, jobs=jobs)


add_to(app)


def main() -> None:
    """Run the command line and leave with its exit code."""
    app(prog_name="altasks")
    sys.exit(0)

"""The commands and their options; what each does lives in a module of its own, loaded when run."""

from __future__ import annotations

import sys
import traceback
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from altasks._version import __version__
from altasks.errors import AltasksError


class Shell(TyperGroup):
    """The one place where errors become messages: exit 2 for ours, 130 for Ctrl-C."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; turn the errors a user can act on into one message."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            # ScoringInterruptedError comes here too, once `rank` has saved what was scored.
            code, message = 130, str(error) or "Interrupted."
            self._tell(ctx, error, message)
        except AltasksError as error:
            code = 2
            self._tell(ctx, error, f"Error: {_with_notes(error)}")
        except OSError as error:
            code = 2
            self._tell(ctx, error, f"Error: {type(error).__name__}: {_with_notes(error)}")
        raise typer.Exit(code)

    def _tell(self, ctx: Any, error: BaseException, message: str) -> None:
        if ctx.params.get("debug"):
            traceback.print_exception(error)
        typer.echo(_shown(message), err=True)


class DropoutLayers(StrEnum):
    """Which dropouts fire; see `altasks.MCDropout`."""

    ALL = "all"
    HEAD = "head"


class Reduce(StrEnum):
    """How the scores of boxes become their image's."""

    SUM = "sum"
    MEAN = "mean"
    MAX = "max"
    TOP_K = "top_k"


def _shown(message: str) -> str:
    """Return a message without the control codes that a file's name may bring to the terminal."""
    return "".join(char if char.isprintable() or char == "\n" else "\ufffd" for char in message)


def _with_notes(error: BaseException) -> str:
    return "\n".join([str(error), *getattr(error, "__notes__", [])])


app = typer.Typer(
    cls=Shell,
    help="Pick the samples worth labelling.",
    no_args_is_help=True,
    add_completion=False,
    # A fault of ours shows Python's own traceback, which is what a report needs.
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(value: bool) -> None:
    if value:
        typer.echo(f"altasks {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Say the version."),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error (before the command).")
    ] = False,
) -> None:
    """Pick the samples worth labelling."""


@app.command()
def tasks() -> None:
    """List the tasks: adapter, what to install, example."""
    from altasks.cli.catalog import print_tasks

    print_tasks()


@app.command()
def rank(
    task: Annotated[str, typer.Option(help="What the model does; see `altasks tasks`.")],
    pool: Annotated[
        Path,
        typer.Option(
            help="The samples: a .csv, .tsv or .jsonl file; CoNLL columns for ner; a folder of"
            " images for the tasks on images."
        ),
    ],
    out: Annotated[Path, typer.Option(help="The queue to write, JSON lines, best first.")],
    model: Annotated[
        str | None, typer.Option(help="A fine-tuned checkpoint: a folder or a hub name.")
    ] = None,
    member: Annotated[
        list[str] | None,
        typer.Option(help="ocr, once for each reader: tesseract:LANGUAGE, a folder or a file."),
    ] = None,
    number: Annotated[int, typer.Option("--number", "-n", min=1, help="How many to pick.")] = 100,
    acquisition: Annotated[
        str | None, typer.Option(help="The acquisition function; the task's own by default.")
    ] = None,
    strategy: Annotated[
        str | None, typer.Option(help="From scores to a batch; the task's own by default.")
    ] = None,
    text_column: Annotated[
        str | None, typer.Option(help="The column with the sample; 'text' by default.")
    ] = None,
    id_column: Annotated[
        str | None,
        typer.Option(help="The column with the ids; 'id' if there is one, else row numbers."),
    ] = None,
    labelled: Annotated[
        Path | None,
        typer.Option(help="A table with an id column, or one id a line: samples to leave out."),
    ] = None,
    passes: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Passes of MC dropout; 0: none, one plain prediction. By default 20 for texts,"
            " none for images, whose models mostly have no dropout.",
        ),
    ] = None,
    views: Annotated[
        bool,
        typer.Option(
            "--views", help="Images: ten views of each (parts, mirrored) make the committee."
        ),
    ] = False,
    sheet: Annotated[
        Path | None,
        typer.Option(help="Images: a PNG to write with the pictures of the queue in a grid."),
    ] = None,
    skip_unreadable: Annotated[
        bool,
        typer.Option("--skip-unreadable", help="Leave out files that can't be read."),
    ] = False,
    dropout_layers: Annotated[
        DropoutLayers,
        typer.Option(help="'head': the model runs once, only its last dropout is drawn."),
    ] = DropoutLayers.ALL,
    dropout: Annotated[
        float | None, typer.Option(help="Override the model's own dropout probability.")
    ] = None,
    truncate: Annotated[
        bool, typer.Option("--truncate", help="Read the beginning of texts that are too long.")
    ] = False,
    regions: Annotated[
        str | None,
        typer.Option(help="segmentation: rank parts of images, 'grid:64' or 'slic:100'."),
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Samples per call of the model.")] = 32,
    device: Annotated[
        str | None, typer.Option(help="'cpu', 'cuda', ...; where the model is by default.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of dropout, ties and random strategies.")] = 0,
    force: Annotated[bool, typer.Option("--force", help="Overwrite --out.")] = False,
    class_weights: Annotated[
        Path | None,
        typer.Option(
            help="Detection: a folder of labels (YOLO's .txt, VOC's .xml); segmentation: of masks;"
            " rare classes there weigh more."
        ),
    ] = None,
    reduce: Annotated[
        Reduce | None, typer.Option(help="Detection: from boxes to the image; sum by default.")
    ] = None,
    conf: Annotated[
        float | None, typer.Option(help="Detection: the least confidence of a box.")
    ] = None,
    image_size: Annotated[
        int | None, typer.Option(help="Detection: the longer side that the model sees.")
    ] = None,
) -> None:
    """Order a pool by how much each sample would teach the model, and write the top of it."""
    from altasks.cli.rank import run_rank
    from altasks.cli.rank_request import RankRequest

    run_rank(
        RankRequest(
            task=task,
            model=model,
            members=tuple(member or ()),
            pool=pool,
            out=out,
            number=number,
            acquisition=acquisition,
            strategy=strategy,
            text_column=text_column,
            id_column=id_column,
            labelled=labelled,
            passes=passes,
            views=views,
            sheet=sheet,
            skip_unreadable=skip_unreadable,
            dropout_layers="head" if dropout_layers is DropoutLayers.HEAD else "all",
            dropout=dropout,
            truncate=truncate,
            regions=regions,
            batch_size=batch_size,
            device=device,
            seed=seed,
            force=force,
            class_weights=class_weights,
            reduce=None if reduce is None else reduce.value,
            conf=conf,
            image_size=image_size,
        )
    )


@app.command()
def demo(
    seeds: Annotated[int, typer.Option(min=1, help="How many paired repetitions.")] = 1,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of asking after the start.")] = 6,
    start: Annotated[int, typer.Option(min=2, help="Random labels to start from.")] = 24,
    batch: Annotated[int, typer.Option(min=1, help="Labels asked for in each round.")] = 24,
    out: Annotated[
        Path, typer.Option(help="The folder of results; a repeated command continues there.")
    ] = Path("altasks-demo"),
    threads: Annotated[
        int | None, typer.Option(min=1, help="Torch's threads; its own choice by default.")
    ] = None,
) -> None:
    """Fine-tune a sentence encoder in the loop, BALD and random side by side (minutes)."""
    from altasks.cli.demo.run import DemoSettings, run_demo

    run_demo(
        DemoSettings(seeds=seeds, rounds=rounds, start=start, batch=batch), out, threads=threads
    )


def main() -> None:
    """Run the command line and leave with its exit code."""
    app(prog_name="altasks")
    sys.exit(0)

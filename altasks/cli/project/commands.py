"""The commands of a project and their options; what each does is loaded when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from altasks.cli.project.session import on_project, talking

#: The heading of these commands in `altasks --help`.
PANEL = "A labelling project"

Project = Annotated[
    Path | None,
    typer.Option("--project", help="The project's file or folder; ./altasks.toml by default."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object, for programs.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite what is there.")]
Annotator = Annotated[str, typer.Option(help="Who labelled, where the file doesn't say.")]
Replace = Annotated[
    bool, typer.Option("--replace", help="Correct labels that the same person gave before.")
]
IdColumn = Annotated[str | None, typer.Option(help="The column with the ids; 'id' by default.")]
LabelFile = Annotated[Path, typer.Argument(metavar="FILE", help="The file with labels.")]


def _tasks() -> list[str]:
    """Complete `--task`."""
    from altasks.cli.rankers.find import task_names

    return task_names()


def _tools() -> list[str]:
    """Complete `--tool`."""
    from altasks.registry import ORACLES

    return ORACLES.names()


def init(
    task: Annotated[
        str, typer.Option(help="What the model does; see `altasks tasks`.", autocompletion=_tasks)
    ],
    pool: Annotated[
        Path, typer.Option(help="The samples: a table (.csv, .tsv, .jsonl), a folder.")
    ],
    model: Annotated[
        str | None, typer.Option(help="The checkpoint to train: a folder, a file or a hub name.")
    ] = None,
    label: Annotated[
        list[str] | None, typer.Option("--label", help="Once for each class: --label yes ...")
    ] = None,
    multi_label: Annotated[
        bool, typer.Option("--multi-label", help="A sample may have several classes, or none.")
    ] = False,
    test: Annotated[
        str | None, typer.Option(help="Labelled samples to measure each model on.")
    ] = None,
    store: Annotated[str, typer.Option(help="The database with the labels.")] = "altasks.db",
    format: Annotated[
        str | None, typer.Option(help="The reader of the pool, where it is no table or folder.")
    ] = None,
    id_column: Annotated[
        str | None, typer.Option(help="The column with the ids; 'id' if there is one.")
    ] = None,
    label_column: Annotated[
        list[str] | None, typer.Option(help="The column with labels; for numbers, one a target.")
    ] = None,
    number: Annotated[int, typer.Option(min=1, help="How many to label at once.")] = 20,
    tool: Annotated[
        str | None,
        typer.Option(help="Where people label: label_studio, kili.", autocompletion=_tools),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="TABLE.KEY=VALUE for any other key, such as run.budget=500."),
    ] = None,
    force: Force = False,
    project: Annotated[Path, typer.Option(help="The folder of the project.")] = Path(),
    as_json: Json = False,
) -> None:
    """Write altasks.toml: what is labelled, by which classes, with which model."""
    from altasks.cli.project.create import create, tables_of

    with talking(as_json) as talk:
        tables = tables_of(settings or [])
        tables["ask"] = {"number": number, **tables.get("ask", {})}
        if tool is not None:
            tables["tool"] = {"name": tool, **tables.get("tool", {})}
        top = {
            "task": task,
            "model": model,
            "pool": str(pool),
            "labels": label,
            "multi_label": True if multi_label else None,
            "test": test,
            "store": store,
            "format": format,
            "id_column": id_column,
            "label_columns": label_column,
        }
        create(talk, project, top, tables, force=force)


def ask(
    number: Annotated[
        int | None,
        typer.Option("--number", "-n", min=1, help="How many to have open; ask.number by default."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="A .csv, .jsonl or .parquet to write; else JSON lines are printed."),
    ] = None,
    show: Annotated[
        bool, typer.Option("--show", help="Ask for nothing new; only show what is open.")
    ] = False,
    accept_changes: Annotated[
        bool,
        typer.Option("--accept-changes", help="Go on with other settings than the store has."),
    ] = False,
    force: Force = False,
    project: Project = None,
    as_json: Json = False,
) -> None:
    """Pick what to label next: what is open already, and new samples up to --number."""
    from altasks.cli.project import steps

    out = None if out is None else out.absolute()
    with on_project(project, as_json, to_stderr=out is None) as (opened, talk):
        steps.ask(
            opened, talk, number=number, out=out, force=force, new=not show,
            accept_changes=accept_changes,
        )  # fmt: skip


def tell(
    file: LabelFile,
    id_column: IdColumn = None,
    label_column: Annotated[
        str | None, typer.Option(help="The column with the labels; 'label' by default.")
    ] = None,
    annotator: Annotator = "",
    replace: Replace = False,
    project: Project = None,
    as_json: Json = False,
) -> None:
    """Take in labels from a table with ids and labels, such as `ask` wrote and people filled in."""
    from altasks.cli.project import steps

    file = file.absolute()
    with on_project(project, as_json) as (opened, talk):
        steps.tell(
            opened, talk, file, id_column=id_column, label_column=label_column,
            annotator=annotator, replace=replace,
        )  # fmt: skip


def import_(
    file: LabelFile,
    format: Annotated[
        str | None, typer.Option(help="Its reader: coco, yolo, conll, ...; the task's by default.")
    ] = None,
    reader_option: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE of that reader, such as images=photos.")
    ] = None,
    id_column: IdColumn = None,
    label_column: Annotated[
        list[str] | None, typer.Option(help="Of a table: the column with labels.")
    ] = None,
    annotator: Annotator = "",
    replace: Replace = False,
    skip_unknown: Annotated[
        bool, typer.Option("--skip-unknown", help="Leave out samples that the pool lacks.")
    ] = False,
    project: Project = None,
    as_json: Json = False,
) -> None:
    """Take in labels there are already: an export, or a data set in any format of the task."""
    from altasks.cli.project import steps
    from altasks.cli.rankers.labelled_files import settings_in

    file = file.absolute()
    with on_project(project, as_json) as (opened, talk):
        steps.import_labels(
            opened, talk, file, format=format,
            options=settings_in(reader_option or [], "--reader-option"),
            id_column=id_column, label_columns=tuple(label_column or ()),
            annotator=annotator, replace=replace, skip_unknown=skip_unknown,
        )  # fmt: skip


def export(
    out: Annotated[
        Path | None, typer.Option(help="Where to write; else the labels are printed.")
    ] = None,
    format: Annotated[
        str | None,
        typer.Option(help="jsonl, csv, conll, coco, voc, yolo; by the name of --out by default."),
    ] = None,
    everyone: Annotated[
        bool,
        typer.Option("--everyone", help="What each person says, and skips; not the last word."),
    ] = False,
    raw: Annotated[
        bool, typer.Option("--raw", help="CSV for programs: no apostrophe before a formula.")
    ] = False,
    force: Force = False,
    project: Project = None,
    as_json: Json = False,
) -> None:
    """Write the labels of the store, as JSON lines, CSV, or a format of the task."""
    from altasks.cli.project.export import export as run_export

    out = None if out is None else out.absolute()
    with on_project(project, as_json, to_stderr=out is None) as (opened, talk):
        run_export(opened, talk, out=out, format=format, everyone=everyone, raw=raw, force=force)


def sync(
    everything: Annotated[
        bool, typer.Option("--everything", help="Compare with all that the tool holds.")
    ] = False,
    keep_order: Annotated[
        bool, typer.Option("--keep-order", help="Leave earlier queries in the order asked.")
    ] = False,
    project: Project = None,
    as_json: Json = False,
) -> None:
    """Take in what people labelled in the tool, and hand out what is open, in order."""
    from altasks.cli.project import steps

    with on_project(project, as_json) as (opened, talk):
        steps.sync(opened, talk, everything=everything, rerank=not keep_order)


def status(project: Project = None, as_json: Json = False) -> None:
    """Say how far it is, how good the model is, and what to do next."""
    from altasks.cli.project.status import status as run_status

    with on_project(project, as_json) as (opened, talk):
        run_status(opened, talk)


def run(
    once: Annotated[
        bool, typer.Option("--once", help="With people: look once, do what is due, and end.")
    ] = False,
    project: Project = None,
    as_json: Json = False,
) -> None:
    """Ask, label, fit, again, until the budget is spent; with the tool, or simulated."""
    from altasks.cli.project.run import run as run_all

    with on_project(project, as_json) as (opened, talk):
        run_all(opened, talk, once=once)


def add_to(app: typer.Typer) -> None:
    """Add the commands to the app, in the order of a project's life."""
    from altasks.cli.project.fit_command import FIT

    named: dict[str, Any] = {"init": init, "ask": ask, "tell": tell}
    after: dict[str, Any] = {"sync": sync, "run": run, "status": status}
    for name, command in named.items():
        app.command(name, rich_help_panel=PANEL)(command)
    FIT.list_in(app, panel=PANEL)
    for name, command in {**after, "export": export, "import": import_}.items():
        app.command(name, rich_help_panel=PANEL)(command)

"""The command line of `altasks fit`: inside a project, or from a file of labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from altasks.cli.rankers.base import RankOption, compare_options_of
from altasks.cli.task_command import TaskCommand
from altasks.errors import invalid

#: Of every task; those of a file are given with `--task` alone.
SHARED: tuple[RankOption[Any], ...] = (
    RankOption("--out", Path, "The folder to save the model in.", None),
    RankOption("--again", bool, "Train even if nothing is new.", False),
    RankOption("--project", Path, "The project; ./altasks.toml by default.", None),
    RankOption("--task", str, "Without a project: what the model does.", None),
    RankOption("--data", Path, "With --task: labelled samples, a file or a folder.", None),
    RankOption("--model", str, "With --task: the model to train, a folder or a hub name.", None),
    RankOption("--test", Path, "With --task: labelled samples to measure on.", None),
    RankOption("--format", str, "With --task: the reader of --data.", None),
    RankOption("--reader-option", list[str], "With --task: NAME=VALUE of that reader.", ()),
    RankOption("--label-column", list[str], "With --task: the column with labels; 'label'.", ()),
    RankOption("--id-column", str, "With --task: the column with ids.", None),
    RankOption("--training-arg", list[str], "With --task: NAME=VALUE: learning_rate=1e-3", ()),
    RankOption("--batch-size", int, "With --task: samples per call of the model.", None, min=1),
    RankOption("--device", str, "With --task: 'cpu', 'cuda', ...", None),
    RankOption("--seed", int, "With --task: of all that is drawn by chance; 0.", None, min=0),
    RankOption("--force", bool, "Replace another folder's content.", False),
    RankOption("--json", bool, "Print one JSON object, for programs.", False),
)
_OF_PROJECT = ("out", "again", "project", "force", "json")


@dataclass(frozen=True)
class FitOrder:
    """One `altasks fit`.

    Args:
        given: the values of the options that every task has, by name.
        own: those of the task.
    """

    given: Mapping[str, Any]
    own: Mapping[str, Any]


def _run(order: FitOrder) -> None:
    from altasks.cli.project.session import on_project, talking

    given = order.given
    if given["task"] is None:
        for option in SHARED:
            if option.name not in _OF_PROJECT and given[option.name] not in (None, (), []):
                raise invalid(
                    option.flag, "not to be given in a project, whose file says it", "it",
                    hint="Or name --task, for a model from a file of labels.",
                )  # fmt: skip
        from altasks.cli.project import steps

        out = None if given["out"] is None else given["out"].absolute()
        with on_project(given["project"], given["json"]) as (opened, talk):
            steps.fit(opened, talk, again=given["again"], out=out, force=given["force"])
        return
    from altasks.cli.project.fit_file import fit_file

    with talking(given["json"]) as talk:
        if given["project"] is not None:
            raise invalid("--project", "not to be given with --task", "it")
        fit_file(given, order.own, talk)


FIT: TaskCommand[FitOrder] = TaskCommand(
    "fit",
    "Train on the labels of the project, or (--task) of a file, and save the model.",
    SHARED,
    compare_options_of,
    FitOrder,
    _run,
)

"""The command line of `altasks rank`: the options of every task, and those of one ranker."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Annotated, Any

import typer

from altasks.cli.rank_options import SHARED
from altasks.cli.rankers.base import Ranker, RankOption, RankRequest
from altasks.cli.rankers.find import find_ranker, task_names, tasks_with
from altasks.errors import InvalidInputError

CONTEXT_SETTINGS = {"help_option_names": ["-h", "--help"]}
_SHORT = {"--number": "-n"}
_SUMMARY = "Order a pool by how much each sample would teach the model, and write the top of it."


def list_rank(app: typer.Typer) -> None:
    """Add the command to an app, for its list of commands."""
    app.command("rank", help=_SUMMARY)(_function(()))


def request_of(arguments: Sequence[str]) -> RankRequest:
    """Return the request that a command line makes, without running it.

    Args:
        arguments: what would follow `altasks rank`.

    Raises:
        InvalidInputError: for an option that only other tasks have.
        UnknownNameError: for a task that isn't registered.

    Example:
        >>> given = ["--task", "ner", "--pool", "a.conll", "--out", "queue.jsonl", "--passes", "5"]
        >>> request = request_of(given)
        >>> request.number, request.options["passes"], request.options["dropout"]
        (100, 5, None)
    """
    requests: list[RankRequest] = []
    command = rank_command(arguments, requests.append)
    command.main([*arguments], prog_name="altasks rank", standalone_mode=False)
    return requests[0]


def rank_command(arguments: Sequence[str], run: Callable[[RankRequest], None] | None = None) -> Any:
    """Return the command with the options of the task that the arguments name.

    Args:
        arguments: what follows `altasks rank`.
        run: what to do with the request; by default, to rank.

    Raises:
        InvalidInputError: for an option that only other tasks have.
        UnknownNameError: for a task that isn't registered.
    """
    task = _task_named(arguments)
    ranker = None if task is None else find_ranker(task)
    own = () if ranker is None else tuple(ranker.options)
    _check_flags(arguments, task, own)
    alone = typer.Typer(
        add_completion=False, pretty_exceptions_enable=False, context_settings=CONTEXT_SETTINGS
    )
    alone.command("rank", help=f"{_SUMMARY}\n\n{_advice(task, ranker)}")(
        _function(own, run, panel=f"Options of {task}")
    )
    return typer.main.get_command(alone)


def _advice(task: str | None, ranker: Ranker | None) -> str:
    if ranker is None:
        return (
            "Each task has options of its own: altasks rank --task NAME --help. Tasks: "
            f"{', '.join(task_names())}."
        )
    about = (inspect.getdoc(type(ranker)) or "").split("\n")[0]
    return f"With --task {task}: {about[:1].lower()}{about[1:]}"


def _task_named(arguments: Sequence[str]) -> str | None:
    """Return the value of the last `--task`, as the command's own parser would read it."""
    task = None
    for place, argument in enumerate(arguments):
        if argument == "--":
            break
        if argument == "--task" and place + 1 < len(arguments):
            task = arguments[place + 1]
        elif argument.startswith("--task="):
            task = argument.partition("=")[2]
    return task


def _check_flags(
    arguments: Sequence[str], task: str | None, own: Sequence[RankOption[Any]]
) -> None:
    """Refuse an option of another task, naming those that have it."""
    known = {option.flag for option in (*SHARED, *own)} | {"--help"}
    for argument in arguments:
        if argument == "--":
            return
        flag = argument.partition("=")[0]
        if not flag.startswith("--") or flag in known:
            continue
        names = tasks_with(flag)
        if not names:
            continue  # a misspelt one, which the parser itself explains
        listed = ", ".join(names)
        if task is None:
            raise InvalidInputError(f"--task: {flag} is an option of {listed}; name the task.")
        raise InvalidInputError(f"{flag}: not an option of {task}, only of {listed}.")


def _function(
    own: Sequence[RankOption[Any]],
    run: Callable[[RankRequest], None] | None = None,
    panel: str = "",
) -> Any:
    """Return a function whose parameters are the options, which is what Typer reads."""
    shared = {field.name for field in fields(RankRequest)} - {"options"}

    def rank(**given: Any) -> None:
        from altasks.cli.rank import run_rank

        (run or run_rank)(
            RankRequest(
                **{name: value for name, value in given.items() if name in shared},
                options={name: value for name, value in given.items() if name not in shared},
            )
        )

    parameters = [_parameter(option) for option in SHARED]
    parameters += [_parameter(option, panel) for option in own]
    rank.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    rank.__annotations__ = {one.name: one.annotation for one in parameters}
    return rank


def _parameter(option: RankOption[Any], panel: str | None = None) -> inspect.Parameter:
    names = [option.flag, *([_SHORT[option.flag]] if option.flag in _SHORT else [])]
    shown = typer.Option(*names, help=option.help, min=option.min, rich_help_panel=panel)
    kind: Any = option.type if option.default is not None else option.type | None
    return inspect.Parameter(
        option.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=inspect.Parameter.empty if option.default is ... else option.default,
        annotation=Annotated[kind, shown],
    )

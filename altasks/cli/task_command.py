"""Commands whose options depend on their `--task`: those of every task, and those of one ranker."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

import typer

from altasks.cli.rankers.base import Ranker, RankOption
from altasks.cli.rankers.find import find_ranker, task_names, tasks_with
from altasks.errors import InvalidInputError, invalid

CONTEXT_SETTINGS = {"help_option_names": ["-h", "--help"]}
_SHORT = {"--number": "-n"}

Order = TypeVar("Order")


@dataclass(frozen=True)
class TaskCommand(Generic[Order]):
    """A command of the shell.

    Attributes:
        name: as it is typed.
        summary: a sentence for the help.
        shared: the options that it has for every task.
        own: returns those of one ranker.
        make: returns the order of the options' values, by name: the shared ones, and the ranker's.
        run: carries it out.
    """

    name: str
    summary: str
    shared: Sequence[RankOption[Any]]
    own: Callable[[Ranker], Sequence[RankOption[Any]]]
    make: Callable[[dict[str, Any], dict[str, Any]], Order]
    run: Callable[[Order], None]

    def list_in(self, app: typer.Typer, *, panel: str | None = None) -> None:
        """Add the command to an app, for its list of commands; below a heading, if one is given."""
        app.command(self.name, help=self.summary, rich_help_panel=panel)(
            self._function((), _nothing)
        )

    def order_from(self, arguments: Sequence[str]) -> Order:
        """Return the order that a command line makes, without running it; raises as `made_for`."""
        orders: list[Order] = []
        command = self.made_for(arguments, orders.append)
        command.main([*arguments], prog_name=f"altasks {self.name}", standalone_mode=False)
        return orders[0]

    def made_for(self, arguments: Sequence[str], run: Callable[[Order], None] | None = None) -> Any:
        """Return the command with the options of the task that the arguments name.

        Args:
            arguments: what follows its name.
            run: what to do with the order; by default, to run it.

        Raises:
            InvalidInputError: for an option that only other tasks have, or an empty value.
            UnknownNameError: for a task that isn't registered.
        """
        shared = {option.name for option in self.shared}

        def carry_out(given: dict[str, Any]) -> None:
            of_all = {name: value for name, value in given.items() if name in shared}
            of_one = {name: value for name, value in given.items() if name not in shared}
            (run or self.run)(self.make(of_all, of_one))

        _check_values(arguments)
        task = _task_named(arguments)
        ranker = None if task is None else find_ranker(task)
        own = () if ranker is None else tuple(self.own(ranker))
        self._check_flags(arguments, task, own)
        alone = typer.Typer(
            add_completion=False, pretty_exceptions_enable=False, context_settings=CONTEXT_SETTINGS
        )
        alone.command(self.name, help=f"{self.summary}\n\n{self._advice(task, ranker)}")(
            self._function(own, carry_out, panel=f"Options of {task}")
        )
        return typer.main.get_command(alone)

    def _advice(self, task: str | None, ranker: Ranker | None) -> str:
        if ranker is None:
            return (
                f"Each task has options of its own: altasks {self.name} --task NAME --help. Tasks: "
                f"{', '.join(task_names())}."
            )
        about = (inspect.getdoc(type(ranker)) or "").split("\n")[0]
        return f"With --task {task}: {about[:1].lower()}{about[1:]}"

    def _check_flags(
        self, arguments: Sequence[str], task: str | None, own: Sequence[RankOption[Any]]
    ) -> None:
        """Refuse an option of another task, naming those that have it."""
        known = {option.flag for option in (*self.shared, *own)} | {"--help"}
        for argument in arguments:
            if argument == "--":
                return
            flag = argument.partition("=")[0]
            if not flag.startswith("--") or flag in known:
                continue
            names = tasks_with(flag, self.own)
            if not names:
                continue  # a misspelt one, which the parser itself explains
            listed = ", ".join(names)
            if task is None:
                raise InvalidInputError(f"--task: {flag} is an option of {listed}; name the task.")
            raise InvalidInputError(f"{flag}: not an option of {task}, only of {listed}.")

    def _function(
        self,
        own: Sequence[RankOption[Any]],
        run: Callable[[dict[str, Any]], None],
        panel: str = "",
    ) -> Any:
        """Return a function whose parameters are the options, which is what Typer reads."""

        def command(**given: Any) -> None:
            run(given)

        parameters = [_parameter(option) for option in self.shared]
        parameters += [_parameter(option, panel) for option in own]
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        command.__annotations__ = {one.name: one.annotation for one in parameters}
        return command


def _nothing(given: dict[str, Any]) -> None:
    """Do nothing: the command that is listed is made anew when it is called."""


def _check_values(arguments: Sequence[str]) -> None:
    """Refuse an empty value: as a path it is the working folder, as a column the usual one."""
    before = ""
    for argument in arguments:
        if argument == "--":
            return
        flag, equals, value = argument.partition("=")
        option = before if not argument else flag if equals and not value else ""
        if option.startswith("-"):
            raise invalid(option, "a value", "an empty text", hint="Is a variable unset?")
        before = argument


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

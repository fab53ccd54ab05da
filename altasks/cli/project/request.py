"""The keys of `altasks.toml` as the options of a ranker."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from altasks._internal.names import did_you_mean
from altasks.cli.project.config import Config
from altasks.cli.rankers.base import CompareRequest, RankOption


def request_of(config: Config, options: Sequence[RankOption[Any]]) -> CompareRequest:
    """Return the file as the options of `altasks compare`; paths are as they stand there.

    Args:
        config: the file.
        options: of the task's ranker.

    Raises:
        InvalidInputError: for an option that the task doesn't have, or a value it can't be.
    """
    top = config.top
    known = {option.name: option for option in options}
    own = {}
    for key, value in config.options.items():
        name = key.replace("-", "_")
        if name not in known:
            listed = ", ".join(known) or "none: the task has none"
            raise config.fault(
                key,
                f"one of {listed}",
                "an unknown key",
                table="options",
                hint=did_you_mean(name, known),
            )
        own[name] = _value(config, key, value, known[name])
    return CompareRequest(
        task=config.task,
        pool=Path(top["pool"]),
        out=Path(),
        model=top.get("model"),
        id_column=top.get("id_column"),
        batch_size=top.get("batch_size"),
        device=top.get("device"),
        seed=int(top.get("seed", 0)),
        options=own,
        format=top.get("format"),
        reader_options=dict(config.reader),
        label_columns=tuple(top.get("label_columns", ())),
        training_args=dict(config.training),
    )


def _value(config: Config, key: str, value: Any, option: RankOption[Any]) -> Any:
    """Return a value as the shell would hand it on."""
    expected = _expected(option.type, value)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not expected and option.min is not None and number and value < option.min:
        expected = f"at least {option.min:g}"
    if expected:
        raise config.fault(key, expected, repr(value)[:80], table="options", hint=option.help)
    if option.type == list[str]:
        return tuple(map(str, value))
    return option.type(value)


def _expected(kind: Any, value: Any) -> str:
    """Return what a value should be, where it is something else; else nothing."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind is bool:
        return "" if isinstance(value, bool) else "true or false"
    if kind is int:
        return "" if number and isinstance(value, int) else "a whole number"
    if kind is float:
        return "" if number else "a number"
    if kind == list[str]:
        return "" if isinstance(value, list) else "a list"
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        names = [str(one) for one in kind]
        return "" if value in names else f"one of {', '.join(names)}"
    fits = (isinstance(value, str) and value) or (kind is str and number)
    return "" if fits else "a text in quotation marks"

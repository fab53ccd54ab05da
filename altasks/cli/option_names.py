"""Error messages in the shell's words: options where Python has arguments."""

from __future__ import annotations

import ast
import json
import re
import shlex
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager

from altasks.errors import (
    CommitteeError,
    InvalidInputError,
    UnknownNameError,
    UnreadableSampleError,
)

#: Argument of a task, a reader, scoring or a strategy -> the option that it comes from.
_OPTION_OF = {
    "acquisition": "--acquisition",
    "actors": "--actors",
    "all_labels": "--no-all-labels",
    "arms": "--arm",
    "batch": "--batch",
    "batch_size": "--batch-size",
    "budget": "--budget",
    "checkpoint": "--model",
    "class_weights": "--class-weights",
    "committee": "--passes",
    "conf": "--conf",
    "cost_batch": "--cost-batch",
    "cost_budget": "--cost-budget",
    "device": "--device",
    "directory": "--model",
    "division": "--regions",
    "dropout": "--dropout",
    "engine": "--engine",
    "folder": "--pool",
    "format": "--format",
    "frozen_layers": "--frozen-layers",
    "hidden": "--hidden",
    "id_column": "--id-column",
    "image_column": "--text-column",
    "imgsz": "--image-size",
    "initial": "--initial",
    "jobs": "--jobs",
    "keep": "--strategy",
    "label_column": "--label-column",
    "layers": "--dropout-layers",
    "members": "--member",
    "metric": "--metric",
    "model": "--model",
    "num_gpus": "--num-gpus",
    "options": "--reader-option",
    "p": "--dropout",
    "passes": "--passes",
    "path": "--pool",
    "per_cost": "--per-cost",
    "pool": "--pool",
    "reduce": "--reduce",
    "regions": "--regions",
    "samples": "--pool",
    "seed": "--seed",
    "seeds": "--seeds",
    "strategy": "--strategy",
    "suffixes": "--pool",
    "target": "--target",
    "test": "--test",
    "test_share": "--test-share",
    "text_column": "--text-column",
    "too_long": "--truncate",
    "training_args": "--training-arg",
    "weights": "--weights",
}
#: A piece of advice for Python -> the option that follows it.
_ADVICE = {
    "too_long=": "--truncate",
    "MCDropout(layers='head', p=": "--dropout",
    "MCDropout(p=": "--dropout",
    "layers='all'": "--dropout-layers all",
    "layers='head'": "--dropout-layers head",
    "passes=": "--passes",
}
#: Arguments of readers, which the shell passes on as NAME=VALUE.
_OF_READERS = (
    "comments", "delimiter", "encoding", "no_label", "quoting", "repair", "scheme", "tag_column",
    "tag_key", "token_column",
)  # fmt: skip
_READER = "--reader-option"
#: Kinds of errors that are made again with another message.
_PLAIN = (InvalidInputError, CommitteeError, UnknownNameError)


@contextmanager
def option_names(
    flags: Collection[str],
    *,
    otherwise: str | None = None,
    renamed: Mapping[str, str] | None = None,
) -> Iterator[None]:
    """Raise the errors of what is inside with the shell's options for Python's arguments.

    Args:
        flags: the options that the command has.
        otherwise: the option to name for an argument that no option stands for, such as the
            `labels` of a model that is loaded: `"--model"`. None leaves the message as it is.
        renamed: options that the command calls otherwise: `{"--pool": "--data"}`.
    """
    try:
        yield
    except UnreadableSampleError:
        raise  # about samples, not arguments; it carries what was scored
    except _PLAIN as error:
        if type(error) not in _PLAIN:
            raise
        message = _translated(str(error), flags, otherwise, renamed or {})
        if _READER in flags:
            message = _with_reader_options(message)
        notes = [*getattr(error, "__notes__", []), *_advice(str(error), flags)]
        if message == str(error) and len(notes) == len(getattr(error, "__notes__", [])):
            raise
        translated = type(error)(message)
        for note in notes:
            translated.add_note(note)
        raise translated from error


def _translated(
    message: str, flags: Collection[str], otherwise: str | None, renamed: Mapping[str, str]
) -> str:
    for option, other in renamed.items():
        if message.startswith(f"{option}:"):
            return other + message[len(option) :]
    found = re.match(r"([a-z_]\w*)(: (?:expected )?)", message)
    if found is None:
        unknown = re.match(r"No (strategy|acquisition) (?:function )?is called", message)
        option = f"--{unknown[1]}" if unknown else ""
        option = renamed.get(option, option)
        return f"{option}: {message}" if option in flags else message
    option = f"{_READER} {found[1]}" if found[1] in _OF_READERS else _OPTION_OF.get(found[1], "")
    if option.startswith(_READER) and _READER in flags:
        return f"{option}: {message[len(found[1]) + 2 :]}"
    option = renamed.get(option, option)
    if option in flags:
        return f"{option}: {message[len(found[1]) + 2 :]}"
    if otherwise is None:
        return message
    return (
        f"{otherwise}: its {found[1]!r} can't be used as it is: {message[len(found[1]) + 2 :]} "
        "The shell has no option for that; from Python it is an argument of the task."
    )


def _with_reader_options(message: str) -> str:
    r"""Return a message in which an argument of a reader is what one types for it.

    Example:
        >>> print(_with_reader_options(r"Name it, such as delimiter='\t', or say scheme='PLAIN'."))
        Name it, such as --reader-option 'delimiter="\t"', or say --reader-option scheme=PLAIN.
    """

    def typed(found: re.Match[str]) -> str:
        try:
            value = ast.literal_eval(found[2])
        except (SyntaxError, ValueError):
            return found[0]
        plain = isinstance(value, str) and re.fullmatch(r"[A-Za-z][\w-]*", value)
        return f"{_READER} {shlex.quote(f'{found[1]}={value if plain else json.dumps(value)}')}"

    names = "|".join(_OF_READERS)
    return re.sub(rf"(?<![\w-])({names})=('(?:[^'\\]|\\.)*'|\[[^\]]*\]|-?\w+)", typed, message)


def _advice(message: str, flags: Collection[str]) -> list[str]:
    """Return what the message's advice for Python is called in the shell."""
    options = [
        option
        for python, option in _ADVICE.items()
        if python in message and option.partition(" ")[0] in flags
    ]
    return [f"In the shell, that is {' or '.join(dict.fromkeys(options))}."] if options else []

"""The settings that all tasks trained by `transformers.Trainer` share, documented once."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, Self, TypedDict, TypeVar

import torch

from altasks._internal.docstrings import described, with_arguments
from altasks._internal.numbers import require_whole
from altasks.errors import invalid
from altasks.tasks._shared.frozen.cache import FeatureCache
from altasks.tasks._shared.trainer import check_arguments

TaskClass = TypeVar("TaskClass", bound=type)


class TrainingKeywords(TypedDict, total=False):
    """The fields of `TrainingOptions`, as keyword arguments of a task; for type checkers."""

    training_args: Any
    batch_size: int | None
    callbacks: Sequence[Any] | None
    warm_start: bool
    autocast: Literal["bfloat16", "float16"] | None
    device: torch.device | str | None


class TrainerKeywords(TrainingKeywords, total=False):
    """The fields of `TrainerOptions`, as keyword arguments of a task; for type checkers."""

    data_collator: Any
    frozen_layers: int | Literal["all"]
    keep_frozen: bool | FeatureCache | None
    head: str | None


@dataclass(frozen=True)
class TrainingOptions:
    """How a task predicts and trains, whatever its model.

    Attributes:
        training_args: a `transformers.TrainingArguments`, which is passed on as it is (only the
            seed is each fit's own), or a mapping of settings over the defaults, or None: epochs
            that suit the number of labels, no files, no logs.
        batch_size: how many samples (windows, of words) go through the model at once; `predict`
            takes any number.
        callbacks: `transformers.TrainerCallback`s, passed on.
        warm_start: whether a `fit` goes on from the last one's weights instead of starting again
            from the pretrained ones.
        autocast: `"bfloat16"` or `"float16"` predicts in mixed precision.
        device: where to work. By default the model's own; for a model loaded here, the GPU if
            there is one.

    Raises:
        InvalidInputError: naming the setting that can't be used, before any work.

    Example:
        >>> TrainingOptions(batch_size=0)
        Traceback (most recent call last):
        ...
        altasks.errors.InvalidInputError: batch_size: expected a whole number of at least 1, found
        0.
    """

    training_args: Any = None
    batch_size: int = 32
    callbacks: Sequence[Any] | None = None
    warm_start: bool = False
    autocast: Literal["bfloat16", "float16"] | None = None
    device: torch.device | str | None = None

    def __post_init__(self) -> None:
        """Validate every setting."""
        if self.autocast not in (None, "bfloat16", "float16"):
            raise invalid("autocast", "'bfloat16', 'float16' or None", repr(self.autocast))
        object.__setattr__(self, "batch_size", require_whole("batch_size", self.batch_size, 1))
        check_arguments(self.training_args)

    @classmethod
    def of(cls, given: Mapping[str, Any], batch_size: int = 32) -> Self:
        """Return the options that a task was given as keyword arguments.

        Args:
            given: the arguments; a `batch_size` of None leaves it to the task.
            batch_size: the task's default.
        """
        settings = dict(given)
        if settings.get("batch_size") is None:
            settings["batch_size"] = batch_size
        return cls(**settings)

    def keywords(self) -> dict[str, Any]:
        """Return the settings as keyword arguments of the task they were given to."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


@dataclass(frozen=True)
class TrainerOptions(TrainingOptions):
    """How a task around one model with a last linear layer predicts and trains.

    Attributes:
        data_collator: passed on to Trainer; by default the task's own, which pads or stacks.
        frozen_layers: how many of the lower layers a `fit` leaves as they are, and the embeddings
            with them: with few labels on a CPU 4 of 6 cost little. `"all"`: all but the head. They
            are at rest in every pass, also while a committee draws: their dropout never fires.
        keep_frozen: whether what the frozen layers make of a sample is computed once and kept, or
            a `FeatureCache` that says where and how much of it. None: where that can be done, as
            for texts in any encoder that was tried. False computes it in each pass: slower, and the
            same but for rounding.
        head: the dotted name of the layer that makes the logits, if it is not the last linear
            layer of that size.
    """

    data_collator: Any = None
    frozen_layers: int | Literal["all"] = 0
    keep_frozen: bool | FeatureCache | None = None
    head: str | None = None

    def __post_init__(self) -> None:
        """Validate every setting."""
        super().__post_init__()
        layers = self.frozen_layers
        if isinstance(layers, str):
            if layers != "all":
                raise invalid("frozen_layers", "a whole number, or 'all'", repr(layers))
        else:
            layers = require_whole("frozen_layers", layers, 0)
        object.__setattr__(self, "frozen_layers", layers)
        if not isinstance(self.keep_frozen, bool | FeatureCache | None):
            raise invalid(
                "keep_frozen", "True, False, None or a FeatureCache", repr(self.keep_frozen)
            )


def takes_options(
    options: type[TrainingOptions], **defaults: Any
) -> Callable[[TaskClass], TaskClass]:
    """Return a decorator for a task whose `**options` are the fields of `options`.

    The constructor's signature then lists them, and the section "Own arguments" of the class's
    docstring becomes "Args", with all of them: `help()`, notebooks and the shell read these, type
    checkers the `TypedDict`. What the class doesn't describe comes from its bases and `options`.

    Args:
        options: the settings.
        **defaults: those that the task chooses differently.

    Example:
        >>> @takes_options(TrainingOptions, batch_size=1)
        ... class Task:
        ...     '''A task.
        ...
        ...     Own arguments:
        ...         model: any.
        ...     '''
        ...     def __init__(self, model, **options): ...
        >>> list(inspect.signature(Task).parameters)[:3]
        ['model', 'training_args', 'batch_size']
        >>> print(Task.__doc__.split("callbacks")[0])
        A task.
        <BLANKLINE>
        Args:
            model: any.
            training_args: a `transformers.TrainingArguments`, which is passed on as it is (only the
                seed is each fit's own), or a mapping of settings over the defaults, or None: epochs
                that suit the number of labels, no files, no logs.
            batch_size: how many samples (windows, of words) go through the model at once; `predict`
                takes any number.
    """
    listed = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=defaults.get(field.name, field.default),
            annotation=field.type,
        )
        for field in fields(options)
    ]

    def decorate(task: TaskClass) -> TaskClass:
        constructor = vars(task).get("__init__")
        if constructor is not None:
            signature = inspect.signature(constructor)
            own = [one for one in signature.parameters.values() if one.kind is not one.VAR_KEYWORD]
            constructor.__signature__ = signature.replace(parameters=[*own, *listed])
        shared: dict[str, str] = {}
        for kind in reversed(options.__mro__[:-1]):
            shared |= described(kind, "Attributes")
        for kind in reversed(task.__mro__[1:-1]):
            shared |= described(kind, "Args")
        names = inspect.signature(task).parameters
        task.__doc__ = with_arguments(task, names, shared) or task.__doc__
        return task

    return decorate

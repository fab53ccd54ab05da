"""Every error altasks raises on purpose.

Each is also the built-in exception a caller would expect (`ValueError`, `TypeError`, ...), so
code that knows nothing of altasks still catches it. The messages share one form, made by
`describe_fault`: the argument, what was expected, what was found, where, and what to do.
"""

from __future__ import annotations

import importlib
from typing import Any


class AltasksError(Exception):
    """Root of the tree: catch this to catch everything altasks raises on purpose."""


class InvalidInputError(AltasksError, ValueError):
    """An argument has the wrong shape, range or content."""


class UnreadableSampleError(InvalidInputError):
    """Some samples of a batch can't be read (a damaged file, a reader that fails on them).

    Scoring goes on without them and says at the end which they were.

    Attributes:
        rows: row in the batch (in the pool, if scoring raises it) -> what was found there.
        skipped: id -> what was found there, once scoring has given them ids.
        partial: a `Scores` over the other samples, from scoring; None if there are none.
    """

    def __init__(
        self,
        message: str,
        rows: dict[int, str],
        *,
        skipped: dict[str, str] | None = None,
        partial: object = None,
    ) -> None:
        super().__init__(message)
        self.rows = rows
        self.skipped = skipped or {}
        self.partial = partial


class UnsupportedPredictionError(AltasksError, TypeError):
    """An acquisition function was given a prediction it cannot read."""


class UnknownNameError(AltasksError, LookupError):
    """A name (of a function, strategy, task, oracle, id or label) is not known.

    Attributes:
        fault: the message without the names there are; empty where `known` is.
        name: what isn't known.
        known: the registered names among which it was looked up.
    """

    fault: str = ""
    name: str = ""
    known: tuple[str, ...] = ()


class MissingExtraError(AltasksError, ImportError):
    """An optional library is needed; the message says what to install."""


class CommitteeError(AltasksError, RuntimeError):
    """A committee cannot disagree: no dropout in the model, identical members, ..."""


class TrainingError(AltasksError, RuntimeError):
    """A fit ended in something that can't be used, such as weights that are not finite."""


class DataWarning(UserWarning):
    """Something in files was passed over, scaled or left out; the message counts and names it."""


class VarianceCollapseWarning(UserWarning):
    """A regression takes an exact fit of its training set for certainty."""


class StoreError(AltasksError, RuntimeError):
    """The store cannot be used as asked."""


class StoreVersionError(StoreError):
    """The store was written by a newer altasks."""


class PoolMismatchError(StoreError, ValueError):
    """The pool is not the one the store was made for."""


class LabelConflictError(StoreError, ValueError):
    """The same annotator gave a different label for the same sample without `replace=True`."""


class ToolError(AltasksError, RuntimeError):
    """An annotation tool can't be reached, or didn't do what it was asked; call again."""


class ScoringInterruptedError(AltasksError, KeyboardInterrupt):
    """Ctrl-C during scoring. `partial` holds what was scored until then.

    Attributes:
        partial: a `Scores` over the samples that were finished, or None if there are none.
    """

    def __init__(self, message: str, partial: object = None) -> None:
        super().__init__(message)
        self.partial = partial


class WorkerDiedError(AltasksError, RuntimeError):
    """A worker of an engine ended without an answer. `partial` holds what was scored until then.

    Attributes:
        partial: a `Scores` over the samples that were finished, or None if there are none.
    """

    def __init__(self, message: str, partial: object = None) -> None:
        super().__init__(message)
        self.partial = partial


class LoopWarning(UserWarning):
    """Something about a loop that its user should know and that is no error."""


class PoolExhaustedWarning(LoopWarning):
    """More samples were asked for than are left; what is left was given."""


class UntestedVersionWarning(UserWarning):
    """An installed library is newer than the newest version altasks was tested with."""


class OverBudgetWarning(LoopWarning):
    """Samples that cost more than the whole budget were left out."""


#: Its name until version 0.2.
TooDearWarning = OverBudgetWarning


def first_line(error: BaseException) -> str:
    """Return an error's kind and the first line of what it says, if it says anything.

    Example:
        >>> first_line(ValueError("no" + chr(10) + "more")), first_line(EOFError())
        ('ValueError: no', 'EOFError')
    """
    return ": ".join([type(error).__name__, *str(error).splitlines()[:1]])


def describe_fault(
    argument: str, expected: str, found: str, *, where: str = "", hint: str = ""
) -> str:
    """Return the message of an input error in the project's one form.

    Example:
        >>> print(describe_fault("probs", "rows that sum to 1", "a sum of 0.9", where="row 3"))
        probs: expected rows that sum to 1, found a sum of 0.9 (row 3).
    """
    place = f" ({where})" if where else ""
    advice = f" {hint}" if hint else ""
    return f"{argument}: expected {expected}, found {found}{place}.{advice}"


def invalid(
    argument: str, expected: str, found: str, *, where: str = "", hint: str = ""
) -> InvalidInputError:
    """Return an `InvalidInputError` in the project's one form, to be raised by the caller."""
    return InvalidInputError(describe_fault(argument, expected, found, where=where, hint=hint))


def __getattr__(name: str) -> Any:
    if name == "require_whole":  # where it was until version 0.2
        return importlib.import_module("altasks._internal.numbers").require_whole
    raise AttributeError(f"module 'altasks.errors' has no attribute {name!r}")

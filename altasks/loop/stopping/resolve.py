"""What may be given as `stop=`, and what it comes to."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from altasks.errors import invalid
from altasks.loop.query import Round
from altasks.loop.stopping.base import NEEDS, Progress, Stop, StoppingRule
from altasks.registry import STOPPING_RULES

#: A function of all rounds so far, as `run(stop=...)` has always taken it.
Function = Callable[[list[Round]], bool]


def as_rules(stop: Any) -> list[StoppingRule | Function]:
    """Return what is given as `stop=` as a list of rules and functions of the rounds.

    Raises:
        InvalidInputError: for anything else, or a rule that can't be made without options.
        UnknownNameError: for a name that isn't registered.
    """
    if stop is None:
        return []
    if isinstance(stop, Sequence) and not isinstance(stop, str):
        if not stop:
            raise invalid("stop", "at least one rule", "an empty list")
        return [rule for one in stop for rule in as_rules(one)]
    rule = STOPPING_RULES.get(stop) if isinstance(stop, str) else stop
    if isinstance(rule, type):
        rule = _by_defaults(rule, stop)
    if isinstance(rule, StoppingRule):
        unknown = rule.needs - {*NEEDS}
        if unknown:
            raise invalid("stop", f"needs among {', '.join(NEEDS)}", ", ".join(sorted(unknown)))
        return [rule]
    if callable(rule):
        return [rule]
    raise invalid(
        "stop",
        "a stopping rule, the name of one, a list of them, or a function of the rounds",
        f"{stop!r}",
    )


def _by_defaults(kind: type, given: Any) -> Any:
    missing = [
        one.name
        for one in inspect.signature(kind).parameters.values()
        if one.default is one.empty and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
    ]
    if missing:
        raise invalid(
            "stop",
            "a rule that needs no options, or an instance",
            f"{given!r}",
            hint=f"Make one: {kind.__name__}(...).",
        )
    return kind()


def needed(rules: Sequence[StoppingRule | Function]) -> frozenset[str]:
    """Return what the rules need of a `Progress`."""
    return frozenset().union(*(one.needs for one in rules if isinstance(one, StoppingRule)))


def judge(rules: Sequence[StoppingRule | Function], progress: Progress) -> Stop:
    """Return what the rules say together: the first that stops does.

    Example:
        >>> from altasks.loop.stopping.rules import Budget, ClassificationChange
        >>> judge([ClassificationChange(), Budget(5)], Progress(asked=5, labelled=5))
        Stop(stop=True, reason='5 of 5 samples asked.', rule='budget')
    """
    said = []
    for rule in rules:
        own = str(getattr(rule, "__name__", type(rule).__name__))
        name = STOPPING_RULES.name_of(type(rule)) or own
        if isinstance(rule, StoppingRule):
            one = rule.judge(progress)
        elif progress.rounds:
            stops = bool(rule(list(progress.rounds)))
            one = Stop(stops, f"{name} says {'stop' if stops else 'go on'}.")
        else:
            one = Stop(False, "No round has been recorded.")
        if one:
            return Stop(True, one.reason, name)
        said.append((name, one.reason))
    if len(said) == 1:
        return Stop(False, said[0][1], said[0][0])
    return Stop(False, " ".join(f"{name}: {reason}" for name, reason in said))

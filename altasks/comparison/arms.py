"""Arms: what is compared, by the registered names of its parts and their options."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from altasks._internal.jsonable import to_json
from altasks.comparison.arm_text import parts_of
from altasks.errors import invalid
from altasks.loop.recipes import committee_recipe, function_recipe, strategy_recipe
from altasks.loop.settings import resolve_strategy
from altasks.registry import ACQUISITIONS

#: The arm that takes all from the task, and the one that every other is compared with.
DEFAULT, RANDOM = "default", "random"


@dataclass(frozen=True)
class Arm:
    """One way of asking: what scores, what picks, who votes, and how it starts.

    What is None is the task's own, as in `altasks.ActiveLoop`; only where an acquisition function
    is named without a strategy, the highest scores are taken (`"top_k"`).

    Attributes:
        acquisition: a function or its registered name.
        strategy: a strategy, its class or its registered name.
        committee: the committee of the task, which `build_task` is then given.
        cold_start: the strategy of the first labels.
        acquisition_options: keyword arguments of the function.
        name: as tables and pictures call it; by default, its parts.

    Raises:
        InvalidInputError: for a strategy that can't be made without options.
        UnknownNameError: for a name that isn't registered.

    Example:
        >>> Arm.parse("margin + power(beta=2)").strategy.beta
        2.0
        >>> Arm("bald", cold_start="typiclust").name
        'bald + cold_start(typiclust)'
    """

    acquisition: str | Callable[..., Any] | None = None
    strategy: Any = None
    committee: Any = None
    cold_start: Any = None
    acquisition_options: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""

    def __post_init__(self) -> None:
        """Make what is named, so that a misspelt name is an error before any work."""
        _check_types(self)
        if isinstance(self.acquisition, str):
            ACQUISITIONS.get(self.acquisition)
        if not self.name:
            object.__setattr__(self, "name", self._parts())
        if self.acquisition is not None and self.strategy is None:
            object.__setattr__(self, "strategy", "top_k")
        for argument in ("strategy", "cold_start"):
            given = getattr(self, argument)
            if given is not None:
                object.__setattr__(self, argument, resolve_strategy(given, argument))

    @classmethod
    def of(cls, given: Arm | str) -> Arm:
        """Return an arm as it is, or parse its text.

        Raises:
            InvalidInputError: if it is neither, or as `parse`.
            UnknownNameError: as `parse`.
        """
        if isinstance(given, Arm):
            return given
        if isinstance(given, str):
            return cls.parse(given)
        raise invalid("arms", "al.Arm(...) or a text such as 'margin'", repr(given))

    @classmethod
    def parse(cls, text: str) -> Arm:
        """Return the arm of a text: registered names, joined by `+`, options in brackets.

        `margin`, `badge`, `bald + power(beta=2)`, `margin + hybrid(k_center, 4)`,
        `bald + committee(mc_dropout(passes=10)) + cold_start(typiclust)`. A bare name is an
        acquisition function, a strategy or a committee, whichever has it; `default` is all that
        the task brings. A wrapper may also stand before a colon, as in `altasks rank`:
        `balanced:top_k`.

        Raises:
            InvalidInputError: for a text that isn't of this form, or two parts of one kind.
            UnknownNameError: for a name that isn't registered.
        """
        if text.strip() == DEFAULT:
            return cls(name=DEFAULT)
        found = parts_of(text)
        return cls(**found, name=" ".join(text.split()))

    def recipe(self) -> dict[str, Any]:
        """Return the arm as JSON, equal for arms that ask alike, whatever their name."""
        acquisition = self.acquisition
        return {
            "acquisition": None
            if acquisition is None
            else function_recipe(acquisition, self.acquisition_options),
            "strategy": None if self.strategy is None else strategy_recipe(self.strategy),
            "cold_start": None if self.cold_start is None else strategy_recipe(self.cold_start),
            "committee": None if self.committee is None else committee_recipe(self.committee),
        }

    def loop_settings(self) -> dict[str, Any]:
        """Return the keyword arguments that make a loop of this arm."""
        settings = {
            "acquisition": self.acquisition,
            "strategy": self.strategy,
            "cold_start": self.cold_start,
            "acquisition_options": dict(self.acquisition_options) or None,
        }
        return {name: value for name, value in settings.items() if value is not None}

    def _parts(self) -> str:
        options = ", ".join(f"{name}={value!r}" for name, value in self.acquisition_options.items())
        parts = [] if self.acquisition is None else [_called(self.acquisition)]
        parts = [f"{one}({options})" if options else one for one in parts]
        parts += [] if self.strategy is None else [_called(self.strategy)]
        for kind in ("committee", "cold_start"):
            if getattr(self, kind) is not None:
                parts.append(f"{kind}({_called(getattr(self, kind))})")
        return " + ".join(parts) or DEFAULT


def _check_types(arm: Arm) -> None:
    """Refuse what is no function, committee, options or name.

    Raises:
        InvalidInputError: naming the part.
    """
    if not (
        arm.acquisition is None or isinstance(arm.acquisition, str) or callable(arm.acquisition)
    ):
        raise invalid("acquisition", "a function or its name", repr(arm.acquisition))
    committee = arm.committee
    if committee is not None and (isinstance(committee, type) or not hasattr(committee, "members")):
        raise invalid(
            "committee", "a committee, such as al.MCDropout(20)", repr(committee),
            hint="By name: al.get_committee('mc_dropout')(20).",
        )  # fmt: skip
    if not isinstance(arm.acquisition_options, Mapping):
        raise invalid("acquisition_options", "a dict", repr(arm.acquisition_options))
    if not isinstance(arm.name, str):
        raise invalid("name", "a text", repr(arm.name))


def arms_of(given: Sequence[Arm | str] | Mapping[str, Arm | str] | Arm | str) -> list[Arm]:
    """Return arms with distinct names, the first of them random labels.

    Args:
        given: arms or their texts; of a mapping, the keys are their names. Random need not be
            among them.

    Raises:
        InvalidInputError: for no arm but random, or two that ask alike.
        UnknownNameError: as `Arm.parse`.
    """
    if isinstance(given, str | Arm):
        given = [given]
    if isinstance(given, Mapping):
        arms = [replace(Arm.of(one), name=str(name)) for name, one in given.items()]
    else:
        arms = [Arm.of(one) for one in given]
    baseline = Arm(strategy=RANDOM, cold_start=RANDOM, name=RANDOM)
    plain = Arm(strategy=RANDOM).recipe()
    asked: dict[str, str] = {}
    names = {RANDOM}
    others = [arm for arm in arms if arm.recipe() not in (baseline.recipe(), plain)]
    if not others:
        raise invalid("arms", "an arm to compare with random labels", "random alone")
    for arm in others:
        key = repr(to_json(arm.recipe(), "arms"))
        if key in asked:
            raise invalid("arms", "arms that differ", f"{asked[key]!r} and {arm.name!r}")
        if arm.name in names:
            raise invalid("arms", "arms of different names", f"{arm.name!r} twice")
        asked[key] = arm.name
        names.add(arm.name)
    return [baseline, *others]


def _called(thing: Any) -> str:
    if isinstance(thing, str):
        return thing
    if isinstance(thing, type) or callable(thing):
        return str(getattr(thing, "__name__", type(thing).__name__))
    recipe = strategy_recipe(thing) if hasattr(thing, "select") else committee_recipe(thing)
    return str((recipe or {}).get("name") or type(thing).__name__)

"""How a store records a strategy, a committee or a function: its registry name and its options.

A recipe is JSON, such as `{"name": "power", "object": "Power", "options": {"beta": 2.0}}`. It
holds no module path, so a store outlives the place where a class is written. What isn't registered
has no `"name"` and is known by what it calls itself. An option is kept as it is where it is short
JSON, as a recipe where it is a strategy or a function, as a digest where it is long, and by its
type where it is any other object.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any

from altasks._internal.jsonable import dumps, to_json
from altasks.errors import InvalidInputError
from altasks.registry import ACQUISITIONS, COMMITTEES, STRATEGIES, Registry
from altasks.strategies.base import Strategy

#: Attributes that follow from the options.
DERIVED = ("needs", "wants", "reads_scores")
#: Options of a committee that decide where its members are kept, not what they answer.
_WHERE_KEPT = ("one_at_a_time", "directory")
#: Longer options are kept as a digest.
_LONG = 100

Recipe = dict[str, Any]


def strategy_recipe(strategy: Strategy) -> Recipe:
    """Return the recipe of a strategy, equal for equal ones.

    Example:
        >>> from altasks.strategies import Power
        >>> strategy_recipe(Power(beta=2))
        {'name': 'power', 'object': 'Power', 'options': {'beta': 2.0}}
    """
    return _recipe(type(strategy), _options(strategy), STRATEGIES)


def committee_recipe(committee: Any) -> Recipe | None:
    """Return the recipe of a task's committee; None of a number or a list of members.

    Example:
        >>> from altasks import MCDropout
        >>> committee_recipe(MCDropout(10, layers="head"))["options"]
        {'passes': 10, 'layers': 'head', 'seed': 0, 'p': None}
    """
    if committee is None:
        return {"name": "none", "object": "None", "options": {}}
    if not hasattr(committee, "members") or isinstance(committee, type):
        return None
    options = {k: v for k, v in _options(committee).items() if k not in _WHERE_KEPT}
    return _recipe(type(committee), options, COMMITTEES)


def function_recipe(
    function: str | Callable[..., Any], options: Mapping[str, Any] | None = None
) -> Recipe:
    """Return the recipe of an acquisition function or another function, with its options.

    A function of somebody's own is known by its name, its options and the variables that it
    captures; another body under the same name is not noticed.

    Args:
        function: or its registered name.
        options: keyword arguments it is called with.

    Example:
        >>> function_recipe("entropy", {"class_weights": [1, 2]})
        {'name': 'entropy', 'object': 'entropy', 'options': {'class_weights': [1, 2]}}
    """
    given = dict(options or {})
    if isinstance(function, str):
        function = ACQUISITIONS.get(function)
    while isinstance(function, functools.partial):
        for place, value in enumerate(function.args):
            given.setdefault(f"argument {place}", value)
        given = {**function.keywords, **given}
        function = function.func
    if inspect.isroutine(function) or isinstance(function, type):
        if ACQUISITIONS.name_of(function) is None:  # a registered one is known by its name
            given = {**_captured(function), **given}
        return _recipe(function, {k: _value(v) for k, v in given.items()}, ACQUISITIONS)
    # An object that can be called: its class and attributes.
    options_ = {**_options(function), **{k: _value(v) for k, v in given.items()}}
    return _recipe(type(function), options_, ACQUISITIONS)


def calibration_recipe(calibration: Any) -> Recipe:
    """Return the recipe of what predictions go through before they are scored, if anything.

    Example:
        >>> from altasks import TemperatureScaling
        >>> calibration_recipe(TemperatureScaling(2.0))
        {'object': 'TemperatureScaling', 'options': {'temperature': 2.0}}
    """
    if calibration is None:
        return {"name": "none", "object": "None", "options": {}}
    return function_recipe(calibration)


def _recipe(thing: Any, options: Mapping[str, Any], registry: Registry) -> Recipe:
    name = registry.name_of(thing)
    called = {"object": getattr(thing, "__qualname__", type(thing).__qualname__)}
    return {**({"name": name} if name else {}), **called, "options": dict(options)}


def _options(thing: Any) -> dict[str, Any]:
    """Return what an object was made with: the attributes called as its constructor's arguments.

    Where an argument is not kept under its name, all public attributes count as well.
    """
    arguments = [
        name
        for name, one in _parameters(type(thing)).items()
        if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
    ]
    names = [name for name in arguments if hasattr(thing, name)]
    if not arguments or len(names) < len(arguments):
        # One with __slots__ has no __dict__.
        public = getattr(thing, "__dict__", getattr(type(thing), "__slots__", ()))
        names += [one for one in public if not one.startswith("_") and one not in names]
    return {
        name: _value(getattr(thing, name))
        for name in names
        if name not in DERIVED and hasattr(thing, name)
    }


def _parameters(kind: Any) -> Mapping[str, inspect.Parameter]:
    if getattr(kind, "__init__", None) is object.__init__:
        return {}
    try:
        return inspect.signature(kind).parameters
    except (TypeError, ValueError):  # one that is written in C
        return {}


def _captured(function: Any) -> dict[str, Any]:
    """Return the variables of a closure, and the object of a method."""
    found: dict[str, Any] = {}
    owner = getattr(function, "__self__", None)
    if owner is not None and not inspect.ismodule(owner):
        found["self"] = owner
    inner = getattr(function, "__func__", function)
    code = getattr(inner, "__code__", None)
    for name, cell in zip(
        getattr(code, "co_freevars", ()), getattr(inner, "__closure__", None) or (), strict=True
    ):
        try:
            found[name] = cell.cell_contents
        except ValueError:  # not bound yet
            continue
    return found


def _value(value: Any) -> Any:
    """Return an option as JSON."""
    if isinstance(value, Strategy) and not isinstance(value, type):  # the one inside another
        return strategy_recipe(value)
    if isinstance(value, float) and not math.isfinite(value):
        return {"number": repr(value)}
    try:
        plain = to_json(value, "option")
    except InvalidInputError:
        if isinstance(value, functools.partial) or inspect.isroutine(value):
            return function_recipe(value)
        # An object: its class has to do, an address would never be equal.
        return {"type": type(value).__qualname__}
    text = dumps(plain)
    if len(text) > _LONG:
        return {"digest": hashlib.blake2b(text.encode(), digest_size=8).hexdigest()}
    return plain


def _defaults(recipe: Recipe) -> dict[str, Any]:
    """Return the defaults of what a recipe names, where it is registered."""
    name = recipe.get("name")
    for registry in (STRATEGIES, ACQUISITIONS, COMMITTEES):
        thing = registry.get(name) if name is not None and name in registry else None
        if thing is not None and getattr(thing, "__qualname__", None) == recipe["object"]:
            return {
                key: _value(one.default)
                for key, one in _parameters(thing).items()
                if one.default is not one.empty
            }
    return {}


def remake_strategy(recipe: Any) -> Strategy | None:
    """Return the strategy that a recipe was taken from, or None where that can't be known.

    It can be where the strategy, and each one inside it, is registered and its options are short
    JSON. A recipe that was migrated from schema version 1 may lack options: they are the defaults.

    Example:
        >>> from altasks.strategies import Power
        >>> remake_strategy(strategy_recipe(Power(beta=2))).beta
        2.0
    """
    if not is_recipe(recipe) or recipe.get("name") not in STRATEGIES:
        return None
    options: dict[str, Any] = {}
    for name, value in recipe["options"].items():
        if is_recipe(value):
            options[name] = remake_strategy(value)
            if options[name] is None:
                return None
        elif isinstance(value, Mapping) and set(value) == {"number"}:
            options[name] = float(value["number"])
        elif isinstance(value, Mapping) and set(value) in ({"digest"}, {"type"}):
            return None
        else:
            options[name] = value
    try:
        strategy: Strategy = STRATEGIES.get(recipe["name"])(**options)
    except (TypeError, ValueError):  # made by a version with other options
        return None
    return strategy if same(recipe, strategy_recipe(strategy)) else None


def is_recipe(value: Any) -> bool:
    """Return whether a JSON value is a recipe."""
    return isinstance(value, Mapping) and isinstance(value.get("options"), Mapping)


def same(kept: Any, now: Any) -> bool:
    """Return whether two recipes, or any two recorded values, mean the same.

    A registered name counts more than what the class calls itself. An option that only one of
    them has counts as the default of the other, so that a class may gain an option. A recipe that
    was migrated from the text of schema version 1 knows less, and is compared by what it knows.
    """
    if not is_recipe(kept) or not is_recipe(now):
        return bool(kept == now)
    if kept.get("name") and now.get("name"):
        if kept["name"] != now["name"]:
            return False
    elif not _called_alike(kept["object"], now["object"]):
        return False
    loose = bool(kept.get("migrated"))
    ours, theirs = dict(kept["options"]), dict(now["options"])
    default = _defaults(now)
    for key in {*ours, *theirs}:
        if key in ours and key in theirs:
            equal = _same_option(ours[key], theirs[key], loose)
        elif key in default:
            equal = _same_option(ours.get(key, default[key]), theirs.get(key, default[key]), loose)
        else:
            equal = loose
        if not equal:
            return False
    return True


def _same_option(kept: Any, now: Any, loose: bool) -> bool:
    if is_recipe(kept) and is_recipe(now):
        return same({**kept, "migrated": True} if loose else kept, now)
    if loose and isinstance(kept, Mapping) and set(kept) == {"type"}:
        return isinstance(now, Mapping)  # only that it was no JSON value is known
    return (type(kept) is type(now) and bool(kept == now)) or _equal_numbers(kept, now)


def _equal_numbers(one: Any, other: Any) -> bool:
    numbers = all(isinstance(x, int | float) and not isinstance(x, bool) for x in (one, other))
    return numbers and bool(one == other)


def _called_alike(one: str, other: str) -> bool:
    """Whether two qualified names are one, of which a migrated one may lack its beginning."""
    return one == other or one.endswith(f".{other}") or other.endswith(f".{one}")


def describe(value: Any) -> str:
    """Return a recipe, or another recorded value, as a reader would write it.

    Example:
        >>> describe({"name": "power", "object": "Power", "options": {"beta": 2.0}})
        'power(beta=2.0)'
    """
    if not is_recipe(value):
        if isinstance(value, Mapping) and len(value) == 1:
            return str(next(iter(value.values())))
        return dumps(value)
    shown = ", ".join(f"{key}={describe(one)}" for key, one in sorted(value["options"].items()))
    return f"{value.get('name') or value['object']}({shown})"

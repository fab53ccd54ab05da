"""Whether a thing has an ability."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeGuard, TypeVar

Ability = TypeVar("Ability")


def provides(thing: object, ability: Callable[..., Ability]) -> TypeGuard[Ability]:
    """Return whether a thing has every member of a protocol, none of them None.

    `isinstance` says the same of plain classes. This also sees what an object forwards to another
    by `__getattr__`, and doesn't see what a property says is not there by an `AttributeError` (an
    ensemble can be trained if its members can); Python 3.12 and later get both wrong.

    Args:
        thing: a task, committee, oracle or function.
        ability: one of the protocols of this module; any protocol will do.

    Example:
        >>> from altasks.abilities import Grouped, Sized
        >>> class Rows:
        ...     def group_key(self, sample):
        ...         return sample["page"]
        >>> provides(Rows(), Grouped), provides(Rows(), Sized)
        (True, False)
    """
    return all(getattr(thing, name, None) is not None for name in members_of(ability))


def members_of(ability: Callable[..., object]) -> frozenset[str]:
    """Return the names that a protocol declares, those it inherits from others included.

    Example:
        >>> from altasks.abilities import Saves
        >>> sorted(members_of(Saves))
        ['load', 'save']
    """
    assert isinstance(ability, type)  # typed as mypy lets a protocol be passed
    return frozenset(
        name
        for base in ability.__mro__
        if getattr(base, "_is_protocol", False) and base is not Protocol
        for name in {**vars(base), **vars(base).get("__annotations__", {})}
        if not name.startswith("_")
    )

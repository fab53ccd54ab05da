"""Arms as texts: registered names joined by `+`, with options in brackets."""

from __future__ import annotations

import ast
import re
from typing import Any, NoReturn

from altasks.errors import InvalidInputError, invalid
from altasks.registry import ACQUISITIONS, COMMITTEES, STRATEGIES, Registry, unknown_name

#: Kind of part -> the registry of its name, in the order in which a bare name is looked up.
_PARTS: dict[str, Registry] = {
    "acquisition": ACQUISITIONS,
    "strategy": STRATEGIES,
    "committee": COMMITTEES,
    "cold_start": STRATEGIES,
}


def parts_of(text: str) -> dict[str, Any]:
    """Return the arguments of the `Arm` that a text means.

    Raises:
        InvalidInputError: for a text that isn't of this form, or two parts of one kind.
        UnknownNameError: for a name that isn't registered.

    Example:
        >>> parts_of("margin(power=2)")
        {'acquisition': 'margin', 'acquisition_options': {'power': 2}}
    """
    whole = text.strip()
    for kind in ("acquisition", "strategy"):  # also of a name that is no identifier
        if whole in _PARTS[kind]:
            return {kind: whole}
    found: dict[str, Any] = {}
    for node in _nodes(text):
        kind, value, options = _part(node, text)
        if kind in found:
            raise invalid("arms", f"one {kind} in an arm", "two", where=repr(text))
        found[kind] = value
        if options:
            found["acquisition_options"] = options
    return found


def _nodes(text: str) -> list[ast.expr]:
    """Return what a text joins by `+`."""
    # `outer:inner`, as `altasks rank --strategy` has it.
    plain = re.sub(r"\b(\w+)\s*:\s*(\w+)", r"\1(\2)", text)
    try:
        body = ast.parse(plain.strip(), mode="eval").body
    except (SyntaxError, ValueError) as error:
        raise invalid(
            "arms", "names joined by +, options in brackets, such as 'bald + power(beta=2)'",
            repr(text),
        ) from error  # fmt: skip
    nodes: list[ast.expr] = []
    while isinstance(body, ast.BinOp) and isinstance(body.op, ast.Add):
        nodes.insert(0, body.right)
        body = body.left
    return [body, *nodes]


def _part(node: ast.expr, text: str) -> tuple[str, Any, dict[str, Any]]:
    """Return the kind of a part, what it is, and its options if it is a function."""
    name = _name_of(node, text)
    if name in _PARTS:
        call = node
        if not isinstance(call, ast.Call) or len(call.args) != 1 or call.keywords:
            raise invalid("arms", f"{name}(...) around a name", ast.unparse(node), where=repr(text))
        return _made(name, call.args[0], text)
    kind = next((kind for kind, registry in _PARTS.items() if name in registry), None)
    if kind is None:
        _refuse(name, text)
    return _made(kind, node, text)


def _made(kind: str, node: ast.expr, text: str) -> tuple[str, Any, dict[str, Any]]:
    """Return a part of a kind that is known."""
    name, registry = _name_of(node, text), _PARTS[kind]
    if name not in registry:
        _refuse(name, text, kind)
    call = isinstance(node, ast.Call)
    if kind == "acquisition":
        if isinstance(node, ast.Call) and node.args:
            raise invalid(
                "arms", f"options of {name} by name, such as reduce='mean'", ast.unparse(node)
            )
        return kind, name, _keywords(node, text) if isinstance(node, ast.Call) else {}
    if kind != "committee" and not call:
        return kind, name, {}
    return kind, _instance(registry, node, text), {}


def _instance(registry: Registry, node: ast.expr, text: str) -> Any:
    """Return what a name or a call makes.

    Raises:
        InvalidInputError: if it can't be made so.
    """
    made_by = registry.get(_name_of(node, text))
    arguments: list[Any] = []
    keywords: dict[str, Any] = {}
    if isinstance(node, ast.Call):
        arguments = [_value(one, text) for one in node.args]
        keywords = _keywords(node, text)
    try:
        return made_by(*arguments, **keywords)
    except (TypeError, InvalidInputError) as error:
        raise invalid(
            "arms", f"options that {registry.kind} takes", ast.unparse(node), where=str(error)
        ) from error


def _keywords(node: ast.Call, text: str) -> dict[str, Any]:
    return {str(one.arg): _value(one.value, text) for one in node.keywords if one.arg is not None}


def _value(node: ast.expr, text: str) -> Any:
    """Return an option: a plain value, a registered name, or a strategy that is made."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Call):
        name = _name_of(node, text)
        for registry in (STRATEGIES, COMMITTEES):
            if name in registry:
                return _instance(registry, node, text)
        _refuse(name, text)
    try:
        return ast.literal_eval(node)
    except ValueError as error:
        raise invalid(
            "arms", "options that are numbers, texts, lists or names", ast.unparse(node),
            where=repr(text),
        ) from error  # fmt: skip


def _name_of(node: ast.expr, text: str) -> str:
    called = node.func if isinstance(node, ast.Call) else node
    if not isinstance(called, ast.Name):
        raise invalid(
            "arms", "names joined by +, options in brackets", ast.unparse(node), where=repr(text)
        )
    return called.id


def _refuse(name: str, text: str, kind: str | None = None) -> NoReturn:
    """Raise the error of a name that nothing has."""
    registries = [_PARTS[kind]] if kind else [ACQUISITIONS, STRATEGIES, COMMITTEES]
    known = [one for registry in registries for one in registry.names()]
    kinds = [registry.kind for registry in registries]
    what = kinds[0] if len(kinds) == 1 else f"{', '.join(kinds[:-1])} or {kinds[-1]}"
    raise unknown_name(f"arms: no {what} is called {name!r} (in {text!r}).", name, known)

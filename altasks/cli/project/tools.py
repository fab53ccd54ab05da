"""The tool in which people label, as `[tool]` of `altasks.toml` names it."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

from altasks._internal.names import did_you_mean
from altasks.cli.project import matching
from altasks.cli.project.opened import Opened

if TYPE_CHECKING:
    from altasks.loop import ActiveLoop


def tool_name(project: Opened) -> str:
    """Return the registered name of the tool.

    Raises:
        InvalidInputError: if there is none, or none of that name.
    """
    from altasks.registry import ORACLES

    tool = project.config.tool
    if not tool:
        raise project.config.fault(
            "tool", "a table [tool] with the tool's name", "none",
            hint='Such as: name = "label_studio" and project = "My project".',
        )  # fmt: skip
    named = str(tool["name"])
    known = ORACLES.names()
    for name in (named, named.replace("-", "_"), named.replace("_", "-")):
        if name in known:
            return name
    raise project.config.fault(
        "name", f"one of {', '.join(known)}", repr(named), table="tool",
        hint=did_you_mean(named, known),
    )  # fmt: skip


def people_of(project: Opened, loop: ActiveLoop) -> Any:
    """Return the tool, with `push` and `pull`.

    Raises:
        InvalidInputError: for the simulated one, which `altasks run` alone uses.
    """
    name = tool_name(project)
    if name == "simulated":
        raise project.config.fault(
            "name", "a tool in which people label", "'simulated'", table="tool",
            hint="Simulated people answer at once: `altasks run`.",
        )  # fmt: skip
    return made(project, loop, name)


def made(project: Opened, loop: ActiveLoop, name: str) -> Any:
    """Return the oracle of that name, with what the file says of it.

    One of another package is made with `task`, `pool` and the keys of `[tool]`, as far as it has
    such parameters.
    """
    from altasks.registry import get_oracle

    if name == "simulated":
        return simulated(project)
    made_by = get_oracle(name)
    given = {key: one for key, one in project.config.tool.items() if key != "name"}
    parameters = inspect.signature(made_by).parameters
    for key in given:
        if key not in parameters:
            listed = ", ".join(one for one in parameters if one not in ("task", "pool"))
            raise project.config.fault(key, f"one of {listed}", "an unknown key", table="tool")
    for key, one in parameters.items():
        if key == "project" and one.default is one.empty and key not in given:
            raise project.config.fault(
                "project", "which project people label in", "none", table="tool"
            )
    own = {"task": loop.task, "pool": loop.pool}
    given |= {key: one for key, one in own.items() if key in parameters}
    with project.named():
        return made_by(**given)


def simulated(project: Opened) -> Any:
    """Return the oracle that answers from the file of held-back labels.

    Raises:
        InvalidInputError: if it lacks one of a sample.
    """
    from altasks.oracles import Simulated

    tool = project.config.tool
    held = tool.get("labels")
    if held is None:
        known = project.data.pool.labels
        if not known or project.config.top.get("multi_label"):
            raise project.config.fault(
                "labels", "a file with the labels that are held back", "none", table="tool"
            )
    else:
        known = _held_back(project, Path(held))
    missing = [one for one in project.pool.ids if one not in known]
    if missing:
        raise project.config.fault(
            "labels", "a label of every sample in the pool",
            f"none of {len(missing):,}, such as {missing[0]!r}", table="tool",
        )  # fmt: skip
    return Simulated(
        known, noise=float(tool.get("noise", 0.0)), seed=int(project.config.top.get("seed", 0))
    )


def _held_back(project: Opened, path: Path) -> dict[str, Any]:
    if not path.exists():
        raise project.config.fault(
            "labels", "an existing file or folder", repr(str(path)), table="tool"
        )
    with project.named():
        found = project.ranker.read_labelled(project.request, path).pool
    matched, _ = matching.rows_of(found, project.pool, path, skip_unknown=True)
    return {row.id: row.label for row in matched}

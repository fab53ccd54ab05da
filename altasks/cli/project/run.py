"""Ask, label, fit, again, until the budget is spent or a rule says stop: `altasks run`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from altasks.cli.project.opened import Opened
from altasks.cli.project.session import Talk
from altasks.cli.project.steps import count, fit_if_new, say_synced
from altasks.cli.project.tools import made, simulated, tool_name
from altasks.errors import InvalidInputError

if TYPE_CHECKING:
    from altasks.loop import ActiveLoop
    from altasks.loop.base import State


def run(project: Opened, talk: Talk, *, once: bool) -> None:
    """Go on from where the store is, until the end or Ctrl-C.

    Args:
        project: with a tool.
        talk: to whoever runs it.
        once: with people: one look at the tool instead of one after the other.

    Raises:
        InvalidInputError: for a project without a tool.
    """
    require_tool(project)
    name = tool_name(project)
    with project.open_loop() as loop:
        if name == "simulated":
            _simulate(project, talk, loop)
            return
        _check_rule(project)
        tool = made(project, loop, name)
        every = float(project.config.run.get("every", 60))
        while True:
            over = _pass(project, talk, loop, tool)
            if over or once:
                break
            time.sleep(every)
        talk.result(_result(loop, over))


def _result(loop: ActiveLoop, over: str) -> dict[str, Any]:
    state = loop.store.state()
    return {
        "round": state.round, "labelled": len(state.labelled), "open": len(state.pending),
        "over": over, "rounds": [vars(one) for one in loop.rounds],
    }  # fmt: skip


def _simulate(project: Opened, talk: Talk, loop: ActiveLoop) -> None:
    config = project.config
    budget = config.run.get("budget")
    if budget is None:
        raise config.fault("budget", "how many labels in all", "none", table="run")
    test = project.test_set()
    oracle = simulated(project)
    stop = config.run.get("stop")
    with project.named():
        rounds = loop.run(
            oracle,
            budget=budget,
            batch=config.number,
            initial=config.ask.get("initial"),
            test=test,
            stop=stop,
        )
        for one in rounds:
            shown = ", ".join(f"{name} {value:.4g}" for name, value in one.metrics.items())
            talk(f"Round {one.round}: {count(one.labelled, 'label')}{', ' if shown else ''}{shown}")
    over = f"{count(len(loop.labels), 'label')}: the budget is spent."
    if len(loop.labels) < budget:
        over = "Stopped before the budget: " + (
            loop.should_stop(stop).reason if stop is not None else "nothing is left to ask."
        )
    talk(over)
    talk.result(_result(loop, over))


def _pass(project: Opened, talk: Talk, loop: ActiveLoop, tool: Any) -> str:
    """Do what is due now; return why it is over, or nothing.

    Every step follows from the store: a pass that died anywhere is gone through again.
    """
    config = project.config
    done = loop.sync(tool)
    say_synced(talk, tool, done)
    state = loop.store.state()
    enough = int(config.run.get("fit_after", config.number))
    new = _new_labels(loop, state)
    if state.labelled and not state.is_fitted and (new >= enough or not state.pending):
        fit_if_new(project, loop, talk)
        state = loop.store.state()
    if _stops(project, loop, state):
        reason = loop.should_stop(config.run["stop"]).reason
        talk(f"Enough: {reason}")
        return reason
    missing = _missing(project, state)
    if missing > 0:
        query = loop.ask(missing)
        if len(query):
            talk(f"Asked {count(len(query), 'sample')} more.")
    state = loop.store.state()
    # After a fit the rest has another order, too.
    say_synced(talk, tool, loop.sync(tool))
    if state.pending:
        return ""
    budget = config.run.get("budget")
    over = "Nothing is left to ask."
    if budget is not None and len(state.labelled) >= budget:
        over = f"The budget of {count(budget, 'label')} is spent."
    talk(over)
    return over


def _new_labels(loop: ActiveLoop, state: State) -> int:
    after = 0 if state.last_fit is None else state.last_fit.seq
    return len({one.id for one in loop.store.history(after=after) if one.kind == "label"})


def _check_rule(project: Opened) -> None:
    """Refuse a rule that would never stop, as `loop.run` does."""
    from altasks.loop.stopping.resolve import as_rules, needed

    rule = project.config.run.get("stop")
    with project.named():
        if rule is None or "metrics" not in needed(as_rules(rule)):
            return
    if "test" not in project.config.top:
        raise project.config.fault(
            "stop", "a test set (the key 'test') for a rule that reads metrics", "none", table="run"
        )


def _stops(project: Opened, loop: ActiveLoop, state: State) -> bool:
    rule = project.config.run.get("stop")
    if rule is None or state.last_fit is None or not state.is_fitted:
        return False
    return bool(loop.should_stop(rule))


def _missing(project: Opened, state: State) -> int:
    """Return how many samples are to be asked now: none while people work on the last query."""
    config = project.config
    due = not state.pending or (state.last_fit is not None and state.last_fit.round == state.round)
    if not due:
        return 0
    first = config.ask.get("initial", config.number)
    missing = (config.number if state.last_fit else int(first)) - len(state.pending)
    budget = config.run.get("budget")
    if budget is not None:
        missing = min(missing, int(budget) - len(state.labelled) - len(state.pending))
    return missing


def require_tool(project: Opened) -> None:
    """Refuse a project without a tool.

    Raises:
        InvalidInputError: saying how a round goes without one.
    """
    if not project.config.tool:
        raise InvalidInputError(
            "tool: expected a table [tool] in the file, found none. Without a tool a round is "
            "`altasks ask --out FILE`, `altasks tell FILE`, `altasks fit`."
        )

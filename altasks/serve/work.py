"""What the worker does, in a thread or a process of its own: one step after the other, for ever."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from altasks.errors import AltasksError, StoreError
from altasks.serve.inbox import Inbox
from altasks.serve.rounds import Rounds, Step

if TYPE_CHECKING:
    from altasks.loop import ActiveLoop
    from altasks.oracles.base import AsksPeople

#: Seconds until a step that failed is tried again; each time twice as many, up to `sync_every`.
_RETRY = 2.0
#: After a step comes a rest of so many times its length, so that the tool isn't kept busy, but of
#: no more than so many seconds.
_REST, _LONGEST_REST = 3.0, 10.0


@dataclass(frozen=True)
class Plan:
    """All that a worker needs; sent to its process.

    Args:
        open_loop: makes the loop.
        open_people: makes the tool's oracle, for that loop.
        connect: called with the oracle and addresses by which the tool may call: sees to it that
            the tool does.
        fit_every: as in `Rounds`.
        ask: as in `Rounds`.
        sync_every: seconds between steps without a knock.
    """

    open_loop: Callable[[], ActiveLoop]
    open_people: Callable[[ActiveLoop], AsksPeople]
    connect: Callable[[Any, frozenset[str]], None]
    fit_every: int
    ask: int
    sync_every: float


@dataclass(frozen=True)
class Standing:
    """Where a worker stands, as far as it has said.

    Args:
        phase: `opening`, `syncing`, `fitting` or `idle`.
        steps: how many it has completed.
        trouble: why the last step failed; empty if it didn't.
        store_fails: whether that was because of the store.
        notice: what a person should see to, though work goes on; empty if nothing.
        fit: the number of its last fit; 0 before that.
        open: how many samples people have before them.
        waiting: how many samples have a label that no fit has used.
    """

    phase: str = "opening"
    steps: int = 0
    trouble: str = ""
    store_fails: bool = False
    notice: str = ""
    fit: int = 0
    open: int = 0
    waiting: int = 0


Report = Callable[[Mapping[str, Any]], Any]


@dataclass
class _Open:
    """What is open."""

    loop: Any = None
    people: Any = None
    rounds: Rounds | None = None
    connected: bool = False
    refusals: int = 0
    fit_now: bool = False
    addresses: frozenset[str] = field(default_factory=frozenset)

    def close_people(self) -> None:
        close = getattr(self.people, "close", None)
        self.people = self.rounds = None
        if close is not None:
            close()

    def close(self) -> None:
        self.close_people()
        loop, self.loop = self.loop, None
        if loop is not None:
            loop.close()


def work(plan: Plan, inbox: Inbox, report: Report) -> None:
    """Make a step at each knock, and every so many seconds without one, until the inbox stops.

    Whatever goes wrong is reported, and tried again: a step takes in all that came since the last
    one that succeeded.
    """
    here, steps, failures, wait = _Open(), 0, 0, 0.0
    while (knock := inbox.wait(wait)) is not None:
        begun = time.monotonic()
        here.fit_now |= knock.fit
        if not knock.addresses <= here.addresses:
            here.addresses, here.connected = here.addresses | knock.addresses, False
        try:
            step = _step(plan, here, report)
        except Exception as error:  # of a library too: work goes on when the cause is gone
            failures += 1
            wait = _after(failures, plan)
            report({"phase": "idle", "trouble": _said(error),
                    "store_fails": isinstance(error, StoreError)})  # fmt: skip
            _close_after(error, here)
        else:
            steps, failures = steps + 1, 0
            wait = plan.sync_every if here.connected else _after(here.refusals, plan)
            report(_standing(step, steps))
        inbox.rest(min(_REST * (time.monotonic() - begun), _LONGEST_REST, plan.sync_every))
    here.close()


def _step(plan: Plan, here: _Open, report: Report) -> Step:
    if here.loop is None:
        report({"phase": "opening"})
        here.loop = plan.open_loop()
    if here.rounds is None:
        here.people = plan.open_people(here.loop)
        here.rounds = Rounds(here.loop, here.people, fit_every=plan.fit_every, ask=plan.ask)
    if not here.connected:
        _connect(plan, here, report)
    step = here.rounds.step(fit_now=here.fit_now, note=lambda phase: report({"phase": phase}))
    here.fit_now = False
    if step.fit is not None:
        here.connected = False  # there are predictions now, which the project may show
    return step


def _connect(plan: Plan, here: _Open, report: Report) -> None:
    """See to it that the tool calls here; where it can't, work goes on without."""
    try:
        plan.connect(here.people, here.addresses)
    except AltasksError as error:
        here.refusals += 1
        report({"notice": f"not connected: {error}"})
    else:
        here.connected, here.refusals = True, 0
        report({"notice": ""})


def _after(failures: int, plan: Plan) -> float:
    """Return the seconds to wait after so many failures in a row."""
    return min(_RETRY * 2.0 ** min(failures, 20), plan.sync_every)


def _standing(step: Step, steps: int) -> dict[str, Any]:
    said: dict[str, Any] = {
        "phase": "idle", "steps": steps, "trouble": "", "store_fails": False,
        "open": step.open, "waiting": step.waiting,
    }  # fmt: skip
    if step.fault:
        said["trouble"] = f"fitting failed, and waits for more labels: {step.fault}"
    if step.fit is not None:
        said["fit"] = step.fit
    news = {
        "labels": step.labels, "skips": step.skips, "withdrawn": step.withdrawn,
        "refused": len(step.refused),
    }  # fmt: skip
    words = [f"{many} {name}" for name, many in news.items() if many]
    if step.fit is not None:
        words.append(f"fit {step.fit}")
    if words:
        said["line"] = f"{', '.join(words)}; {step.open} open"
    for name, why in list(step.refused.items())[:1]:
        said["line"] += f". The label of {name!r} was refused: {why}"
    return said


def _close_after(error: Exception, here: _Open) -> None:
    """Open anew what may be the cause; what can't be closed is left."""
    try:
        if isinstance(error, StoreError):
            here.close()
        else:
            here.close_people()
    except Exception:
        here.loop = here.people = here.rounds = None


def _said(error: Exception) -> str:
    return str(error) if isinstance(error, AltasksError) else f"{type(error).__name__}: {error}"

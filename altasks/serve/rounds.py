"""One step of a loop whose samples people label in a tool: take in, fit if it is time, hand out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from altasks.errors import StoreError, ToolError

if TYPE_CHECKING:
    from altasks.loop import ActiveLoop
    from altasks.oracles.base import AsksPeople


@dataclass(frozen=True)
class Step:
    """What one step did.

    Args:
        labels: how many labels were new or changed.
        skips: how many samples were newly skipped.
        withdrawn: how many labels and skips were taken back.
        refused: id -> why its label was not taken.
        fit: the number of the fit that was made; None if it wasn't time.
        fault: why a fit that was due failed; empty if it didn't.
        waiting: how many samples have a label that no fit has used.
        open: how many samples people have before them now.
    """

    labels: int
    skips: int
    withdrawn: int
    refused: dict[str, str] = field(default_factory=dict)
    fit: int | None = None
    fault: str = ""
    waiting: int = 0
    open: int = 0


class Rounds:
    """Steps of one loop and one tool. When to fit is read from the store alone.

    Args:
        loop: with a task that can be trained.
        people: the tool.
        fit_every: fit when so many samples have a label that no fit has used.
        ask: have so many samples open in the tool after each fit, and never less than half.
    """

    def __init__(self, loop: ActiveLoop, people: AsksPeople, *, fit_every: int, ask: int) -> None:
        self.loop = loop
        self.people = people
        self.fit_every = fit_every
        self.ask = ask
        self._failed_at = 0  # with so many new labels a fit failed: it waits for others

    def waiting(self) -> int:
        """Return how many samples have a label, or another one, since the last fit."""
        last = self.loop.store.state().last_fit
        kinds: dict[str, str] = {}
        for event in self.loop.store.history(after=0 if last is None else last.seq):
            if not event.part:
                kinds[event.id] = event.kind
        return sum(kind == "label" for kind in kinds.values())

    def step(self, *, fit_now: bool = False, note: Callable[[str], Any] = str) -> Step:
        """Take in what people said, fit if it is time, ask for what is missing, hand it out.

        Args:
            fit_now: fit if there is any label that no fit has used.
            note: called with `"syncing"` and `"fitting"` when that begins.

        Raises:
            StoreError: if the store can't be read or written. What people said is taken in by
                the next step.
            ToolError: if the tool can't be reached, or refuses; the same holds.
            UnreadableSampleError: naming the samples that can't be read.
        """
        note("syncing")
        came = self.loop.sync(self.people)
        waiting = self.waiting()
        fit, fault = None, ""
        if waiting and (fit_now or waiting - self._failed_at >= self.fit_every):
            note("fitting")
            try:
                fit = self.loop.fit().fit
                self._failed_at = 0
                waiting = self.waiting()
            except (StoreError, ToolError):
                raise
            except Exception as error:  # of the task or a library: too few classes, no memory
                fault = f"{type(error).__name__}: {error}"
                self._failed_at = waiting
        opened = came.open
        # Between fits only when people might run out: the next model knows better what to ask.
        few = 2 * len(opened) < self.ask
        asked = self._ask(self.ask - len(opened)) if fit is not None or few else 0
        if asked or fit is not None:
            note("syncing")
            opened = self.loop.sync(self.people).open
        return Step(
            came.labels, came.skips, came.withdrawn, came.refused, fit, fault, waiting, len(opened)
        )

    def _ask(self, missing: int) -> int:
        """Ask for as many as are missing, or left; return how many."""
        state = self.loop.store.state()
        gone = {*state.asked, *state.labelled, *state.skipped}
        wanted = min(missing, len(self.loop.pool) - len(gone))
        return len(self.loop.ask(wanted)) if wanted > 0 else 0

"""What wakes the worker: any number of knocks become one step."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

#: Addresses that are remembered until the next step; more are dropped.
_MOST = 8


@dataclass(frozen=True)
class Knock:
    """Why a step is made.

    Args:
        fit: whether somebody wants a fit now.
        addresses: by which the tool was seen to call.
    """

    fit: bool = False
    addresses: frozenset[str] = frozenset()


class Inbox:
    """Holds one knock at most, so that it can't overflow, however many there are."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: Knock | None = None
        self._stopped = False

    def knock(self, knock: Knock | None = None) -> None:
        """Ask for a step; what is asked for already is joined with it."""
        new = knock or Knock()
        with self._changed:
            old = self._waiting or Knock()
            addresses = sorted(old.addresses | new.addresses)[:_MOST]
            self._waiting = Knock(old.fit or new.fit, frozenset(addresses))
            self._changed.notify_all()

    def stop(self) -> None:
        """Let `wait` return None from now on."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def wait(self, seconds: float | None) -> Knock | None:
        """Return the knock, an empty one when the time is up, or None after `stop`."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or self._waiting is not None, seconds)
            if self._stopped:
                return None
            knock, self._waiting = self._waiting or Knock(), None
            return knock

    def rest(self, seconds: float) -> None:
        """Wait, unless it is stopped; knocks are kept."""
        until = time.monotonic() + seconds
        with self._changed:
            self._changed.wait_for(lambda: self._stopped, max(0.0, until - time.monotonic()))

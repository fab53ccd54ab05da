"""The protocol of oracles: whatever answers a query."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from altasks.loop.answers import Answers, ToolState
    from altasks.loop.query import Query


@runtime_checkable
class Oracle(Protocol):
    """Answers queries: held-back labels, people, another model.

    An oracle that knows what its labels cost also has `cost_of(labels) -> float`.
    """

    def label(self, query: Query) -> Mapping[str, Any]:
        """Return id -> label for all of the query, a part of it, or nothing yet."""
        ...


@runtime_checkable
class AsksPeople(Oracle, Protocol):
    """An annotation tool: `loop.sync` hands queries out and takes answers in, again and again.

    It remembers nothing of its own that matters: what was pushed and said is in the tool, what was
    taken in is in the loop's store.
    """

    @property
    def name(self) -> str:
        """Which tool and project, at most 40 characters without `/`: the store knows it by that."""
        ...

    def push(self, query: Query) -> None:
        """Make these samples what people get next, in this order, with what is predicted of them.

        A sample that is there already is moved, not made again; others that were pushed before, and
        nobody has answered, come after these. Nothing else in the tool is touched.

        Raises:
            ToolError: if the tool can't be reached, or refuses. Some may have been pushed then.
        """
        ...

    def pull(self, since: Any = None, *, also: Collection[str] = ()) -> Answers:
        """Return all that the tool holds of each sample about which anything has changed.

        Args:
            since: the `mark` of an earlier pull; None: of every sample. What has changed about that
                time may come again; nothing may be left out.
            also: ids to return in any case.

        Raises:
            ToolError: if the tool can't be reached, or refuses.
        """
        ...

    def state(self) -> ToolState:
        """Return what is open, in the order in which people get it, and what is not.

        Raises:
            ToolError: as `pull`.
        """
        ...

"""From a pool and a model to the ids to ask: what `ask` does between two looks at the store."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch import Tensor

from altasks._internal.frames import ids_by_index, plain_array
from altasks._internal.numbers import require_whole
from altasks._internal.random import derive_rng
from altasks.abilities import Embeds, ReadsLabels, provides
from altasks.data import Pool
from altasks.errors import InvalidInputError, UnknownNameError, UnreadableSampleError, invalid
from altasks.loop.base import State
from altasks.loop.candidates import SCORED, CandidateMaker
from altasks.loop.unreadable import to_skip
from altasks.registry import get_acquisition
from altasks.strategies.base import PricesGains, Strategy
from altasks.strategies.budget import check_budget, select_within
from altasks.strategies.wrapping import reads_scores, select_inside, wants


@dataclass(frozen=True)
class AskRequest:
    """How much is asked for: either of the first two.

    Args:
        n: so many samples.
        cost: so much in all.
        per_cost: with `cost`: in the order of score per cost.
        max_sample_cost: with `cost`: leave out samples that cost more than this as well. The
            caller has already warned the user.
    """

    n: int | None = None
    cost: float | None = None
    per_cost: bool = False
    max_sample_cost: float | None = None

    def check(self, strategy: Strategy) -> None:
        """Refuse what can't be asked for."""
        if self.n is None and self.cost is None:
            raise invalid(
                "n", "a whole number of at least 1, or cost=, what the samples may cost", "None"
            )
        if self.n is not None and self.cost is not None:
            raise invalid(
                "n",
                "either n, how many samples, or cost, what they may cost in all",
                f"n={self.n!r} and cost={self.cost!r}",
            )
        if self.n is not None:
            require_whole("n", self.n, 1)
            if self.per_cost:
                raise invalid("per_cost", "False with n; it orders what cost= buys", "True")
            return
        check_budget("cost", self.cost)
        if self.per_cost and not _can_price(strategy):
            raise invalid(
                "per_cost",
                "a strategy that reads the scores, or has a gain of its own",
                f"{type(strategy).__name__}, which reads none",
            )


def _can_price(strategy: Strategy) -> bool:
    return reads_scores(strategy) or provides(strategy, PricesGains)


@dataclass(frozen=True, eq=False)
class Selector:
    """Everything that decides a pick besides the state of the store.

    Args:
        task: with `predict`, or None.
        pool: all samples.
        strategy: picks.
        acquisition: scores; a name or a callable, or None.
        options: keyword arguments of the acquisition function.
        seed: of the loop.
        batch_size: samples per call of the task.
        progress: as in `altasks.score`.
        calibration: as in `altasks.score`.
        untrained: whether the model has learned nothing yet: a strategy that wants its embeddings
            alone is then given those, and no prediction is made.
    """

    task: Any
    pool: Pool
    strategy: Strategy
    acquisition: str | Callable[..., Tensor] | None
    options: Mapping[str, Any] | None
    seed: int
    batch_size: int
    progress: bool | None
    calibration: Any = None
    untrained: bool = False

    def with_strategy(self, strategy: Strategy, *, untrained: bool = False) -> Selector:
        """Return the same with another strategy."""
        return replace(self, strategy=strategy, untrained=untrained)

    @property
    def _only_embeds(self) -> bool:
        reads = (self.strategy.needs | wants(self.strategy)) & SCORED
        alone = reads == {"embeddings"} and not reads_scores(self.strategy)
        return self.untrained and alone and provides(self.task, Embeds)

    def with_labels(self, labels: Callable[[], Mapping[str, Any]]) -> Selector:
        """Return the same with the options that the function makes of the labels there are.

        Args:
            labels: returns all labels by id; called only where the function asks for something.
        """
        function = self.acquisition
        if isinstance(function, str):
            function = get_acquisition(function)
        given = self.options or {}
        wanted = function.from_labels if provides(function, ReadsLabels) else {}
        missing = {name: make for name, make in wanted.items() if name not in given}
        there = list(labels().values()) if missing else []
        if not there:  # nothing to make them of: the function says what it lacks
            return self
        return replace(
            self, options={**given, **{name: make(there) for name, make in missing.items()}}
        )

    @property
    def reads_scores(self) -> bool:
        """Whether the strategy wants scores, or anything else that comes from the model."""
        return reads_scores(self.strategy) or bool(self.strategy.needs & SCORED)

    def score(self, ids: Sequence[str], round: int) -> Any:
        """Return `Scores` of some ids by the task as it is now."""
        from altasks.scoring import score

        if self.task is None:
            raise InvalidInputError(
                f"task: the strategy {type(self.strategy).__name__} reads scores and the loop has "
                "no task to make them. Give ask(n, scores=...), a task, or strategy='random'."
            )
        try:
            if self._only_embeds:
                return self._embedded(ids)
            return score(
                self.task,
                self.pool.subset(ids),
                self.acquisition,
                batch_size=self.batch_size,
                keep=tuple(sorted(self.strategy.needs & SCORED)),
                keep_if_there=tuple(sorted(wants(self.strategy) & SCORED)),
                progress=self.progress,
                round=round,
                acquisition_options=self.options,
                calibration=self.calibration,
            )
        except UnreadableSampleError as error:
            raise to_skip(error, error.skipped) from error

    def _embedded(self, ids: Sequence[str]) -> Any:
        """Return `Scores` that are all 0, with embeddings."""
        from tqdm.auto import tqdm

        from altasks.scoring import Scores
        from altasks.scoring.embeddings import embed_samples

        hidden = None if self.progress is None else not self.progress
        with tqdm(total=len(ids), desc="embedding", unit="sample", disable=hidden) as bar:
            embedded = embed_samples(
                self.task,
                self.pool,
                ids,
                batch_size=self.batch_size,
                width_of=ids[0],
                advance=bar.update,
            )
        return Scores(list(ids), np.zeros(len(ids)), embeddings=embedded)

    def pick(
        self,
        ids: Sequence[str],
        wanted: AskRequest,
        rounds: tuple[int, int],
        state: State,
        scores: Any,
        costs: Mapping[str, float],
        labels: Callable[[], Mapping[str, Any]] = dict,
    ) -> tuple[list[str], list[float | None]]:
        """Return as many of `ids` (rows of `scores`, if any) as are wanted, and their scores.

        `rounds` are that of the ask, and the one that the committee draws for. Asked by cost, or
        for a strategy that needs them, `costs` has what each costs. `labels` is
        called where a strategy reads what is held out of them.
        """
        rng = derive_rng(self.seed, "ask", rounds[0])
        maker = CandidateMaker(
            self.task, self.pool, self.strategy, self.seed, self.batch_size, self.calibration
        )
        try:
            candidates = maker.make(
                ids,
                scores,
                labelled=state.labelled,
                pending=state.pending,
                round=rounds[1],
                costs=costs,
                labels=labels,
            )
        except UnreadableSampleError as error:
            raise to_skip(error, error.skipped) from error
        if wanted.cost is None:
            assert wanted.n is not None
            # A strategy's picks are written to the store, for good: they are checked first.
            picks = select_inside(self.strategy, candidates, min(int(wanted.n), len(ids)), rng)
        else:
            # A cold start may read no scores, which is no reason to refuse the later asks.
            dense = wanted.per_cost and _can_price(self.strategy)
            picks = select_within(
                self.strategy, candidates, wanted.cost, rng=rng, per_cost=dense
            ).picks
        if scores is None or self._only_embeds:
            return picks, [None] * len(picks)
        chosen = set(picks)
        values = zip(ids, scores.values, strict=True)
        value = {name: float(v) for name, v in values if name in chosen}
        return picks, [value[name] for name in picks]

    def describe(self, ids: Sequence[str], round: int) -> dict[str, Any]:
        """Return the task's description of each id, as JSON; empty if it has none."""
        from altasks.scoring.describe import describe_samples

        try:
            return describe_samples(
                self.task, self.pool, ids, batch_size=self.batch_size, round=round
            )
        except UnreadableSampleError as error:
            raise to_skip(error, error.skipped) from error


def given_scores(scores: Any, pool: Pool) -> Any:
    """Return scores made elsewhere as `Scores`, checked against the pool.

    Args:
        scores: a dict from id to number (of all of the pool, or of the part to ask from), a
            `Scores`, or an array or list with one number for each sample, in the pool's order; or
            a pandas Series, see `ids_by_index`.
        pool: whose ids they are of.

    Raises:
        UnknownNameError: for an id that is not in the pool.
        InvalidInputError: for a length that isn't the pool's (or that of the ids, in a `Scores`),
            or a score that isn't finite.
    """
    from altasks.scoring import Scores

    if not isinstance(scores, Scores | Mapping):
        by_id = ids_by_index(scores, "scores", positional=pool.positional, ids=pool)
        scores = scores if by_id is None else by_id
    if isinstance(scores, Scores):
        table = replace(scores, values=_vector(scores.values))
        if len(table.values) != len(table.ids):
            raise invalid(
                "scores", f"a value for each of its {len(table.ids)} ids", f"{len(table.values)}"
            )
    elif isinstance(scores, Mapping):
        table = Scores(list(scores), _vector(list(scores.values())))
    else:
        values = _vector(scores)
        if len(values) != len(pool):
            raise invalid(
                "scores",
                f"one score for each of the {len(pool)} samples of the pool, in its order",
                f"{len(values)}",
                hint="A dict from id to score may cover a part of the pool.",
            )
        table = Scores(list(pool.ids), values)
    if table.ids != pool.ids:
        missing = pool.first_missing(table.ids)
        if missing is not None or None in table.ids:
            raise UnknownNameError(f"scores: {unknown_id(missing, pool)}")
    if not np.isfinite(table.values).all():
        row = int(np.flatnonzero(~np.isfinite(table.values))[0])
        raise invalid(
            "scores", "finite numbers", f"{table.values[row]}", where=f"id {table.ids[row]!r}"
        )
    return table


def _vector(values: Any) -> np.ndarray:
    array = (
        values.detach().cpu().double().numpy()  # by way of double: NumPy has no bfloat16
        if isinstance(values, Tensor)
        else plain_array(values, "scores", "numbers, shape [N]")
    )
    if array.ndim != 1 or array.dtype.kind not in "fiub":
        raise invalid("scores", "numbers, shape [N]", f"{array.dtype} of shape {list(array.shape)}")
    return array.astype(np.float64)


def unknown_id(name: Any, pool: Pool) -> str:
    """Return what is wrong with an id that is not in the pool, and the closest that is."""
    import difflib
    from itertools import islice

    if not isinstance(name, str):
        hint = f" Did you mean {str(name)!r}?" if str(name) in pool else ""
        return f"expected ids that are strings, found {type(name).__name__} {name!r}.{hint}"
    # Closeness is quadratic in the lengths: of a big pool, only ids of about this length count.
    alike = (one for one in pool.ids if abs(len(one) - len(name)) <= 2)
    close = difflib.get_close_matches(name, islice(alike, 20_000), n=1)
    hint = f" Did you mean {close[0]!r}?" if close else f" It begins with {pool.ids[0]!r}."
    return f"expected an id of the pool of {len(pool)} samples, found {name!r}.{hint}"

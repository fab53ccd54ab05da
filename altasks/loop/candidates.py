"""What a strategy reads beside the ids: what scoring kept, and what is labelled and pending."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from altasks._internal.random import derive_rng
from altasks.abilities import Embeds, provides
from altasks.errors import InvalidInputError
from altasks.loop.held_out import HELD_OUT, are_classes, held_out
from altasks.strategies.base import Candidates, Strategy
from altasks.strategies.wrapping import wants

if TYPE_CHECKING:
    from altasks.data import Pool
    from altasks.scoring import Scores

#: The fields of `Candidates` that scoring can keep.
SCORED = frozenset({"embeddings", "mean_probs", "draws", "objects"})
#: Those that are made of labelled samples.
OF_LABELLED = HELD_OUT | {"labelled_embeddings", "labelled_probs", "labelled_objects"}


def reads(strategy: Strategy) -> frozenset[str]:
    """Return the fields of `Candidates` that a strategy needs, and those it would like.

    Example:
        >>> from altasks.strategies import TypiClust
        >>> sorted(reads(TypiClust()))
        ['embeddings', 'labelled_embeddings', 'pending_embeddings']
    """
    return strategy.needs | wants(strategy)


@dataclass(frozen=True, eq=False)
class CandidateMaker:
    """Fills the fields that a strategy reads, for a loop and for `altasks rank` alike.

    Args:
        task: embeds and predicts what is labelled and pending, where that is read.
        pool: with the candidates, and all that is labelled or pending.
        strategy: says what it reads.
        seed: of the folds of what is held out.
        batch_size: samples per call of the task.
        calibration: as in `altasks.score`.

    Example:
        >>> import altasks as al
        >>> class Line:
        ...     def embed(self, samples):
        ...         return np.array([[x, 1.0] for x in samples])
        >>> pool = al.as_pool({"a": 0.25, "b": 0.5, "c": 0.75})
        >>> maker = CandidateMaker(Line(), pool, al.KCenter(), 0, 8)
        >>> kept = al.scoring.Scores(["a", "b"], np.zeros(2), Line().embed([0.25, 0.5]))
        >>> maker.make(kept.ids, kept, labelled={"c"}).labelled_embeddings.tolist()
        [[0.75, 1.0]]
    """

    task: Any
    pool: Pool
    strategy: Strategy
    seed: int
    batch_size: int
    calibration: Any = None

    def make(
        self,
        ids: Sequence[str],
        scores: Scores | None,
        *,
        labelled: Collection[str] = (),
        pending: Sequence[str] = (),
        round: int = 0,
        costs: Mapping[str, float] | None = None,
        labels: Callable[[], Mapping[str, Any]] = dict,
    ) -> Candidates:
        """Return the candidates with what the strategy reads of them.

        Args:
            ids: of the candidates, at least one.
            scores: whose rows are those ids; None: all score 0.
            labelled: ids of what is labelled.
            pending: ids of what was asked and not answered.
            round: the round that the committee draws for.
            costs: id -> what it costs, where that counts.
            labels: returns labels by id; called where the strategy reads what is held out of them.

        Raises:
            InvalidInputError: for a strategy that reads embeddings, of a task without.
            UnreadableSampleError: for labelled or pending samples that can't be read.
        """
        needs, known = self.strategy.needs, reads(self.strategy)
        fields: dict[str, Any] = {}
        if scores is not None:
            fields = {name: getattr(scores, name, None) for name in known & SCORED}
        inside = []
        if known & OF_LABELLED:
            inside = [name for name in self.pool.ids if name in labelled]
        for name, some in (("labelled_embeddings", inside), ("pending_embeddings", pending)):
            if name in needs:
                fields[name] = self._embed(some, ids[0])
        for name, some in (("labelled_probs", inside), ("pending_probs", pending)):
            if name in known:
                fields[name] = self._kept("mean_probs", some, ids[0], round)
        for name, some in (("labelled_objects", inside), ("pending_objects", pending)):
            if name in known:
                fields[name] = self._kept("objects", some, ids[0], round)
        if wants(self.strategy) & HELD_OUT and (probs := fields.get("mean_probs")) is not None:
            embeddings = fields.get("labelled_embeddings")
            fields |= self._held_out(inside, labels, embeddings, probs, round)
        if costs:
            fields["costs"] = [costs[name] for name in ids]
        values = np.zeros(len(ids)) if scores is None else scores.values
        return Candidates(ids, values, **fields)

    def _held_out(
        self,
        ids: Sequence[str],
        labels: Callable[[], Mapping[str, Any]],
        embeddings: Any,
        mean_probs: np.ndarray,
        round: int,
    ) -> dict[str, Any]:
        """Return what a last layer refitted by folds says of the labelled samples, if it can."""
        known = labels()
        rows = [row for row, name in enumerate(ids) if name in known]
        names = [ids[row] for row in rows]
        values = [known[name] for name in names]
        if embeddings is None or not are_classes(values):
            return {}
        rng = derive_rng(self.seed, "held out", round)
        probs, right = held_out(embeddings[rows], values, names, mean_probs, rng)
        return {"held_out_probs": probs, "held_out_labels": right}

    def _kept(self, what: str, ids: Sequence[str], other: str, round: int) -> Any:
        """Return what scoring keeps of some samples, a row for each; `other` is a candidate."""
        from altasks.scoring import score

        scores = score(
            self.task,
            # Of no samples, the width of a row still has to be known, as in `_embed`.
            self.pool.subset(list(ids) or [other]),
            _unscored,
            batch_size=self.batch_size,
            keep=(what,),
            progress=False,
            round=round,
            calibration=self.calibration,
        )
        return getattr(scores, what)[: len(ids)]

    def _embed(self, ids: Sequence[str], other: str) -> np.ndarray:
        """Return `[len(ids), d]`, by batches; `other` is a candidate."""
        if not provides(self.task, Embeds):
            raise InvalidInputError(
                f"task: the strategy {type(self.strategy).__name__} reads the embeddings of what "
                "is labelled and asked, and there is no task with embed() to make them. Give one, "
                "or another strategy."
            )
        from altasks.scoring.embeddings import embed_samples

        return embed_samples(self.task, self.pool, ids, batch_size=self.batch_size, width_of=other)


def _unscored(prediction: Any) -> Tensor:
    """Return 0 for each sample: only what is kept beside the scores is wanted."""
    return torch.zeros(len(prediction))

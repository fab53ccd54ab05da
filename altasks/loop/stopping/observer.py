"""Looks at each model of a loop once, and keeps in the store what it saw."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from altasks._internal.jsonable import to_json
from altasks._internal.random import derive_rng
from altasks.abilities import StartsRounds, StreamingPredictor, Trainable, provides
from altasks.calibration import calibrate_for
from altasks.data import Pool
from altasks.errors import UnreadableSampleError
from altasks.loop.base import LoggedFit, Store
from altasks.loop.fit_log import FitLog
from altasks.loop.stopping.agreement import agree
from altasks.loop.stopping.answers import Answers, answers_of
from altasks.loop.stopping.base import Observation
from altasks.strategies import id_hashes

#: How many samples are predicted after each fit; fewer of those too big for one prediction.
STOP_SET, STREAMED_STOP_SET = 1_000, 50
#: Where the store keeps it: the ids, the answers of the last fit, and what was seen of each.
KEY = "stopping"


class Observer:
    """Predicts the stop set after a fit, and compares it with what the fit before said.

    The stop set is drawn from the pool by the loop's seed when it is first needed, and stays: what
    is labelled later is not taken out of it. A committee draws alike each time (as for round 0),
    so that its draws don't count as a change.

    Args:
        task: which predicts.
        pool: the samples.
        store: where everything is kept, in one value.
        fit_log: brings the task to the last fit.
        seed: of the loop.
        batch_size: samples per call of the task.
        calibration: as in `altasks.score`.
    """

    def __init__(
        self,
        task: Any,
        pool: Pool,
        store: Store,
        fit_log: FitLog,
        seed: int,
        batch_size: int,
        calibration: Any,
    ) -> None:
        self.task, self.pool, self.store, self.fit_log = task, pool, store, fit_log
        self.seed, self.batch_size, self.calibration = seed, batch_size, calibration

    def observations(self) -> list[Observation]:
        """Return what was seen of each fit, the last one looked at now if it wasn't before."""
        last = self.fit_log.catch_up_with_store() if provides(self.task, Trainable) else None
        kept: dict[str, Any] = self.store.get(KEY) or {}
        seen: list[dict[str, Any]] = list(kept.get("seen", []))
        latest = kept.get("latest", {})
        # The same labels give the same model: nothing to compare.
        if last is not None and latest.get("labels") != last.labels_hash:
            ids = kept.get("ids") or self._drawn()
            kept = self._looked_at(last, ids, latest)
            seen = [*(one for one in seen if one["fit"] != last.fit), kept.pop("now")]
            self.store.put(KEY, {"ids": ids, "seen": seen, **kept})
        return [Observation(**one) for one in seen]

    def _drawn(self) -> list[str]:
        most = STREAMED_STOP_SET if provides(self.task, StreamingPredictor) else STOP_SET
        hashes = id_hashes(self.pool.ids, derive_rng(self.seed, "stop set"))
        return [self.pool.ids[row] for row in hashes.argsort(kind="stable")[:most].tolist()]

    def _looked_at(
        self, fit: LoggedFit, ids: Sequence[str], latest: dict[str, Any]
    ) -> dict[str, Any]:
        answers = self._predicted([name for name in ids if name in self.pool])
        before = latest.get("answers", {}) if latest.get("kind") == answers.kind else {}
        names = [name for name in answers.by_id if name in before]
        found = None
        if names:
            found = agree(
                answers.kind, [before[one] for one in names], [answers.by_id[one] for one in names]
            )
        doubts = [one for one in answers.uncertainty if one is not None]
        now = Observation(
            fit.fit,
            fit.round,
            fit.n_labels,
            len(names),
            None if found is None else found.agreement,
            None if found is None else found.changed,
            math.fsum(doubts) / len(doubts) if doubts else None,
        )
        return {
            "now": vars(now),
            "latest": {
                "fit": fit.fit,
                "labels": fit.labels_hash,
                "kind": answers.kind,
                "answers": to_json(answers.by_id, "answers"),
            },
        }

    def _predicted(self, ids: Sequence[str]) -> _Predicted:
        task = self.task
        calibrate = None
        if self.calibration is not None:
            self._same_draws()
            calibrate = calibrate_for(task, self.calibration)
        self._same_draws()
        found = _Predicted()
        for start in range(0, len(ids), self.batch_size):
            batch = list(ids[start : start + self.batch_size])
            samples = []
            for name in list(batch):
                try:
                    samples.append(self.pool[name])
                except Exception:  # whatever a damaged file raises: asks name it
                    batch.remove(name)
            if not batch:
                continue
            try:
                found.add(batch, answers_of(task, samples, calibrate))
            except UnreadableSampleError as error:
                left = [row for row in range(len(batch)) if row not in error.rows]
                if len(left) == len(batch):
                    raise
                if left:
                    kept = [samples[row] for row in left]
                    found.add([batch[row] for row in left], answers_of(task, kept, calibrate))
        return found

    def _same_draws(self) -> None:
        if provides(self.task, StartsRounds):
            self.task.start_round(0)


class _Predicted:
    """Answers by id, batch by batch."""

    def __init__(self) -> None:
        self.kind = ""
        self.by_id: dict[str, Any] = {}
        self.uncertainty: list[float | None] = []

    def add(self, ids: Sequence[str], answers: Answers) -> None:
        self.kind = answers.kind
        self.by_id |= dict(zip(ids, answers.values, strict=True))
        self.uncertainty += answers.uncertainty

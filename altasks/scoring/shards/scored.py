"""Score one shard of a pool and keep the result in a file."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from torch import Tensor

from altasks._internal.numbers import require_whole
from altasks.abilities import DefaultAcquisition, HasCommittee, provides
from altasks.data import Pool, as_pool
from altasks.errors import UnreadableSampleError
from altasks.scoring.score import score
from altasks.scoring.scores import KEEPABLE, Scores
from altasks.scoring.shards.candidates import By, candidate_rows, check_candidates
from altasks.scoring.shards.part import Part, check_json, write_part
from altasks.scoring.shards.plan import Shard, shard_ids
from altasks.scoring.shards.recipe import digest_pool, digest_weights, name_of, settings_of

__all__ = ["made_part", "score_shard"]


def score_shard(
    task: Any,
    pool: Any,
    acquisition: str | Callable[..., Tensor] | None = None,
    *,
    shard: str | tuple[int, int],
    out: Path | str,
    keep: Collection[str] = (),
    candidates: int = 1000,
    candidates_by: By = "score",
    seed: int = 0,
    batch_size: int = 32,
    round: int = 0,
    acquisition_options: Mapping[str, Any] | None = None,
    calibration: Any = None,
    unreadable: Literal["error", "skip"] = "error",
    progress: bool | None = None,
    workers: int | None = None,
    fingerprint: str | None = None,
    about: Mapping[str, Any] | None = None,
) -> Scores:
    """Score one part of a pool, and write it to a file for `merge_shards`.

    Every machine gets the whole pool and the same task, and scores its own shard of it. Shards are
    whole batches of those that one process would make, so that the merged scores are, bit for bit,
    those of `score` on the same kind of machine; where a sample can't be read, or a pool
    decodes its samples as they are fetched, a batch may be another one, with a difference in the
    last digits (and, of MC dropout over all layers, other draws).

    What is kept for strategies is that of `candidates` samples a shard, so a part is as small for
    a strategy that reads embeddings as the batch it picks from: N floats, and `candidates` rows.

    Args:
        task: as in `altasks.score`.
        pool: the whole pool, the same on every machine.
        acquisition: as in `altasks.score`.
        shard: which part of how many, `"3/16"` or `(3, 16)`, counted from 1.
        out: the file to write; it appears whole or not at all, in place of what was there.
        keep: what to keep of the candidates, for strategies: as in `altasks.score`, where all
            samples' are in memory while their shard is scored.
        candidates: how many of the shard are candidates for strategies that read what is kept.
            Ten times the batch is a good number; see `docs/how-to/big_pools.md` for what it loses.
        candidates_by: which: `"score"`, the highest, for strategies that pick among what the model
            doubts; `"drawn"`, a uniform draw, for those that cover the pool and read no scores;
            `"both"`, half of each.
        seed: of that draw, and of equal scores.
        batch_size: as in `altasks.score`; the same in all shards.
        round: as in `altasks.score`.
        acquisition_options: as in `altasks.score`.
        calibration: as in `altasks.score`.
        unreadable: as in `altasks.score`; with `"error"` nothing is written.
        progress: as in `altasks.score`.
        workers: as in `altasks.score`.
        fingerprint: what the model is known by, the same in all shards; None: a digest of the
            weights that can be seen.
        about: JSON to keep beside the scores, such as when and where they were made.

    Returns:
        The scores of the shard, with all that was kept.

    Raises:
        InvalidInputError: as `altasks.score`, and for a shard that there can't be.
        UnreadableSampleError: as `altasks.score`.
        ScoringInterruptedError: as `altasks.score`; nothing is written.

    Example:
        >>> import altasks as al, tempfile
        >>> class Coin:
        ...     def predict(self, samples):
        ...         return al.Categorical([[x, 1 - x] for x in samples])
        >>> pool = {"sure": 0.99, "torn": 0.5, "so so": 0.7}
        >>> folder = Path(tempfile.mkdtemp())
        >>> for i in (1, 2):
        ...     _ = al.score_shard(Coin(), pool, "entropy", shard=(i, 2), out=folder / f"part-{i}")
        >>> al.merge_shards(sorted(folder.glob("part-*"))).scores.top(2)
        ['torn', 'so so']
    """
    chosen, samples = Shard.read(shard), as_pool(pool)
    check_candidates(candidates, candidates_by)
    require_whole("seed", seed, 0)
    about = dict(about or {})
    check_json(about, "about")
    options = dict(acquisition_options or {})
    if acquisition is None and provides(task, DefaultAcquisition):
        acquisition = task.default_acquisition
    recipe = {
        "model": fingerprint or digest_weights(task),
        "task": settings_of(task),
        "committee": settings_of(task.committee) if provides(task, HasCommittee) else None,
        "acquisition": name_of(acquisition),
        "acquisition_options": {name: _plain(value) for name, value in options.items()},
        "calibration": name_of(calibration),
        "batch_size": int(require_whole("batch_size", batch_size, 1)),
        "round": int(require_whole("round", round, 0)),
    }
    ids = shard_ids(task, samples, chosen, batch_size)
    found = Scores([], np.zeros(0))
    try:
        if ids:
            found = score(
                task,
                samples.subset(ids),
                acquisition,
                batch_size=batch_size,
                keep=keep,
                progress=progress,
                round=round,
                acquisition_options=acquisition_options,
                unreadable=unreadable,
                calibration=calibration,
                workers=workers,
            )
    except UnreadableSampleError as error:
        if unreadable == "error":
            raise
        found = Scores([], np.zeros(0), skipped=error.skipped)  # none of this shard's
    rows = candidate_rows(found, candidates, candidates_by, seed)
    write_part(
        Path(out), made_part(samples, chosen, found, rows, keep=keep, recipe=recipe, about=about)
    )
    return found


def made_part(
    pool: Pool,
    shard: Shard,
    scores: Scores,
    rows: np.ndarray,
    *,
    keep: Collection[str],
    recipe: Mapping[str, Any],
    about: Mapping[str, Any],
) -> Part:
    """Return the part of a shard that was scored.

    Args:
        pool: the whole of it.
        shard: which.
        scores: of the shard, with what was kept.
        rows: which of them are candidates.
        keep: what was to be kept.
        recipe: what all parts share; the pool, its size and what was kept are added.
        about: what they need not share.
    """
    arrays = {
        name: array[rows]
        for name in KEEPABLE
        if (array := getattr(scores, name)) is not None and len(scores)
    }
    return Part(
        shard,
        {
            **recipe,
            "kept": sorted(keep),
            "pool": digest_pool(pool),
            "samples": len(pool),
        },
        about,
        np.array([pool.position(name) for name in scores.ids], np.int64),
        Scores(scores.ids, scores.values),
        rows if arrays else rows[:0],
        arrays,
        {pool.position(name): (name, found) for name, found in scores.skipped.items()},
    )


def _plain(value: Any) -> Any:
    """Return an option as JSON that compares; of an array its numbers, of others the name."""
    if hasattr(value, "tolist"):
        return value.tolist()
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else name_of(value)

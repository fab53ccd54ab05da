"""One ranking from the files of all shards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from altasks._internal.numbers import require_whole
from altasks._internal.random import derive_rng
from altasks.errors import InvalidInputError, invalid
from altasks.scoring.scores import KEEPABLE, Scores
from altasks.scoring.shards.part import Part, read_part
from altasks.strategies.base import Candidates, Strategy
from altasks.strategies.wrapping import as_strategy, select_inside, wants

__all__ = ["MergedScores", "merge_shards"]

#: Fields about what is labelled or pending -> those of the candidates with rows like theirs.
_OF_OTHERS = {
    f"{whose}_{name}": own
    for whose in ("labelled", "pending")
    for name, own in (("embeddings", "embeddings"), ("probs", "mean_probs"), ("objects", "objects"))
}
#: How many names a message lists.
_SHOWN = 5


@dataclass(frozen=True, eq=False)
class MergedScores:
    """What all shards of a pool have scored.

    Attributes:
        scores: of the whole pool, in its order, without arrays.
        candidates: those that each shard kept arrays of, with these; None if none were kept.
        recipe: what the parts share: model, function, pool and the like.
        about: what each part says of itself, by the number of its shard.
    """

    scores: Scores
    candidates: Scores | None
    recipe: Mapping[str, Any]
    about: Mapping[int, Mapping[str, Any]]

    def seen_by(self, strategy: Strategy) -> Scores:
        """Return what a strategy picks from: all samples, or the candidates if it reads arrays."""
        reads = (strategy.needs | wants(strategy)) & {*KEEPABLE}
        some = self.candidates
        if some is not None and any(getattr(some, name) is not None for name in reads):
            return some
        return self.scores

    def select(
        self, strategy: Strategy | str, n: int, *, seed: int = 0, **fields: Any
    ) -> list[str]:
        """Return the ids that a strategy picks, best first.

        Args:
            strategy: or its name. One that reads embeddings, probabilities or objects picks among
                the candidates, any other among all samples.
            n: how many; all there are if fewer.
            seed: of random strategies, and of ties.
            fields: what else it reads of `Candidates`, such as `labelled_embeddings=`, without
                which nothing counts as labelled; `costs` as a mapping from id to cost.

        Raises:
            InvalidInputError: for a strategy that reads what was not kept, or more picks than
                candidates.

        Example:
            >>> scores = Scores(["a", "b"], np.array([0.1, 0.9]))
            >>> MergedScores(scores, None, {}, {}).select("top_k", 1)
            ['b']
        """
        chosen = as_strategy(strategy)
        count = min(require_whole("n", n, 0), len(self.scores))
        seen = self.seen_by(chosen)
        check_count(seen, self.scores, count)
        if isinstance(costs := fields.get("costs"), Mapping):
            fields = {**fields, "costs": [costs[name] for name in seen.ids]}
        arrays: dict[str, Any] = {name: getattr(seen, name) for name in KEEPABLE}
        for known, own in _OF_OTHERS.items():  # nothing is labelled or pending, if nothing is said
            if (array := arrays[own]) is not None and known in chosen.needs:
                arrays[known] = array[:0]
        candidates = Candidates(seen.ids, seen.values, **{**arrays, **fields})
        return select_inside(chosen, candidates, count, derive_rng(seed, "rank"))


def check_count(seen: Scores, scores: Scores, count: int, argument: str = "n") -> None:
    """Refuse to pick more than there are candidates, where there are more samples.

    Raises:
        InvalidInputError: naming both numbers.
    """
    if count > len(seen):
        raise invalid(
            argument, f"at most {len(seen)}, the candidates that the shards kept", f"{count}",
            hint=f"There are {len(scores)} samples: score with more candidates a shard, or pick by "
            "a strategy that reads scores alone.",
        )  # fmt: skip


def merge_shards(parts: Sequence[Path | str]) -> MergedScores:
    """Return the scores of a pool from the files of its shards.

    Args:
        parts: of `score_shard` or `altasks score`: each shard once, in any order.

    Raises:
        InvalidInputError: naming the file: for one that is missing, damaged, half written or no
            part; a shard that is missing or there twice; parts of another model, pool or function.

    Example:
        See `altasks.score_shard`.
    """
    if isinstance(parts, str | Path) or not len(parts):
        raise invalid("parts", "the files of all shards", repr(parts))
    paths = [Path(one) for one in parts]
    found = [read_part(path) for path in paths]
    _check_recipes(paths, found)
    _check_numbers(paths, found)
    order = sorted(range(len(found)), key=lambda place: found[place].shard.number)
    paths, found = [paths[place] for place in order], [found[place] for place in order]
    first = found[0]
    whole = int(first.recipe["samples"])
    _check_rows(paths, found, whole)
    ids, values = _in_pool_order(found)
    skipped = {
        name: why
        for _, (name, why) in sorted(
            (row, what) for part in found for row, what in part.skipped.items()
        )
    }
    if not ids:
        raise invalid("parts", "at least one sample that could be scored", "none")
    return MergedScores(
        Scores(ids, values, skipped=skipped),
        _candidates(paths, found),
        first.recipe,
        {part.shard.number: part.about for part in found},
    )


def _in_pool_order(found: Sequence[Part]) -> tuple[list[str], np.ndarray]:
    order = np.argsort(np.concatenate([part.positions for part in found]), kind="stable")
    names = [name for part in found for name in part.scores.ids]
    values = np.concatenate([part.scores.values for part in found])
    return [names[place] for place in order.tolist()], values[order]


def _candidates(paths: Sequence[Path], found: Sequence[Part]) -> Scores | None:
    """Return the candidates of all shards in the pool's order, with what was kept of them."""
    some = [place for place, part in enumerate(found) if len(part.kept)]
    if not some:
        return None
    first = found[some[0]]
    for place in some:
        for name in KEEPABLE:
            shapes = [
                None if (array := part.arrays.get(name)) is None else array.shape[1:]
                for part in (first, found[place])
            ]
            if shapes[0] != shapes[1]:
                raise invalid(
                    "parts",
                    f"{name} of one shape in all parts",
                    f"{_shape(shapes[0])} in {paths[some[0]]} and {_shape(shapes[1])} in "
                    f"{paths[place]}",
                )
    parts = [found[place] for place in some]
    order = np.argsort(np.concatenate([part.positions[part.kept] for part in parts]))
    names = [part.scores.ids[row] for part in parts for row in part.kept.tolist()]
    values = np.concatenate([part.scores.values[part.kept] for part in parts])
    arrays: dict[str, Any] = {
        name: np.concatenate([part.arrays[name] for part in parts])[order] for name in first.arrays
    }
    return Scores([names[place] for place in order.tolist()], values[order], **arrays)


def _shape(shape: Sequence[int] | None) -> str:
    return "none" if shape is None else str(list(shape))


def _check_recipes(paths: Sequence[Path], found: Sequence[Part]) -> None:
    first = found[0]
    for path, part in zip(paths, found, strict=True):
        if part.shard.of != first.shard.of:
            raise invalid(
                "parts",
                "shards of one scoring",
                f"{first.shard} in {paths[0]} and {part.shard} in {path}",
            )
        for name in dict.fromkeys([*first.recipe, *part.recipe]):
            one, other = first.recipe.get(name), part.recipe.get(name)
            if one != other:
                raise invalid(
                    "parts",
                    f"the same {name.replace('_', ' ')} in all parts",
                    f"{_short(one)} in {paths[0]} and {_short(other)} in {path}",
                    hint="They are parts of different scorings.",
                )


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:197]}..."


def _check_numbers(paths: Sequence[Path], found: Sequence[Part]) -> None:
    of = found[0].shard.of
    place_of: dict[int, Path] = {}
    for path, part in zip(paths, found, strict=True):
        if part.shard.number in place_of:
            raise invalid(
                "parts",
                "each shard once",
                f"{part.shard} in {place_of[part.shard.number]} and in {path}",
            )
        place_of[part.shard.number] = path
    missing = [f"{number}/{of}" for number in range(1, of + 1) if number not in place_of]
    if missing:
        more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
        raise invalid(
            "parts",
            f"all {of} shards",
            f"{len(found)}; {', '.join(missing[:_SHOWN])}{more} missing",
            hint=f"Score what is missing (--shard {missing[0]}), or name its file too.",
        )


def _check_rows(paths: Sequence[Path], found: Sequence[Part], whole: int) -> None:
    """Refuse parts that together aren't the pool: made by versions that cut it differently, say."""
    owner = np.full(whole, -1, np.int64)
    for place, (path, part) in enumerate(zip(paths, found, strict=True)):
        rows = np.concatenate([part.positions, np.array([*part.skipped], np.int64)])
        if len(rows) and (rows.min() < 0 or rows.max() >= whole):
            raise invalid("parts", f"rows of a pool of {whole}", f"{rows.max()} in {path}")
        taken = owner[rows] >= 0
        if taken.any() or len(np.unique(rows)) != len(rows):
            other = paths[int(owner[rows][taken][0])] if taken.any() else path
            raise invalid("parts", "each sample in one part", f"some in {other} and in {path}")
        owner[rows] = place
    if (owner < 0).any():
        row = int(np.flatnonzero(owner < 0)[0])
        raise InvalidInputError(
            f"parts: {int((owner < 0).sum())} of the {whole} samples of the pool are in no part, "
            f"the first of them in row {row}: the shards were not cut from the same pool by the "
            "same version of altasks."
        )

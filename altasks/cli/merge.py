"""`altasks merge`: the queue of `altasks rank`, from the scores in the parts of a pool."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any

from rich.console import Console

from altasks.cli.files import check_distinct
from altasks.cli.option_names import option_names
from altasks.cli.rank import make_queue, report, write_queue
from altasks.cli.rank_job import RankJob, prepare
from altasks.cli.rank_summary import Printer
from altasks.cli.rankers.base import RankRequest
from altasks.cli.rankers.find import find_ranker
from altasks.cli.score import recipe_of
from altasks.errors import invalid


@dataclass(frozen=True)
class MergeOrder:
    """One `altasks merge`.

    Attributes:
        parts: files that `altasks score` wrote.
        out: the queue to write.
        number: how many to pick; None: as the parts were made for.
        moved: `pool`, `model`, `labelled`, `device` -> where it is now; None: where it was.
        sheet: the contact sheet to write, if any.
        force: whether files that exist are overwritten.
    """

    parts: Sequence[Path]
    out: Path
    number: int | None = None
    moved: Mapping[str, Any] | None = None
    sheet: Path | None = None
    force: bool = False


def run_merge(order: MergeOrder, console: Console | None = None) -> None:
    """Merge the parts, pick, write the queue, and print what is in it.

    Model and pool are loaded once more, for what the model thinks of the picks; they have to be
    those that were scored.

    Raises:
        AltasksError: for parts that don't belong together, another pool or model, or an option or
            file that can't be used; nothing is written then.
    """
    from altasks.scoring.shards.merged import check_count, merge_shards
    from altasks.scoring.shards.recipe import digest_pool

    check_distinct(
        {"--out": order.out, "--sheet": order.sheet},
        {f"part {place}": path for place, path in enumerate(order.parts, start=1)},
        replaceable=lambda _: False,
    )
    merged = merge_shards(order.parts)
    if "request" not in merged.about[1]:
        raise invalid(
            "parts", "parts that `altasks score` wrote", f"those of score_shard: {order.parts[0]}",
            hint="Python merges them: altasks.merge_shards(parts).",
        )  # fmt: skip
    job = prepare(_request(merged.about[1]["request"], order), Printer(console or Console()))
    _check_recipe(job, merged.recipe)
    if digest_pool(job.pool) != merged.recipe["pool"]:
        raise invalid(
            "--pool",
            f"the pool that was scored, of {merged.recipe['samples']:,} samples without those of "
            "--labelled",
            f"another one, of {len(job.pool):,}",
            where=str(job.request.pool),
        )
    with option_names(job.flags):
        data = job.data()
        seen = merged.seen_by(job.strategy)
        wanted = min(job.request.number, len(merged.scores))
        check_count(seen, merged.scores, wanted, "--number")
        queue = make_queue(job, data, seen)
    write_queue(job, queue)
    if seen is not merged.scores:
        job.show(
            f"Picked among {len(seen):,} candidates of {merged.recipe['samples']:,} samples, those "
            f"that the shards kept ({merged.recipe['candidates_by']})."
        )
    report(job, queue, merged.scores, data)


def _request(given: Mapping[str, Any], order: MergeOrder) -> RankRequest:
    """Return the request that the parts were made by, with what is elsewhere now."""
    ranker = find_ranker(given["task"])
    kinds = {option.name: option.type for option in ranker.options}
    options = {
        name: _typed(value, kinds[name])
        for name, value in given["options"].items()
        if name in kinds
    }
    if order.sheet is not None:
        options["sheet"] = order.sheet
    paths = {
        name: Path(given[name])
        for name in ("pool", "labelled", "target")
        if given[name] is not None
    }
    moved = {name: one for name, one in (order.moved or {}).items() if one is not None}
    request = RankRequest(**{**given, **paths, "options": options, **moved, "out": order.out})
    number = request.number if order.number is None else order.number
    return replace(request, number=number, force=order.force)


def _typed(value: Any, kind: Any) -> Any:
    """Return a value of JSON as the option's type."""
    made = isinstance(kind, type) and issubclass(kind, Path | Enum)
    return kind(value) if made and value is not None else value


def _check_recipe(job: RankJob, recipe: Mapping[str, Any]) -> None:
    """Refuse a model, or a file that an option names, that isn't what was scored with."""
    for name, value in recipe_of(job).items():
        if name in recipe and name != "number" and recipe[name] != value:
            raise invalid(
                f"--{name.replace('_', '-')}",
                "what the parts were scored with",
                "another, or one that has changed since",
                where=str(getattr(job.request, name, job.request.options.get(name))),
            )

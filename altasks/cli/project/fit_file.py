"""A labels file and a checkpoint in, a saved model out: `altasks fit --task`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from altasks._internal.jsonable import to_json
from altasks._version import __version__
from altasks.cli.compare import key_of
from altasks.cli.option_names import option_names
from altasks.cli.project.saving import check_folder, save_task
from altasks.cli.project.session import Talk
from altasks.cli.project.steps import count
from altasks.cli.rankers.base import CompareRequest, compare_options_of
from altasks.cli.rankers.find import find_ranker
from altasks.cli.rankers.labelled_files import settings_in
from altasks.cli.stamps import stamp
from altasks.errors import invalid

#: What a model was made from, beside its weights.
NAME = "altasks-fit.json"
_RENAMED = {"--pool": "--data"}


def fit_file(given: Mapping[str, Any], own: Mapping[str, Any], talk: Talk) -> None:
    """Train on a file of labels, and save the model; nothing is done twice.

    Args:
        given: the values of the options that every task has, by name.
        own: those of the task.
        talk: to whoever runs it.

    Raises:
        InvalidInputError: naming the option.
    """
    for name, wanted in (("data", "labelled samples: a file or a folder"), ("out", "a folder")):
        if given[name] is None:
            raise invalid(f"--{name}", wanted, "none")
    out: Path = given["out"]
    check_folder(out, force=given["force"])
    request = CompareRequest(
        task=given["task"],
        pool=given["data"],
        out=out,
        model=given["model"],
        id_column=given["id_column"],
        batch_size=given["batch_size"],
        device=given["device"],
        seed=given["seed"] or 0,
        options=dict(own),
        format=given["format"],
        reader_options=settings_in(given["reader_option"], "--reader-option"),
        label_columns=tuple(given["label_column"]),
        training_args=settings_in(given["training_arg"], "--training-arg"),
    )
    key = to_json(
        {
            **key_of(request), "data": stamp(request.pool), "seed": request.seed,
            "format": request.format, "reader_options": dict(request.reader_options),
            "label_columns": list(request.label_columns), "altasks": __version__,
        },
        "options",
    )  # fmt: skip
    kept = _kept(out)
    if kept is not None and kept.get("key") == key and not given["again"]:
        talk(f"{out} has the model of these labels and options already; --again trains anew.")
        talk.result({**kept["result"], "fitted": False})
        return
    result = _fit(request, given["test"], key, talk, force=given["force"])
    talk(f"The model is in {out}.")
    talk.result({**result, "fitted": True})


def _fit(
    request: CompareRequest, test: Path | None, key: Any, talk: Talk, *, force: bool
) -> dict[str, Any]:
    from altasks.cli.silence import silence_transformers

    ranker = find_ranker(request.task)
    flags = {"--data", "--model", "--format", "--reader-option", "--label-column", "--id-column"}
    flags |= {"--training-arg", "--batch-size", "--device", "--seed", "--test"}
    flags |= {option.flag for option in compare_options_of(ranker)}
    with option_names(flags, renamed=_RENAMED):
        if not request.pool.exists():
            raise invalid("--data", "an existing file or folder", repr(str(request.pool)))
        ranker.check_compare(request)
        data = ranker.read_labelled(request, request.pool)
        samples, labels = data.pairs()
        if not samples:
            raise invalid("--data", "samples with labels", "none", where=str(request.pool))
        held = None
        if test is not None:
            held = ranker.read_labelled(replace(request, pool=test), test).pairs()
    silence_transformers()
    with option_names(flags, otherwise="--model", renamed=_RENAMED):
        task = ranker.build_to_train(request, data)
    talk(f"Training on {count(len(samples), 'label')} ...")
    with option_names(flags, renamed=_RENAMED):
        task.fit(samples, labels, seed=request.seed)
        metrics = {} if held is None else task.evaluate(*held)
    metrics = {name: float(value) for name, value in metrics.items()}
    if metrics:
        talk(", ".join(f"{name} {value:.4g}" for name, value in metrics.items()))
    result = {"labels": len(samples), "metrics": metrics, "out": str(request.out)}
    note = json.dumps({"key": key, "result": result}, ensure_ascii=False)
    save_task(task, request.out, force=force, beside={NAME: note})
    return result


def _kept(out: Path) -> dict[str, Any] | None:
    """Return what the model in a folder was made from; None if nothing says so."""
    try:
        found = json.loads((out / NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and isinstance(found.get("result"), dict) else None

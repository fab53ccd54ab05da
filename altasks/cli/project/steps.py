"""The steps of a project's life, each safe to repeat: ask, tell, import, sync, fit."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from altasks.cli.project import handout, labels, matching, rows
from altasks.cli.project.opened import Opened
from altasks.cli.project.session import Talk
from altasks.cli.rankers.labelled_files import read_format
from altasks.errors import InvalidInputError, invalid

if TYPE_CHECKING:
    from altasks.loop import ActiveLoop, LoggedFit, Query


def count(number: int, noun: str) -> str:
    """Return a number and its noun.

    Example:
        >>> count(1, "label"), count(1200, "label")
        ('1 label', '1,200 labels')
    """
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def is_several(project: Opened) -> bool:
    """Return whether a sample may have several classes."""
    return bool(project.config.top.get("multi_label"))


# Out.


def top_up(project: Opened, loop: ActiveLoop, number: int | None) -> Query | None:
    """Ask for as many samples as are missing until so many are open; None if none are.

    What is open counts, so asking twice is asking once.
    """
    state = loop.store.state()
    ask = project.config.ask
    wanted = number or (project.config.number if state.last_fit else None)
    if wanted is None:
        wanted = int(ask.get("initial", project.config.number))
    missing = wanted - len(state.pending)
    return loop.ask(missing) if missing > 0 else None


def ask(
    project: Opened,
    talk: Talk,
    *,
    number: int | None,
    out: Path | None,
    force: bool,
    new: bool = True,
    accept_changes: bool = False,
) -> None:
    """Have so many samples open, and write them where they are wanted."""
    if out is not None:
        handout.check_suffix(out)
    with project.open_loop(accept_changes=accept_changes) as loop, project.named():
        untold: list[str] = []
        if out is not None and out.is_file():
            untold = _untold(project, loop, out, force)
        asked = top_up(project, loop, number) if new else None
        query = handout.open_query(loop)
        fresh = 0 if asked is None else len(asked)
        found: dict[str, Any] = {
            "open": len(query), "new": fresh, "round": loop.round,
            "out": None if out is None else str(out),
        }  # fmt: skip
        if out is None:
            if talk.as_json:
                found["rows"] = handout.rows_of(query, project.ranker)
            else:
                sys.stdout.buffer.write(handout.text_of(query, project.ranker, ".jsonl"))
                sys.stdout.flush()
        else:
            content = handout.text_of(query, project.ranker, out.suffix.lower())
            handout.write_queue(out, content, untold=untold, force=force)
        how = "" if loop.store.state().last_fit else " There is no model yet: they are first picks."
        where = " `--out batch.csv` writes them for a spreadsheet."
        if out is not None:
            where = f" They are in {talk.path(out)}: fill in the column 'label'."
        talk(f"{count(len(query), 'sample')} open, {fresh:,} of them new.{how}{where}")
        if not len(query):
            talk("Nothing is left to label.")
        talk.result(found)


def _untold(project: Opened, loop: ActiveLoop, out: Path, force: bool) -> list[str]:
    """Return what would be lost of a file that is there."""
    try:
        there = rows.read_rows(
            out, id_column=None, label_column=None, keys=project.ranker.label_keys
        )
    except InvalidInputError as error:
        if force:
            return []
        raise invalid(
            "--out", "a new file, or a queue", f"another file, {str(out)!r}",
            hint=f"Choose another, or overwrite it with --force. ({error})",
        ) from error  # fmt: skip
    return labels.untold(loop, there, is_several(project))


# In.


def tell(
    project: Opened,
    talk: Talk,
    path: Path,
    *,
    id_column: str | None = None,
    label_column: str | None = None,
    annotator: str = "",
    replace: bool = False,
) -> None:
    """Take the labels of a table into the store."""
    found = rows.read_rows(
        path,
        id_column=id_column or project.config.top.get("id_column"),
        label_column=label_column,
        keys=project.ranker.label_keys,
    )
    with project.open_loop() as loop:
        told = labels.take(
            loop, found, annotator=annotator, replace_labels=replace, several=is_several(project)
        )
        say_told(loop, talk, told)


def say_told(loop: ActiveLoop, talk: Talk, told: labels.Told, left_out: int = 0) -> None:
    """Say what came of rows."""
    state = loop.store.state()
    parts = [f"{count(told.labels, 'label')} taken"]
    parts += [f"{count(told.skips, 'sample')} skipped"] if told.skips else []
    parts += [f"{told.known:,} known already"] if told.known else []
    parts += [f"{count(told.empty, 'row')} without a label"] if told.empty else []
    parts += [f"{left_out:,} not in the pool left out"] if left_out else []
    talk(", ".join(parts) + ".")
    talk(
        f"{len(state.labelled):,} of {len(loop.pool):,} are labelled, {len(state.pending):,} open."
    )
    talk.result(
        {
            **vars(told),
            "left_out": left_out,
            "labelled": len(state.labelled),
            "open": len(state.pending),
        }
    )


def import_labels(
    project: Opened,
    talk: Talk,
    path: Path,
    *,
    format: str | None,
    options: Mapping[str, Any],
    id_column: str | None,
    label_columns: tuple[str, ...],
    annotator: str,
    replace: bool,
    skip_unknown: bool,
) -> None:
    """Take the labels of any file that the task's readers know into the store."""
    if not path.exists():
        raise invalid("FILE", "an existing file or folder", repr(str(path)))
    keys = label_columns[:1] or project.ranker.label_keys
    ids = id_column or project.config.top.get("id_column")
    if format is None and not options and rows.has_labels(path, ids, keys):
        found = rows.read_rows(path, id_column=ids, label_column=None, keys=keys)
        if all(row.id in project.pool for row in found) or not project.pool.positional:
            left_out = 0
            if skip_unknown:
                known = [row for row in found if row.id in project.pool]
                found, left_out = known, len(found) - len(known)
            _take(project, talk, found, annotator, replace, left_out)
            return
    read = _read(project, path, format, options, ids, label_columns)
    found, left_out = matching.rows_of(read, project.pool, path, skip_unknown=skip_unknown)
    if not found:
        raise invalid("FILE", "labels", "none", where=str(path))
    _take(project, talk, found, annotator, replace, left_out)


def _read(
    project: Opened,
    path: Path,
    format: str | None,
    options: Mapping[str, Any],
    id_column: str | None,
    label_columns: tuple[str, ...],
) -> Any:
    from dataclasses import replace as with_fields

    request = with_fields(
        project.request,
        id_column=id_column,
        label_columns=label_columns or project.request.label_columns,
        format=format,
        reader_options=dict(options),
    )
    with project.named():
        if format is not None:
            columns = {"label_column": request.label_column, "id_column": request.id_column}
            return read_format(
                path, request.task, format=format, options=options, columns=columns
            ).pool
        return project.ranker.read_labelled(request, path).pool


def _take(
    project: Opened,
    talk: Talk,
    found: list[rows.LabelRow],
    annotator: str,
    replace: bool,
    left_out: int,
) -> None:
    with project.open_loop() as loop:
        told = labels.take(
            loop, found, annotator=annotator, replace_labels=replace, several=is_several(project)
        )
        say_told(loop, talk, told, left_out)


# The model.


def fit(project: Opened, talk: Talk, *, again: bool, out: Path | None, force: bool) -> None:
    """Train on the labels there are, unless the last model was; measure, and save it."""
    from altasks.cli.project.saving import check_folder, save_task

    if out is not None:
        check_folder(out, force=force)
    with project.open_loop() as loop:
        fitted, metrics = fit_if_new(project, loop, talk, again=again)
        last = loop.store.state().last_fit
        assert last is not None
        if out is not None:
            with project.named():
                loop.restore()
                save_task(loop.task, out, force=force)
            talk(f"The model is in {talk.path(out)}.")
        talk.result(
            {
                "fitted": fitted, "fit": last.fit, "labels": last.n_labels, "metrics": metrics,
                "out": None if out is None else str(out),
            }
        )  # fmt: skip


def fit_if_new(
    project: Opened, loop: ActiveLoop, talk: Talk, *, again: bool = False
) -> tuple[bool, dict[str, float]]:
    """Fit if there are labels that the last fit didn't have; return whether, and the metrics."""
    state = loop.store.state()
    if not state.labelled:
        raise InvalidInputError(
            "There is no label yet: `altasks ask`, fill in the labels, `altasks tell`, then fit."
        )
    fitted = again or not state.is_fitted
    begun = time.perf_counter()
    if fitted:
        talk(f"Training on {count(len(state.labelled), 'label')} ...")
        with project.named():
            last = loop.fit()
    else:
        assert state.last_fit is not None
        last = state.last_fit
        talk(f"The model of fit {last.fit} has all {last.n_labels:,} labels already.")
    record = loop.store.rounds(after=last.round - 1).get(last.round, {})
    if record.get("fit") != last.fit:  # not yet, or of an earlier fit
        record = _record(project, loop, last, begun)
        loop.store.record_round(last.round, record)
    metrics: dict[str, float] = record["metrics"]
    shown = "".join(f", {name} {value:.4g}" for name, value in metrics.items())
    talk(f"Fit {last.fit}: {count(last.n_labels, 'label')}{shown}.")
    return fitted, metrics


def _record(project: Opened, loop: ActiveLoop, last: LoggedFit, begun: float) -> dict[str, Any]:
    """Return the record of a round, as `loop.run` keeps it: stopping rules read them."""
    metrics = measure(project, loop)
    state = loop.store.state()
    return {
        "ids": [name for name, number in state.asked.items() if number == last.round],
        "labelled": last.n_labels,
        "metrics": metrics,
        "seconds": time.perf_counter() - begun,
        "cost": None,
        "unanswered": len(state.pending),
        "spent": None,
        "fit": last.fit,
    }


def measure(project: Opened, loop: ActiveLoop) -> dict[str, float]:
    """Return the metrics on the test set, those that are finite; {} without one."""
    test = project.test_set()
    if test is None:
        return {}
    with project.named():
        found = loop.evaluate(test)
    return {name: value for name, value in found.items() if math.isfinite(value)}


# The tool.


def sync(project: Opened, talk: Talk, *, everything: bool, rerank: bool) -> None:
    """Take in what people said in the tool, and hand out what is open."""
    from altasks.cli.project.tools import people_of

    with project.open_loop() as loop:
        tool = people_of(project, loop)
        done = loop.sync(tool, rerank=rerank, everything=everything)
        say_synced(talk, tool, done)
        close = getattr(tool, "close", None)
        if callable(close):
            close()
        talk.result({**vars(done), "open": len(done.open), "tool": tool.name})


def say_synced(talk: Talk, tool: Any, done: Any) -> None:
    """Say what a sync brought."""
    parts = [f"{count(done.labels, 'label')} new or changed"]
    parts += [f"{done.skips:,} skipped"] if done.skips else []
    parts += [f"{done.withdrawn:,} withdrawn"] if done.withdrawn else []
    talk(f"{tool.name}: {', '.join(parts)}; {count(len(done.open), 'sample')} open.")
    address = getattr(tool, "project_url", None)
    if address and done.open:
        talk(f"People label at {address}")

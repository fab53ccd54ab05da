"""How far a project is, from its store alone: `altasks status`."""

from __future__ import annotations

from typing import Any

from altasks.cli.project.opened import Opened
from altasks.cli.project.session import Talk
from altasks.cli.project.steps import count


def status(project: Opened, talk: Talk) -> None:
    """Say what is labelled, open and skipped, how good the model is, and what to do next."""
    found = status_of(project)
    for line in lines_of(found):
        talk(line)
    talk.result(found)


def status_of(project: Opened) -> dict[str, Any]:
    """Return how far a project is, as JSON."""
    config = project.config
    found: dict[str, Any] = {
        "task": config.task,
        "model": config.top.get("model"),
        "pool": len(project.pool),
        "store": config.store,
        "tool": config.tool.get("name"),
        "budget": config.run.get("budget"),
    }
    store = project.open_store()
    if store is None:
        return {**found, **dict.fromkeys(("round", "labelled", "open", "skipped", "fits"), 0),
                "last_fit": None, "new_labels": 0, "rounds": [],
                "next": "altasks ask"}  # fmt: skip
    try:
        state = store.state()
        last = state.last_fit
        new = {
            event.id
            for event in store.history(after=0 if last is None else last.seq)
            if event.kind != "skip" and not event.part
        }
        rounds = [{"round": number, **row} for number, row in store.rounds().items()]
    finally:
        store.close()
    found |= {
        "round": state.round,
        "labelled": len(state.labelled),
        "open": len(state.pending),
        "skipped": len(state.skipped),
        "fits": 0 if last is None else last.fit,
        "new_labels": len(new),
        "last_fit": None
        if last is None
        else {"fit": last.fit, "labels": last.n_labels, "at": last.at, "round": last.round},
        "rounds": [
            {key: one[key] for key in ("round", "fit", "labelled", "metrics") if key in one}
            for one in rounds
        ],
    }
    return {**found, "next": next_step(found, is_fitted=state.is_fitted)}


def next_step(found: dict[str, Any], *, is_fitted: bool) -> str:
    """Return the command that goes on from here."""
    if found["tool"] == "simulated":
        return "altasks run"
    if found["open"] and found["tool"]:
        return "altasks sync"
    if found["labelled"] and not is_fitted:
        return "altasks fit"
    if found["open"]:
        return "altasks tell FILE"
    left = found["pool"] - found["labelled"] - found["skipped"]
    return "altasks ask" if left > 0 else "altasks export --out FILE"


def lines_of(found: dict[str, Any]) -> list[str]:
    """Return the lines for people."""
    lines = [
        f"{found['task']}: {count(found['pool'], 'sample')} in the pool, store {found['store']}",
        f"{found['labelled']:,} labelled, {found['open']:,} open, {found['skipped']:,} skipped, "
        f"asked {count(found['round'], 'time')}.",
    ]
    if budget := found["budget"]:
        lines.append(f"Budget: {found['labelled']:,} of {count(budget, 'label')}.")
    last = found["last_fit"]
    if last is None:
        lines.append("No model has been trained yet.")
    else:
        since = found["new_labels"]
        more = f"; {count(since, 'label')} new or changed since" if since else ""
        lines.append(f"Fit {last['fit']} ({last['at'][:16]}): {last['labels']:,} labels{more}.")
    for one in [one for one in found["rounds"] if one["metrics"]][-5:]:
        shown = ", ".join(f"{name} {value:.4g}" for name, value in one["metrics"].items())
        lines.append(f"  round {one['round']}, {one['labelled']:,} labels: {shown}")
    more = ", or altasks tell FILE for what is open" if found["open"] else ""
    lines.append(f"Next: {found['next']}{more if found['next'] == 'altasks fit' else ''}")
    return lines

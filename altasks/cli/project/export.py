"""The labels of a store as files that people and readers take: `altasks export`."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from altasks._internal.whole_files import written_whole
from altasks.cli.files import check_target
from altasks.cli.project.opened import Opened
from altasks.cli.project.session import Talk
from altasks.cli.project.steps import count
from altasks.data.spreadsheets import csv_text, safe_cell
from altasks.errors import InvalidInputError, invalid

if TYPE_CHECKING:
    from altasks.data import Pool
    from altasks.loop.base import Event, Store

#: Suffix -> format, where none is named.
_BY_SUFFIX = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".conll": "conll",
              ".json": "coco"}  # fmt: skip
#: Format -> the tasks that have it; () for all.
FORMATS: Mapping[str, Sequence[str]] = {
    "jsonl": (),
    "csv": (),
    "conll": ("ner",),
    "coco": ("object-detection",),
    "voc": ("object-detection",),
    "yolo": ("object-detection",),
}
#: Keys of a row that hold a path.
_PATHS = ("image", "path")


def export(
    project: Opened,
    talk: Talk,
    *,
    out: Path | None,
    format: str | None,
    everyone: bool,
    raw: bool,
    force: bool,
) -> None:
    """Write the labels of the store."""
    chosen = _format_of(project, out, format)
    if out is not None and chosen not in ("voc", "yolo"):
        check_target(out, force=force)
    store = project.open_store()
    if store is None:
        raise InvalidInputError("There is no store yet, so no label: `altasks ask` comes first.")
    try:
        values = store.labels().values
        rows = (
            _everyone(store)
            if everyone
            else [{"id": name, "value": value} for name, value in values.items()]
        )
    finally:
        store.close()
    if chosen in ("jsonl", "csv"):
        folder = Path.cwd() if out is None else out.parent
        table = [_row(project, one, folder) for one in rows if one["id"] in project.pool]
        content = _content(table, chosen, raw)
        if out is None:
            sys.stdout.buffer.write(content)
            sys.stdout.flush()
        else:
            with written_whole(out) as file:
                file.write(content)
        if any(str(row.get("image", "")).startswith("../") for row in table):
            talk.note(
                "readers take images from the folder of such a table and below; put it there."
            )
        if chosen == "csv" and not raw and _guarded(table):
            talk.note(
                "texts that a spreadsheet takes for formulas have an apostrophe in front; "
                "--raw leaves it out, for programs."
            )
    else:
        if out is None:
            raise invalid("--out", f"a path, for the format {chosen}", "none")
        _write(project, chosen, values, out, force)
    where = "" if out is None else f" in {talk.path(out)}"
    talk(f"{count(len(rows), 'answer' if everyone else 'label')}{where}.")
    talk.result({"rows": len(rows), "format": chosen, "out": None if out is None else str(out)})


def _format_of(project: Opened, out: Path | None, format: str | None) -> str:
    known = [name for name, tasks in FORMATS.items() if not tasks or project.config.task in tasks]
    chosen = format
    if chosen is None:
        chosen = "jsonl" if out is None else _BY_SUFFIX.get(out.suffix.lower())
    if chosen not in known:
        found = repr(format) if format else f"none, for {str(out)!r}"
        raise invalid("--format", f"one of {', '.join(known)}", found)
    return chosen


def _everyone(store: Store) -> list[dict[str, Any]]:
    """Return what each person says of each sample, skips too; the label that counts comes last."""
    now: dict[tuple[str, str], Event] = {}
    for event in store.history():
        if event.part:
            continue
        now.pop((event.id, event.annotator), None)
        if event.kind != "withdraw":
            now[event.id, event.annotator] = event
    labelled = {name for (name, _), event in now.items() if event.kind == "label"}
    rows = []
    for (name, _), event in now.items():
        if event.kind == "label":
            rows.append(_said(event))
        elif name not in labelled:
            rows.append({"id": name, "skip": True, "annotator": event.annotator, "at": event.at})
    return rows


def _said(event: Event) -> dict[str, Any]:
    row = {"id": event.id, "value": event.value, "annotator": event.annotator, "at": event.at}
    return row if event.seconds is None else {**row, "seconds": event.seconds}


def _row(project: Opened, said: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return what is written: the id, the sample and the label by the reader's names, and so on."""
    sample = project.pool[said["id"]]
    rest = {key: one for key, one in said.items() if key not in ("id", "value")}
    if "value" not in said:
        return {"id": said["id"], **project.ranker.fields(sample), **rest}
    fields = project.ranker.labelled_fields(sample, said["value"])
    for key in _PATHS:
        if isinstance(fields.get(key), str):  # readers take paths from the file's own folder
            fields[key] = Path(os.path.relpath(fields[key], folder)).as_posix()
    return {"id": said["id"], **fields, **rest}


def _content(rows: Sequence[Mapping[str, Any]], format: str, raw: bool) -> bytes:
    if format == "csv":
        text = csv_text(rows or [{"id": None, "label": None}], safe=not raw)
        text = text if rows else text.splitlines(keepends=True)[0]
        return text.encode("utf-8" if raw else "utf-8-sig")
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    return "".join(f"{line}\n" for line in lines).encode()


def _guarded(rows: Sequence[Mapping[str, Any]]) -> bool:
    return any(safe_cell(cell) is not cell for row in rows for cell in row.values())


# Formats of tasks.


def _write(project: Opened, format: str, labels: Mapping[str, Any], out: Path, force: bool) -> None:
    pool = project.pool
    mine = {name: label for name, label in labels.items() if name in pool}
    if format == "conll":
        _write_conll(project, mine, out)
        return
    from altasks.data.boxes.boxed import BoxedImages
    from altasks.data.boxes.coco import write_coco
    from altasks.data.boxes.voc import write_voc
    from altasks.data.boxes.yolo import write_yolo

    names = list(project.data.classes)
    images = {name: Path(pool[name]) for name in mine}
    boxed = BoxedImages(names, images, dict(mine))
    if format == "coco":
        _into_place(out, lambda path: write_coco(boxed, path))
        return
    if out.exists() and not force:
        raise invalid(
            "--out", "a folder that isn't there yet", repr(str(out)),
            hint="Choose another, or replace it with --force.",
        )  # fmt: skip
    write = write_voc if format == "voc" else write_yolo
    _into_place(out, lambda path: write(boxed, path))


def _into_place(out: Path, write: Callable[[Path], Any]) -> None:
    """Write into a temporary folder beside `out`, and rename what is there now into place."""
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as folder:
        made = Path(folder, out.name)
        write(made)
        if out.is_dir():
            shutil.rmtree(out)
        made.replace(out)


def _write_conll(project: Opened, labels: Mapping[str, Any], out: Path) -> None:
    from altasks.data.tagging.conll_writer import write_conll
    from altasks.data.tagging.tagged import TaggedSentences
    from altasks.data.tagging.words import word_offsets

    pool: Pool = project.pool
    tokens = []
    for name in labels:
        sample = pool[name]
        if isinstance(sample, str):
            sample = [sample[start:end] for start, end in word_offsets(sample)]
        tokens.append(list(sample))
    sentences = TaggedSentences(tokens, [list(label) for label in labels.values()], list(labels))
    _into_place(out, lambda path: write_conll(path, sentences))

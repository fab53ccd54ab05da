"""Fuzz each reader, and all constructors, for ten minutes; by hand: `python tests/soak/fuzz.py`.

Each reader's run is one row of `docs/results/fuzz.jsonl`: how many inputs, how many of them were
refused by name, how long, and how many raised anything else (0, or 1 as a run ends there). A
reader that has a row for the version of its code under test and as many seconds is not run again,
so it can be stopped and resumed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "docs/results/fuzz.jsonl"
BOXES = "tests/data/boxes/test_fuzz.py"
TAGS = "tests/data/tagging"
TEXTS = "tests/data/test_fuzz.py::test_any_file_is_read_or_named"
EXPORTS = "tests/data/label_studio/test_exports.py::test_any_export_is_read_or_named"
SHAPES = "tests/data/shapes"
XML = "test_any_xml_is_read_or_named"
READERS = {
    "yolo rows": f"{BOXES}::test_rows_of_yolo",
    "yolo data.yaml": f"{BOXES}::test_data_yamls",
    "voc": f"{BOXES}::test_voc",
    "coco": f"{BOXES}::test_coco",
    "class names": f"{BOXES}::test_names",
    "image folders": f"{BOXES}::test_folders",
    "masks": "tests/data/masks/test_mask_values.py::test_any_bytes_are_a_mask_or_named",
    "coco masks": "tests/data/masks/test_coco_masks.py::test_any_json_is_drawn_or_named",
    "label studio": f"{TAGS}/test_label_studio.py::test_any_json_is_read_or_refused_by_name",
    **{
        f"label studio {kind}": f"{EXPORTS}[{kind}]"
        for kind in ("boxes", "masks", "choices", "numbers", "lines")
    },
    **{
        f"{tool} {kind}": f"{SHAPES}/test_{tool}.py::test_any_{form}_is_read_or_named[{kind}]"
        for tool, form, kinds in (
            ("cvat", "xml", ("boxes", "masks", "tags")),
            ("labelme", "json", ("boxes", "masks")),
            ("via", "json", ("boxes", "masks", "files")),
        )
        for kind in kinds
    },
    **{
        f"{kind} lines": f"tests/data/page_lines/test_page_lines.py::{XML}[{kind}]"
        for kind in ("page", "alto")
    },
    "annotated texts": f"{TAGS}/test_annotated_texts.py::test_any_json_is_read_or_refused_by_line",
    **{
        name: f"{TEXTS}[{name}]"
        for name in (
            "csv", "tsv", "jsonl", "conll", "conllu", "lines", "snips", "srl", "tagged_jsonl",
            "doccano", "prodigy", "argilla", "argilla_spans"
        )
    },
}  # fmt: skip
#: One test for each, which share the time.
READERS["constructors"] = "tests/properties/test_constructors.py"
CONSTRUCTORS = 40


def code_version() -> str:
    """Return a hash of the code under test."""
    digest = hashlib.blake2b(digest_size=8)
    rooms = ("_internal", "committees", "data", "oracles", "predictions", "strategies")
    for file in sorted(file for room in rooms for file in (ROOT / "altasks" / room).rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def fuzz(test: str, seconds: float) -> tuple[dict[str, float], str]:
    """Run one test for so long; return what it counted, and what pytest said where it failed."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log.jsonl")
        share = seconds / (CONSTRUCTORS if test == READERS["constructors"] else 1)
        settings = {"ALTASKS_FUZZ_SECONDS": str(share), "ALTASKS_FUZZ_LOG": str(log)}
        command = [sys.executable, "-m", "pytest", "-n", "0", "-q", "-p", "no:cacheprovider"]
        done = subprocess.run(
            [*command, "-m", "", test],  # constructors are slow tests
            cwd=ROOT, env={**os.environ, **settings}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        rows = map(json.loads, log.read_text().splitlines() if log.exists() else [])
        counted: Counter[str] = Counter()
        for row in rows:
            counted.update(row)
        return {**counted, "failures": int(done.returncode != 0)}, done.stdout[-6000:]


def main() -> None:
    """Run what has no row yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("readers", nargs="*", choices=[*READERS, []], help="all if none")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    version = code_version()
    lines = options.out.read_text().splitlines() if options.out.exists() else []
    rows = [json.loads(line) for line in lines]
    done = {
        row["reader"]
        for row in rows
        if row["code"] == version and row.get("seconds", 0) >= options.seconds
    }
    for name in options.readers or READERS:
        if name in done:
            continue
        counted, said = fuzz(READERS[name], options.seconds)
        row = {"code": version, "reader": name, **counted}
        print(row, said if row["failures"] else "", flush=True)
        with options.out.open("a") as file:
            file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()

"""500 processes killed while they run, tell and ask; by hand: `python tests/soak/kill.py`.

Each trial is one row of `docs/results/kill.jsonl`, keyed by its kind, its number and the version
of the code under test; trials that have a row are not run again, so it can be stopped and resumed.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "docs/results/kill.jsonl"


def load(name: str) -> ModuleType:
    """Import a module of tests/loop, which is no package."""
    spec = importlib.util.spec_from_file_location(f"soak_{name}", ROOT / f"tests/loop/{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def code_version() -> str:
    """Return a hash of the code that a kill could break."""
    digest = hashlib.blake2b(digest_size=8)
    for folder in ("loop", "oracles"):
        for file in sorted((ROOT / "altasks" / folder).glob("*.py")):
            digest.update(file.read_bytes())
    return digest.hexdigest()


def main() -> None:
    """Run what has no row yet, and print the sums."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    tests, conftest = load("test_kill"), load("conftest")
    version = code_version()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    if options.out.exists():
        rows = [json.loads(line) for line in options.out.read_text().splitlines()]
    rows = [row for row in rows if row["code"] == version]
    kinds = {"run": 0.6, "tell": 0.2, "ask": 0.2}
    server = conftest.Server()
    with tempfile.TemporaryDirectory() as folder:
        reference = make_reference(tests, server, folder)
        for kind, share in kinds.items():
            for trial in range(1_000_000):
                done = [row for row in rows if row["kind"] == kind]
                if sum(row["kills"] for row in done) >= share * options.kills:
                    break
                if any(row["trial"] == trial for row in done):
                    continue
                with tempfile.TemporaryDirectory() as place:
                    phases = run_trial(tests, server, reference, Path(place), kind, trial)
                row = {"code": version, "kind": kind, "trial": trial, "kills": phases.total()}
                row["phases"] = dict(sorted(phases.items()))
                rows.append(row)
                with options.out.open("a") as file:
                    file.write(json.dumps(row) + "\n")
                print(row, flush=True)
    server.close()
    for kind in kinds:
        phases = Counter()
        for row in rows:
            if row["kind"] == kind:
                phases.update(row["phases"])
        print(f"{kind}: {phases.total()} kills, none lost or doubled anything: {dict(phases)}")


def make_reference(tests: ModuleType, server: Any, folder: str) -> dict[str, Any]:
    """Run undisturbed once."""
    url = f"sqlite:///{folder}/reviews.db"
    answer = tests.finish(server, url)
    return {"outcome": tests.outcome(url), "working": answer["working"]}


def run_trial(
    tests: ModuleType, server: Any, reference: dict[str, Any], place: Path, kind: str, trial: int
) -> Counter[str]:
    """Do one trial, which fails by raising."""
    kills = 5
    seed = random.Random(f"{kind}-{trial}").randrange(2**31)
    phases: Counter[str]
    if kind == "run":
        phases = tests.kill_runs(server, reference, place, kills, seed)
    elif kind == "tell":
        phases = tests.kill_tells(server, place, kills, seed)
    else:
        phases = tests.kill_asks(server, place, kills, seed)
    return phases


if __name__ == "__main__":
    main()
